/**
 * What a word is: the same rules as `model/words.py`, by which the lexicon was made.
 *
 * A word is a run of letters, digits and apostrophes, without apostrophes at its ends; a hyphen
 * ends one, so that "well-kn" is completed by "known". Everything goes by code point, never by half
 * of a surrogate pair, and depends on nothing but Unicode's categories. Which characters those are
 * is Android's to say (`Character.getType`, of the ICU that the system has): letters of scripts
 * newer than the device are no letters there, and may have been some where the model was trained.
 *
 * Thread: any; nothing is kept.
 */
package org.pocketlm.text

import java.util.Locale

const val WORD_START = '\u2581'

/** After one of these a word begins without a space. */
const val OPENING_SIGNS = "([{<\"“‘«¿¡"
private const val SENTENCE_ENDS = ".!?…"

private const val LETTERS_AND_DIGITS =
    (1 shl Character.UPPERCASE_LETTER.toInt()) or
        (1 shl Character.LOWERCASE_LETTER.toInt()) or
        (1 shl Character.TITLECASE_LETTER.toInt()) or
        (1 shl Character.MODIFIER_LETTER.toInt()) or
        (1 shl Character.OTHER_LETTER.toInt()) or
        (1 shl Character.DECIMAL_DIGIT_NUMBER.toInt()) or
        (1 shl Character.LETTER_NUMBER.toInt()) or
        (1 shl Character.OTHER_NUMBER.toInt())
private const val MARKS =
    (1 shl Character.NON_SPACING_MARK.toInt()) or
        (1 shl Character.ENCLOSING_MARK.toInt()) or
        (1 shl Character.COMBINING_SPACING_MARK.toInt())

// The one character whose lower case is two characters: it stays as it is.
private const val CAPITAL_I_WITH_DOT = 0x130

fun isApostrophe(codePoint: Int): Boolean = codePoint == '\''.code || codePoint == '’'.code

/** A letter or a digit. */
fun isLetter(codePoint: Int): Boolean = isOf(codePoint, LETTERS_AND_DIGITS)

/** Whether a character may stand inside a word: letters, digits, marks on them, apostrophes. */
fun isInner(codePoint: Int): Boolean =
    isApostrophe(codePoint) || isOf(codePoint, LETTERS_AND_DIGITS or MARKS)

/** A mark on a letter. */
internal fun isMark(codePoint: Int): Boolean = isOf(codePoint, MARKS)

/** White space as Python's `str.isspace` knows it, which is a little more than Java's. */
fun isSpace(codePoint: Int): Boolean = when (codePoint) {
    in 0x09..0x0D, in 0x1C..0x20, 0x85, 0xA0, 0x1680 -> true
    in 0x2000..0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000 -> true
    else -> false
}

/** Whether a word is finished where a token follows: the end, a new word, punctuation. */
fun isBoundary(tokenizer: Tokenizer, token: Int): Boolean {
    if (token == tokenizer.endId) return true
    if (!tokenizer.isText(token)) return false
    val first = tokenizer.piece(token).codePointAt(0)
    return first == WORD_START.code || !isInner(first)
}

/** Lower case, one character for each; typographic apostrophes as the plain one. */
fun fold(text: String): String = mapped(text) { foldCharacter(it) }

/** The typographic apostrophe as the plain one. */
fun plainApostrophes(text: String): String = text.replace('’', '\'')

/** White space of any kind as a space, but for line ends. */
fun plainSpaces(text: String): String =
    mapped(text) { if (isSpace(it) && it != '\n'.code) ' '.code else it }

/** For matching "dont" with "don't". */
fun withoutApostrophes(text: String): String = text.replace("'", "").replace("’", "")

/** The words of a line, in their order. */
fun wordsOf(line: String): List<String> {
    val words = ArrayList<String>()
    forEachWord(line) { start, stop -> words.add(line.substring(start, stop)) }
    return words
}

/** What comes before the word being typed, and that word: the run of characters at the end. */
fun splitContext(text: String): Pair<String, String> {
    var start = text.length
    while (start > 0) {
        val before = text.codePointBefore(start)
        if (!isInner(before)) break
        start -= Character.charCount(before)
    }
    start = skip(text, start) { !isLetter(it) }
    return Pair(text.substring(0, start), text.substring(start))
}

/** Whether a word after this context is the first of its sentence. */
fun startsSentence(context: String): Boolean {
    val line = context.substring(context.lastIndexOf('\n') + 1)
    val said = line.trimEnd { it == ' ' || it in OPENING_SIGNS }
    return said.isEmpty() || said.last() in SENTENCE_ENDS
}

/** A capital for the first word of each sentence, where it has none in any place. */
fun capitaliseSentences(text: String): String {
    val result = StringBuilder(text.length)
    var done = 0
    forEachWord(text) { start, stop ->
        val word = text.substring(start, stop)
        if (fold(word) == plainApostrophes(word) && startsSentence(text.substring(0, start))) {
            val first = text.codePointAt(start)
            result.append(text, done, start).appendCodePoint(Character.toTitleCase(first))
            done = start + Character.charCount(first)
        }
    }
    return result.append(text, done, text.length).toString()
}

/**
 * The end of a long text, from a space on: between [size] and twice as many characters.
 *
 * It begins at the same place until [size] more are typed, so that what was read stays known.
 */
fun recent(text: String, size: Int): String {
    if (text.length < 2 * size) return text
    val length = text.codePointCount(0, text.length)
    if (length < 2 * size) return text
    val from = (length / size - 1) * size
    val start = text.offsetByCodePoints(0, from)
    val limit = text.offsetByCodePoints(start, length - size / 2 - from)
    val space = skip(text, start) { it != ' '.code && it != '\n'.code }
    return text.substring(if (space < limit) space else start).trimStart(' ')
}

/** As Python's `str.isupper`: some character has case, and none is a small or a title letter. */
internal fun isUpper(text: String): Boolean {
    var upper = false
    val small = skip(text, 0) {
        upper = upper || Character.isUpperCase(it)
        !Character.isLowerCase(it) && !Character.isTitleCase(it)
    }
    return upper && small == text.length
}

/** Whether some letter is upper case. */
internal fun hasCapital(text: String): Boolean =
    skip(text, 0) { !Character.isUpperCase(it) } < text.length

internal fun beginsUpper(text: String): Boolean =
    text.isNotEmpty() && Character.isUpperCase(text.codePointAt(0))

/** A text that is not empty, with a capital at its start. */
internal fun capitalised(text: String): String {
    val rest = text.offsetByCodePoints(0, 1)
    return text.substring(0, rest).uppercase(Locale.ROOT) + text.substring(rest)
}

/** Where the first character from [start] on that is not to be skipped begins, or the end. */
internal inline fun skip(text: String, start: Int, skipped: (Int) -> Boolean): Int {
    var position = start
    while (position < text.length) {
        val character = text.codePointAt(position)
        if (!skipped(character)) break
        position += Character.charCount(character)
    }
    return position
}

/** Where the words of a text begin and end, in their order. */
internal inline fun forEachWord(text: String, action: (Int, Int) -> Unit) {
    var position = 0
    while (true) {
        val start = skip(text, position) { !isLetter(it) }
        if (start == text.length) return
        position = skip(text, start) { isInner(it) }
        var stop = position
        while (isApostrophe(text[stop - 1].code)) stop--
        action(start, stop)
    }
}

private inline fun mapped(text: String, change: (Int) -> Int): String {
    val result = StringBuilder(text.length)
    skip(text, 0) {
        result.appendCodePoint(change(it))
        true
    }
    return result.toString()
}

private fun foldCharacter(codePoint: Int): Int = when {
    isApostrophe(codePoint) -> '\''.code
    codePoint == CAPITAL_I_WITH_DOT -> codePoint
    else -> Character.toLowerCase(codePoint)
}

private fun isOf(codePoint: Int, categories: Int): Boolean =
    (categories shr Character.getType(codePoint)) and 1 != 0
