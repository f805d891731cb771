package org.pocketlm.keyboard

import org.junit.Assert.assertEquals
import org.junit.Test

class CharactersTest {
    @Test
    fun `the word at the end is letters, digits, marks and inner apostrophes`() {
        val words =
            mapOf(
                "" to "",
                "see you" to "you",
                "see you " to "",
                "well-kn" to "kn",
                "don't" to "don't",
                "don’" to "don’",
                "'tis" to "tis",
                "(\"se" to "se",
                "B2B" to "B2B",
                "cafe\u0301" to "cafe\u0301",
                "שלום" to "שלום",
                "😀se" to "se",
                "x²" to "x²",
            )
        for ((text, word) in words) assertEquals(text, word, Characters.wordAtEnd(text))
    }

    @Test
    fun `the rest of a word is what goes on without a break`() {
        val rests = mapOf("" to 0, "d you" to 1, " you" to 0, "n't, no" to 3, "𝒳y." to 3)
        for ((text, rest) in rests) assertEquals(text, rest, Characters.wordAtStart(text))
    }

    @Test
    fun `one backspace takes a code point, or an emoji whole`() {
        val lengths =
            mapOf(
                "" to 0,
                "ab" to 1,
                "cafe\u0301" to 1,
                "a𝒳" to 2,
                "a😀" to 2,
                "😀😀" to 2,
                "👍🏽" to 4,
                "👩‍👩‍👧" to 8,
                "❤️" to 2,
                "1️⃣" to 3,
                "🇩🇪🇫🇷" to 4,
                "🇩🇪🇫" to 2,
                "a\u200D" to 2,
            )
        for ((text, length) in lengths) assertEquals(text, length, Characters.lastLength(text))
    }
}
