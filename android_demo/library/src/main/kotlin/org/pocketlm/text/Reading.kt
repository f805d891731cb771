/**
 * The text so far as a suggester reads it, by the same rules as `model/reading.py`, where they are
 * argued for: what a model has hardly seen becomes what it knows.
 *
 *     text -> readable: its spaces, and signs without a piece -> context (finished) + prefix
 *          -> lines in capitals as they are written otherwise
 *
 * Thread: any; nothing is kept.
 */
package org.pocketlm.text

// Of a longer text only the end is context: between so many and twice as many characters.
private const val CONTEXT_CHARACTERS = 1024

// A line is in capitals that has so many words of two capitals or more, and no small letter.
private const val WORDS_IN_CAPITALS = 2

/**
 * What was typed.
 *
 * @property context all before the word that is being typed.
 * @property prefix what there is of that word.
 * @property capitals whether their line is typed in capitals.
 */
internal class TextSoFar private constructor(
    val context: String,
    val prefix: String,
    val capitals: Boolean,
) {
    companion object {
        /** The text so far for a model with this tokenizer. */
        fun read(text: String, tokenizer: Tokenizer): TextSoFar {
            val (before, typed) = splitContext(readable(text, tokenizer))
            val lines = recent(before, CONTEXT_CHARACTERS).split('\n')
            val prefix = plainApostrophes(typed)
            val capitals = isInCapitals(lines.last() + prefix)
            val context = lines.withIndex().joinToString("\n") { (number, line) ->
                val inCapitals = if (number == lines.lastIndex) capitals else isInCapitals(line)
                if (inCapitals) capitaliseSentences(fold(line)) else line
            }
            return TextSoFar(context, prefix, capitals)
        }
    }
}

/**
 * White space as spaces, and signs that no piece has as plain ones, or else as spaces.
 *
 * Letters and digits stay, those of other scripts too, and so does all of ASCII, each sign of which
 * is one token. Marks and invisible characters that no piece has are left out.
 */
internal fun readable(text: String, tokenizer: Tokenizer): String {
    val spaced = plainSpaces(text)
    val result = StringBuilder(spaced.length)
    skip(spaced, 0) {
        if (it < ASCII_SIZE || isLetter(it) || tokenizer.hasCharacter(it)) {
            result.appendCodePoint(it)
        } else if (!isMark(it) && Character.getType(it) != Character.FORMAT.toInt()) {
            result.append(plainSign(it))
        }
        true
    }
    return result.toString()
}

/** Whether a line is typed in capitals: an abbreviation alone is not, nor "I". */
internal fun isInCapitals(line: String): Boolean =
    skip(line, 0) { !Character.isLowerCase(it) } == line.length &&
        wordsOf(line).count { countCapitals(it) > 1 } >= WORDS_IN_CAPITALS

private fun countCapitals(word: String): Int {
    var count = 0
    skip(word, 0) {
        if (Character.isUpperCase(it)) count++
        true
    }
    return count
}

/** What a typographic sign stands for. */
private fun plainSign(codePoint: Int): String = when (codePoint) {
    '‘'.code, '’'.code, '‛'.code -> "'"
    '“'.code, '”'.code, '„'.code, '‟'.code, '«'.code, '»'.code -> "\""
    in '‐'.code..'―'.code, '−'.code -> "-"
    '…'.code -> "..."
    else -> " "
}

private const val ASCII_SIZE = 0x80
