package org.pocketlm.text

import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pocketlm.Golden
import org.pocketlm.texts
import org.pocketlm.truth

class WordsTest {
    @Test
    fun `the prefix is the run of word characters at the end`() {
        assertEquals(Pair("see ", "you"), splitContext("see you"))
        assertEquals(Pair("see ", ""), splitContext("see "))
        assertEquals(Pair("", ""), splitContext(""))
        assertEquals(Pair("a\n", "b"), splitContext("a\nb"))
        assertEquals(Pair("a well-", "kn"), splitContext("a well-kn"))
        assertEquals(Pair("I ", "don’t"), splitContext("I don’t"))
        assertEquals(Pair("'", "tis"), splitContext("'tis"))
        assertEquals(Pair("😀️", ""), splitContext("😀️"))
        assertEquals(Pair("", "cafe\u0301"), splitContext("cafe\u0301"))
        assertEquals(Pair("so ", "𝒜𝓑"), splitContext("so 𝒜𝓑")) // letters of two halves each
    }

    @Test
    fun `folding keeps every character in its place`() {
        assertEquals("don't", fold("DON’T"))
        assertEquals("İı", fold("İı"))
        assertEquals("𐐨σς", fold("𐐀Σς"))
    }

    @Test
    fun `only what has capitals and no small letters is upper case`() {
        assertTrue(isUpper("A1'B"))
        assertFalse(isUpper("1"))
        assertFalse(isUpper("AbC"))
        assertFalse(isUpper("ǅ"))
        assertEquals("SSa", capitalised("ßa"))
    }

    @Test
    fun `a sentence gets a capital if its first word has none`() {
        assertEquals("Guten m. So b", capitaliseSentences("guten m. so b"))
        assertEquals("See\nYou. iPhone", capitaliseSentences("see\nyou. iPhone"))
        assertEquals("ßo? ქარ! ǅ", capitaliseSentences("ßo? ქარ! ǆ"))
    }

    @Test
    fun `all is as in Python`() {
        val cases = Golden.lines("words.jsonl")
        assertTrue(cases.size > 1000)
        for (case in cases) {
            val text = case["text"].text()
            assertEquals(text, case["folded"].text(), fold(text))
            assertEquals(text, case["words"].texts(), wordsOf(text))
            val split = Pair(case["context"].text(), case["prefix"].text())
            assertEquals(text, split, splitContext(text))
            assertEquals(text, case["spaces"].text(), plainSpaces(text))
            assertEquals(text, case["recent"].text(), recent(text, 16))
            assertEquals(text, case["starts_sentence"].truth(), startsSentence(text))
            assertEquals(text, case["capitalised"].text(), capitaliseSentences(text))
        }
    }
}
