package org.pocketlm.text

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pocketlm.Golden
import org.pocketlm.SentencePieceWriter
import org.pocketlm.SentencePieceWriter.Companion.UNUSED
import org.pocketlm.SentencePieceWriter.Companion.USER_DEFINED
import org.pocketlm.numbers

class TokenizerTest {
    private fun shown(model: ByteArray, text: String): String {
        val tokenizer = Tokenizer.parse(model)
        return tokenizer.encode(text).joinToString(" ") { tokenizer.piece(it) }
    }

    @Test
    fun `the likeliest pieces are taken`() {
        val model = SentencePieceWriter()
            .piece("▁a", -2f).piece("b", -2f).piece("▁ab", -4.5f).piece("bc", -1f).piece("c", -9f)
        assertEquals("▁a b", shown(model.write(), "ab"))
        assertEquals("▁a bc", shown(model.write(), "abc"))
    }

    @Test
    fun `of ways that are as likely the one found first is taken`() {
        val model = SentencePieceWriter().piece("▁", -1f).piece("a", -1f).piece("▁a", -2f)
        assertEquals("▁a", shown(model.write(), "a"))
    }

    @Test
    fun `runs of spaces are one, and none is left at the ends`() {
        val model = SentencePieceWriter.of(listOf("▁", "a", "b"))
        assertEquals("▁ a ▁ b", shown(model, "  a   b "))
        assertEquals("▁ ▁ a ▁ ▁ b", shown(model, "▁a ▁b▁ ▁"))
        for (nothing in listOf("", " ", "   ", "▁", "▁ ▁")) assertEquals("", shown(model, nothing))
    }

    @Test
    fun `what no piece holds is spelt in bytes`() {
        val model = SentencePieceWriter.of(listOf("▁", "a"))
        assertEquals("▁ <0xF0> <0x9F> <0x98> <0x80> a <0x09>", shown(model, "😀a\t"))
        assertEquals("▁ <0xEF> <0xBF> <0xBD> a", shown(model, "\ud83da")) // half of a pair
    }

    @Test
    fun `a user's symbol is always taken and an unused piece never`() {
        val model = SentencePieceWriter().piece("▁", -1f).piece("a", -1f).piece("b", -1f)
            .piece("ab", -50f, USER_DEFINED).piece("▁a", -0.5f, UNUSED)
        assertEquals("▁ ab", shown(model.write(), "ab"))
        assertEquals("▁ a", shown(model.write(), "a"))
    }

    @Test
    fun `tokens are those of sentencepiece with the shipped models' tokenizer`() = agrees("en-base")

    @Test
    fun `tokens are those of sentencepiece with a small vocabulary`() = agrees("small")

    private fun agrees(folder: String) {
        val tokenizer = Tokenizer.parse(Golden.file("$folder/tokenizer.model").readBytes())
        val cases = Golden.lines("$folder/tokens.jsonl")
        assertTrue(cases.size > 10_000)
        for (case in cases) {
            val text = case["text"].text()
            assertArrayEquals(text, case["tokens"].numbers().toIntArray(), tokenizer.encode(text))
        }
    }
}
