package org.pocketlm.text

import java.util.Random
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pocketlm.Golden
import org.pocketlm.SentencePieceWriter
import org.pocketlm.SentencePieceWriter.Companion.BYTE
import org.pocketlm.SentencePieceWriter.Companion.CONTROL
import org.pocketlm.SentencePieceWriter.Companion.UNKNOWN
import org.pocketlm.SentencePieceWriter.Companion.USER_DEFINED

class SentencePieceModelTest {
    private val sound = SentencePieceWriter.of(listOf("▁the", "▁", "e", "h", "t", "á", "😀"))

    private fun refused(model: ByteArray): String {
        val error = assertThrows(IllegalArgumentException::class.java) { Tokenizer.parse(model) }
        val line = requireNotNull(error.message)
        assertTrue(line, line.isNotEmpty() && '\n' !in line)
        return line
    }

    @Test
    fun `a sound model has its pieces`() {
        val tokenizer = Tokenizer.parse(sound)
        assertEquals(2 + 256 + 7, tokenizer.vocabularySize)
        assertEquals(1, tokenizer.endId)
        assertEquals("▁the", tokenizer.piece(258))
        assertEquals(-2f, tokenizer.score(258), 0f)
        assertEquals("😀", tokenizer.piece(264))
        assertEquals((258..264).toList(), (0 until 265).filter { tokenizer.isText(it) })
    }

    @Test
    fun `a file cut anywhere is refused`() {
        for (size in sound.indices) refused(sound.copyOf(size))
    }

    @Test
    fun `a shipped file cut anywhere is refused`() {
        val file = Golden.file("en-base/tokenizer.model").readBytes()
        val random = Random(1)
        // Its last two bytes say that nothing is to be done to decoded text.
        repeat(300) { refused(file.copyOf(random.nextInt(file.size - 2))) }
    }

    @Test
    fun `changed bits are refused or give another tokenizer, and nothing else happens`() {
        val text = "the á 😀 thé"
        for (bit in 0 until 8 * sound.size) {
            val changed = sound.copyOf()
            changed[bit / 8] = (changed[bit / 8].toInt() xor (1 shl bit % 8)).toByte()
            try {
                Tokenizer.parse(changed).encode(text)
            } catch (e: IllegalArgumentException) {
                assertFalse(requireNotNull(e.message), '\n' in requireNotNull(e.message))
            }
        }
    }

    @Test
    fun `noise is refused`() {
        val random = Random(2)
        repeat(2000) { refused(ByteArray(random.nextInt(200)).also { random.nextBytes(it) }) }
    }

    @Test
    fun `a length past the end or an endless number is refused`() {
        refused(byteArrayOf(0x0A, -1, -1, -1, -1, 0x7F))
        refused(byteArrayOf(0x0A) + ByteArray(20) { -1 })
        refused(ByteArray(20) { -1 })
        refused(byteArrayOf(0x0B, 0x0C)) // a group, which protobuf no longer has
        refused(ByteArray(200_000) { if (it % 2 == 0) 0x0A else 0 }) // 100,000 empty pieces
    }

    @Test
    fun `a model of another kind is refused`() {
        val words = SentencePieceWriter(byteFallback = false).piece("▁a", 0f)
        assertTrue("byte fallback" in refused(words.write()))
        val pairs = SentencePieceWriter(modelType = 2).piece("▁a", 0f)
        assertTrue("unigram" in refused(pairs.write()))
        val ownSpaces = SentencePieceWriter().piece("▁a", 0f).write(mapOf(3 to 0))
        assertTrue("own way" in refused(ownSpaces))
    }

    @Test
    fun `pieces that cannot be are refused`() {
        val models = listOf(
            SentencePieceWriter(), // no text
            SentencePieceWriter().piece("a", 0f).piece("a", -1f),
            SentencePieceWriter().piece("a", 0f).piece("", -1f),
            SentencePieceWriter().piece("a", Float.NaN),
            SentencePieceWriter().piece("a", Float.NEGATIVE_INFINITY),
            SentencePieceWriter().piece("a", 0f, 7),
            SentencePieceWriter().piece("a", 0f).piece("<unk2>", 0f, UNKNOWN),
            SentencePieceWriter().piece("a", 0f).piece("<0x41>", 0f, BYTE),
            SentencePieceWriter().piece("a", 0f).piece("<0xZZ>", 0f, BYTE),
            SentencePieceWriter().piece("a", 0f).piece("a\u0000", 0f),
            SentencePieceWriter().piece("a", 0f).piece("a  b", 0f, USER_DEFINED),
            SentencePieceWriter().piece("x".repeat(8000), 0f),
        )
        for (model in models) refused(model.write())
        Tokenizer.parse(SentencePieceWriter().piece("a", 0f).piece("<pad>", 0f, CONTROL).write())
    }

    @Test
    fun `fields that are not known are passed over`() {
        val numbers = byteArrayOf(0x70, 5, 0x69) + ByteArray(8) + byteArrayOf(0x65) + ByteArray(4)
        val more = byteArrayOf(0x7A, 2, 1, 2) + numbers
        assertArrayEquals(
            Tokenizer.parse(sound).encode("the"),
            Tokenizer.parse(more + sound + more).encode("the"),
        )
    }
}
