package org.pocketlm.suggest

import kotlin.math.ln
import org.pocketlm.text.Capitals
import org.pocketlm.text.OPENING_SIGNS
import org.pocketlm.text.TextSoFar
import org.pocketlm.text.WORD_START
import org.pocketlm.text.beginsUpper
import org.pocketlm.text.fold
import org.pocketlm.text.isApostrophe
import org.pocketlm.text.startsSentence

/**
 * What the keys of a word have to begin with.
 *
 * @property key with WORD_START where the word begins after a space, in UTF-8.
 * @property apostrophes whether the prefix has any.
 * @property capital words that are written with a capital are meant.
 * @property typed characters of the prefix.
 */
internal class Target(
    val key: ByteArray,
    val apostrophes: Boolean,
    val capital: Boolean,
    val typed: Int,
) {
    /** What a beginning with a key of so many bytes still lacks. */
    fun rest(keyLength: Int): ByteArray =
        if (keyLength >= key.size) NOTHING else key.copyOfRange(keyLength, key.size)

    companion object {
        private val NOTHING = ByteArray(0)

        fun of(read: TextSoFar): Target {
            val prefix = read.prefix
            val before = read.context.lastOrNull()
            val joined = before != null && before != ' ' && before != '\n' &&
                (prefix.isNotEmpty() || before in OPENING_SIGNS)
            val key = (if (joined) "" else WORD_START.toString()) + fold(prefix)
            return Target(
                key.toByteArray(Charsets.UTF_8),
                apostrophes = prefix.any { isApostrophe(it.code) },
                capital = beginsUpper(prefix) && read.capitals == Capitals.NONE &&
                    !startsSentence(read.context),
                typed = prefix.codePointCount(0, prefix.length),
            )
        }
    }
}

/**
 * Pieces that begin a word, after a context.
 *
 * @property text without WORD_START.
 * @property keyLength bytes of it and of WORD_START, as matched with the prefix.
 * @property tokens the context's, then the pieces.
 */
internal class Beginning(
    val text: String,
    val keyLength: Int,
    val tokens: IntArray,
    val logProbability: Float,
)

/**
 * A piece after a beginning, not looked into yet, and logarithms of probabilities.
 *
 * @property score its own.
 * @property fit of what has, by the tokenizer's own model, the rest of the prefix.
 * @property hidden of what lies in words that are longer still.
 * @property word of the word that it is, by the share of endings, -infinity if it has not all of
 *   the prefix.
 */
internal class Open(
    val parent: Beginning,
    val token: Int,
    val score: Float,
    val fit: Double,
    val hidden: Double,
    val word: Double,
)

/** Open beginnings, in the order in which they were opened. */
internal class OpenBeginnings {
    private val all = ArrayList<Open>()

    fun add(open: Open) {
        all.add(open)
    }

    /** Of those that are [above] something the one that hides most, the first of equals. */
    inline fun take(above: (Open) -> Boolean): Open? {
        var best = -1
        for (i in all.indices) {
            if (above(all[i]) && (best < 0 || all[i].hidden > all[best].hidden)) best = i
        }
        return if (best < 0) null else all.removeAt(best)
    }

    fun forEachWord(visit: (Double) -> Unit) = all.forEach { visit(it.word) }

    fun filter(such: (Open) -> Boolean): List<Open> = all.filter(such)
}

/**
 * Finds the value that the so many largest of some reach, without sorting them.
 *
 * It keeps the largest ones as a heap, the smallest of them at the top.
 */
internal class Largest(private val most: Int) {
    private val heap = DoubleArray(most)
    private var size = 0

    /** The smallest of the largest, -infinity if there are not that many. */
    val threshold: Double get() = if (size < most) Double.NEGATIVE_INFINITY else heap[0]

    /** How many of the largest are just the threshold; others that are may have been dropped. */
    val ties: Int get() {
        val threshold = threshold
        return (0 until size).count { heap[it] == threshold }
    }

    fun clear() {
        size = 0
    }

    fun offer(value: Double) {
        if (size < most) {
            rise(size++, value)
        } else if (value > heap[0]) {
            sink(value)
        }
    }

    private fun rise(place: Int, value: Double) {
        var child = place
        while (child > 0) {
            val parent = (child - 1) / 2
            if (heap[parent] <= value) break
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = value
    }

    private fun sink(value: Double) {
        var parent = 0
        while (true) {
            var child = 2 * parent + 1
            if (child >= size) break
            if (child + 1 < size && heap[child + 1] < heap[child]) child++
            if (heap[child] >= value) break
            heap[parent] = heap[child]
            parent = child
        }
        heap[parent] = value
    }
}

/** How often words end with a piece, as logarithms; where nothing is known, every other time. */
internal class Endings(private val lexicon: Lexicon?) {
    private val ending = DoubleArray(256) { ln(share(it)) }
    private val goingOn = DoubleArray(256) { ln(1 - share(it)) }

    fun logEnding(token: Int): Double =
        if (lexicon == null) UNKNOWN else ending[lexicon.ending(token)]

    fun logGoingOn(token: Int): Double =
        if (lexicon == null) UNKNOWN else goingOn[lexicon.ending(token)]

    private fun share(of255: Int): Double = of255.toDouble().coerceIn(0.5, 254.5) / 255

    private companion object {
        val UNKNOWN = ln(0.5)
    }
}
