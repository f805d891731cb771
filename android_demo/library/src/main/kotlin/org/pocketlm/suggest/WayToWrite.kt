package org.pocketlm.suggest

import java.util.Locale
import kotlin.math.ln
import org.pocketlm.text.Capitals
import org.pocketlm.text.TextSoFar
import org.pocketlm.text.beginsUpper
import org.pocketlm.text.capitalised
import org.pocketlm.text.fold
import org.pocketlm.text.hasCapital
import org.pocketlm.text.isLetter
import org.pocketlm.text.isUpper
import org.pocketlm.text.skip
import org.pocketlm.text.withoutApostrophes

/** A way to write a word that fits the prefix better is shown if it has this share of the word. */
internal val LOG_FITTING_SHARE = ln(0.1)

// One without a capital, typed by someone who uses capitals, if it is mostly written so: else it is
// a name.
private val LOG_SMALL_SHARE = ln(0.5)

/** What a way to write a word that fits the prefix has to have of it, after this context. */
internal fun fittingShare(context: String, prefix: String): Double {
    val small = prefix.isNotEmpty() && Character.isLowerCase(prefix.codePointAt(0))
    return if (small && hasCapital(context)) LOG_SMALL_SHARE else LOG_FITTING_SHARE
}

/**
 * How a word is shown: as it was begun, else as the text mostly writes it there.
 *
 * A sentence starts with a capital, unless hardly any text does so with this word; a line in
 * capitals goes on in them. What is typed already is not shown; if it is the word, another way to
 * write it may be.
 */
internal fun wayToWrite(
    word: FoundWord,
    read: TextSoFar,
    startsSentence: Boolean,
    fittingShare: Double,
): String? {
    val prefix = read.prefix
    var ways: Map<String, Double> = word.ways
    if (prefix in ways) {
        val least = word.total + LOG_FITTING_SHARE
        ways = ways.filter { it.key != prefix && it.value >= least }
        if (ways.isEmpty()) return null
    }
    val fitting = ways.filter {
        if (prefix.isEmpty() && startsSentence) beginsUpper(it.key) else fits(it.key, prefix)
    }
    var shown = likeliest(ways)
    if (fitting.isNotEmpty()) {
        val best = likeliest(fitting)
        if (fitting.getValue(best) >= word.total + fittingShare) shown = best
    }
    return asBegun(shown, prefix, read.capitals).takeIf { it != prefix }
}

private fun likeliest(ways: Map<String, Double>): String =
    ways.entries.maxWith(compareBy<Map.Entry<String, Double>> { it.value }.thenBy { it.key }).key

private fun fits(word: String, prefix: String): Boolean =
    word.startsWith(prefix) || withoutApostrophes(word).startsWith(prefix)

/** The word with the capitals of the prefix and of its line. */
private fun asBegun(word: String, prefix: String, capitals: Capitals): String {
    val rest = prefix.drop(if (prefix.isEmpty()) 0 else prefix.offsetByCodePoints(0, 1))
    return when {
        capitals == Capitals.ALL || isUpper(prefix) && countLetters(prefix) > 1 ->
            word.uppercase(Locale.ROOT)
        rest != rest.lowercase(Locale.ROOT) && fold(word).startsWith(fold(prefix)) -> {
            val characters = prefix.codePointCount(0, prefix.length)
            prefix + word.substring(word.offsetByCodePoints(0, characters)) // "McD", "iPh"
        }
        capitals == Capitals.WORDS || beginsUpper(prefix) -> capitalised(word)
        else -> word
    }
}

private fun countLetters(text: String): Int {
    var count = 0
    skip(text, 0) {
        if (isLetter(it)) count++
        true
    }
    return count
}
