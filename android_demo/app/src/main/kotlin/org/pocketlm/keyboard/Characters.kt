package org.pocketlm.keyboard

/**
 * Questions about text that depend on nothing but Unicode's categories, as `model/words.py` asks
 * them.
 */
internal object Characters {
    private const val JOINER = 0x200D
    private const val KEYCAP = 0x20E3

    /**
     * Whether a character may stand inside a word: a letter, a digit, a mark on one, an apostrophe.
     */
    fun isInner(codePoint: Int): Boolean =
        codePoint == '\''.code || codePoint == '’'.code || isLetter(codePoint) || isMark(codePoint)

    /** A letter or a digit, of any script. */
    fun isLetter(codePoint: Int): Boolean =
        when (Character.getType(codePoint).toByte()) {
            Character.DECIMAL_DIGIT_NUMBER,
            Character.LETTER_NUMBER,
            Character.OTHER_NUMBER -> true
            else -> Character.isLetter(codePoint)
        }

    /** The word being typed: the letters at the end of [text]. */
    fun wordAtEnd(text: CharSequence): String {
        var start = text.length
        while (start > 0) {
            val character = Character.codePointBefore(text, start)
            if (!isInner(character)) break
            start -= Character.charCount(character)
        }
        while (start < text.length && !isLetter(Character.codePointAt(text, start))) {
            start += Character.charCount(Character.codePointAt(text, start))
        }
        return text.subSequence(start, text.length).toString()
    }

    /** How many chars at the beginning of [text] still belong to the word before it. */
    fun wordAtStart(text: CharSequence): Int {
        var end = 0
        while (end < text.length && isInner(Character.codePointAt(text, end))) {
            end += Character.charCount(Character.codePointAt(text, end))
        }
        return end
    }

    /**
     * How many chars one backspace takes from the end of [text]: one code point, or a whole emoji
     * with what belongs to it (skin tone, variation, joined ones, both halves of a flag).
     */
    fun lastLength(text: CharSequence): Int {
        var start = text.length
        while (start > 0) {
            val character = Character.codePointBefore(text, start)
            start -= Character.charCount(character)
            if (isFlagHalf(character)) {
                return text.length -
                    (if (flagHalvesBefore(text, start) % 2 == 1) start - 2 else start)
            }
            val joined = start > 0 && Character.codePointBefore(text, start) == JOINER
            if (joined) start -= 1 else if (!isExtension(character)) break
        }
        return text.length - start
    }

    private fun isMark(codePoint: Int) =
        when (Character.getType(codePoint).toByte()) {
            Character.NON_SPACING_MARK,
            Character.ENCLOSING_MARK,
            Character.COMBINING_SPACING_MARK -> true
            else -> false
        }

    /** What says how the sign before it looks, and is nothing by itself. */
    private fun isExtension(codePoint: Int) =
        codePoint == JOINER ||
            codePoint == KEYCAP ||
            codePoint in 0xFE00..0xFE0F ||
            codePoint in 0x1F3FB..0x1F3FF ||
            codePoint in 0xE0020..0xE007F

    private fun isFlagHalf(codePoint: Int) = codePoint in 0x1F1E6..0x1F1FF

    private fun flagHalvesBefore(text: CharSequence, end: Int): Int {
        var halves = 0
        while (
            end - 2 * halves >= 2 && isFlagHalf(Character.codePointBefore(text, end - 2 * halves))
        ) {
            halves++
        }
        return halves
    }
}
