package org.pocketlm.keyboard

import org.junit.Assert.assertEquals
import org.junit.Test

class CharactersTest {
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
