/**
 * The text so far as a suggester reads it, by the same rules as `model/reading.py`, where they are
 * argued for: what a model has hardly seen becomes what it knows.
 *
 *     text -> context (finished) + prefix -> readable: its spaces, and signs without a piece
 *          -> lines in capitals as they are written otherwise
 *
 * Thread: any; nothing is kept.
 */
package org.pocketlm.text

// Of a longer text only the end is context: between so many and twice as many characters.
private const val CONTEXT_CHARACTERS = 1024

// So many words say that the capitals of a line are a way to write.
private const val WORDS_IN_CAPITALS = 2

// The log-probability of a token that is no piece of text, in a word.
private const val UNLIKELY = -20.0
private const val ASCII_SIZE = 0x80

/** Where a line has capitals that are only a way to write: nowhere, At The Start Of All Words, EVERYWHERE. */
internal enum class Capitals { NONE, WORDS, ALL }

/**
 * What was typed.
 *
 * @property context all before the word that is being typed, without such capitals.
 * @property prefix what there is of that word, as it was typed.
 * @property capitals of the words that go on with it.
 */
internal class TextSoFar private constructor(
    val context: String,
    val prefix: String,
    val capitals: Capitals,
) {
    companion object {
        /** The text so far for a model with this tokenizer. */
        fun read(text: String, tokenizer: Tokenizer): TextSoFar {
            val (before, typed) = splitContext(text)
            val lines = recent(readable(before, tokenizer), CONTEXT_CHARACTERS).split('\n')
            val prefix = plainApostrophes(readable(typed, tokenizer))
            val last = lines.last()
            val capitals = if (isInCapitals(last + prefix)) Capitals.ALL else capitalsOf(last, tokenizer)
            val finished = lines.dropLast(1).map { plainly(it, capitalsOf(it, tokenizer), tokenizer) }
            val context = finished + plainly(last, capitals, tokenizer)
            return TextSoFar(context.joinToString("\n"), prefix, after(prefix, capitals))
        }
    }
}

/**
 * White space as spaces, and signs that no piece has as plain ones, or else as spaces.
 *
 * Letters with their marks and digits stay, those of other scripts too, and so does ASCII, each
 * sign of which is one token. Invisible characters that no piece has are left out.
 */
internal fun readable(text: String, tokenizer: Tokenizer): String {
    val spaced = plainSpaces(text)
    val result = StringBuilder(spaced.length)
    skip(spaced, 0) {
        when {
            tokenizer.hasCharacter(it) -> result.appendCodePoint(it)
            isInvisible(it) -> {}
            it < ASCII_SIZE || isLetter(it) || isMark(it) -> result.appendCodePoint(it)
            else -> result.append(plainSign(it))
        }
        true
    }
    return result.toString()
}

/** Whether a line has two words of two capitals or more, and no small letter. */
internal fun isInCapitals(line: String): Boolean =
    skip(line, 0) { !Character.isLowerCase(it) } == line.length &&
        wordsOf(line).count { countCapitals(it) > 1 } >= WORDS_IN_CAPITALS

/** Whether all words of a line begin with a capital that several have not by themselves. */
private fun hasCapitalWords(line: String, tokenizer: Tokenizer): Boolean {
    var needless = 0
    forEachWord(line) { start, stop ->
        val begins = start == 0 || line[start - 1] == ' '
        if (begins && Character.isLowerCase(line.codePointAt(start))) return false
        val sentence = startsSentence(line.substring(0, start))
        if (!sentence && isNeedless(line.substring(start, stop), tokenizer)) needless++
    }
    return needless >= WORDS_IN_CAPITALS
}

private fun capitalsOf(line: String, tokenizer: Tokenizer): Capitals = when {
    isInCapitals(line) -> Capitals.ALL
    hasCapitalWords(line, tokenizer) -> Capitals.WORDS
    else -> Capitals.NONE
}

/** Those of a line for a word that begins so: a small letter is against them. */
private fun after(prefix: String, capitals: Capitals): Capitals {
    val small = skip(prefix, 0) { !Character.isLowerCase(it) }
    val against = if (capitals == Capitals.ALL) small < prefix.length else prefix.isNotEmpty() && small == 0
    return if (against) Capitals.NONE else capitals
}

/** Whether a word has one capital, at its start, and is likelier without by the tokenizer. */
private fun isNeedless(word: String, tokenizer: Tokenizer): Boolean {
    val lower = fold(word)
    val rest = word.offsetByCodePoints(0, 1)
    return word != lower && word.substring(rest) == lower.substring(lower.offsetByCodePoints(0, 1)) &&
        logProbability(lower, tokenizer) > logProbability(word, tokenizer)
}

private fun logProbability(word: String, tokenizer: Tokenizer): Double =
    tokenizer.encode(word).sumOf { if (tokenizer.isText(it)) tokenizer.score(it).toDouble() else UNLIKELY }

/** A line as it would be written without its capitals. */
private fun plainly(line: String, capitals: Capitals, tokenizer: Tokenizer): String = when (capitals) {
    Capitals.NONE -> line
    Capitals.ALL -> capitaliseSentences(fold(line))
    Capitals.WORDS -> {
        val plain = StringBuilder()
        var done = 0
        forEachWord(line) { start, stop ->
            val word = line.substring(start, stop)
            plain.append(line, done, start).append(if (isNeedless(word, tokenizer)) fold(word) else word)
            done = stop
        }
        capitaliseSentences(plain.append(line, done, line.length).toString())
    }
}

private fun countCapitals(word: String): Int {
    var count = 0
    skip(word, 0) {
        if (Character.isUpperCase(it)) count++
        true
    }
    return count
}

private fun isInvisible(codePoint: Int): Boolean = when (Character.getType(codePoint).toByte()) {
    Character.FORMAT, Character.ENCLOSING_MARK -> true
    else -> codePoint in 0xFE00..0xFE0F || codePoint in 0xE0100..0xE01EF // variation selectors
}

/** What a typographic sign stands for. */
private fun plainSign(codePoint: Int): String = when (codePoint) {
    '’'.code -> "'"
    '‘'.code, '‛'.code, '“'.code, '”'.code, '„'.code, '‟'.code, '«'.code, '»'.code -> "\""
    in '‐'.code..'–'.code, '−'.code -> "-"
    '—'.code, '―'.code -> " - " // mostly without spaces, and between words
    '…'.code -> "..."
    else -> " "
}
