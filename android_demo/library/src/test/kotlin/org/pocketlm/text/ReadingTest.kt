package org.pocketlm.text

import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pocketlm.Golden
import org.pocketlm.suggest.Vocabularies

class ReadingTest {
    private val pieces = Vocabularies.pieces

    @Test
    fun `signs without a piece are read as plain ones, or as spaces`() {
        assertEquals("I'm \"so\" - - ... ", readable("I’m “so” –—…😀", pieces))
        assertEquals("a caf\u00e9 1 \u65e5", readable("a\u00a0caf\u00e9 1\ufe0f\u20e3 \u65e5", pieces))
        assertEquals("sup port a&b", readable("sup\u00ad port a&b", pieces))
    }

    @Test
    fun `a line of capitals is more than an abbreviation`() {
        assertTrue(isInCapitals("SEE YOU"))
        assertTrue(isInCapitals("I CAN'T WAIT, 2"))
        for (line in listOf("", "I", "NASA ", "I A B", "SEE YOu", "日本 日本", "12 34")) {
            assertFalse(line, isInCapitals(line))
        }
    }

    @Test
    fun `lines of capitals are read without them`() {
        val read = TextSoFar.read("SEE YOU. I\nNASA it\nLET'S GO T", pieces)
        assertEquals("See you. I\nNASA it\nLet's go ", read.context)
        assertEquals("T", read.prefix)
        assertEquals(Capitals.ALL, read.capitals)
        assertEquals("ME ", TextSoFar.read("ME yo", pieces).context)
    }

    @Test
    fun `words are read without the capitals that they have not by themselves`() {
        val read = TextSoFar.read("The See To The T", pieces)
        assertEquals("The see to the ", read.context)
        assertEquals(Capitals.WORDS, read.capitals)
        val small = TextSoFar.read("The See To The t", pieces)
        assertEquals("The see to the ", small.context)
        assertEquals(Capitals.NONE, small.capitals)
        for (text in listOf("The See to The ", "The See ", "The. See. To. The. ")) {
            assertEquals(text, Capitals.NONE, TextSoFar.read(text, pieces).capitals)
        }
    }

    @Test
    fun `all is as in Python`() {
        for (folder in listOf("small", "en-base")) {
            val tokenizer = Tokenizer.parse(Golden.file("$folder/tokenizer.model").readBytes())
            val cases = Golden.lines("$folder/reading.jsonl")
            assertTrue(cases.size > 2000)
            for (case in cases) {
                val text = case["text"].text()
                val read = TextSoFar.read(text, tokenizer)
                assertEquals(text, case["context"].text(), read.context)
                assertEquals(text, case["prefix"].text(), read.prefix)
                assertEquals(text, case["capitals"].text(), read.capitals.name.lowercase())
            }
        }
    }
}
