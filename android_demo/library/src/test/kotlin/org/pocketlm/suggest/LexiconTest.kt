package org.pocketlm.suggest

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest
import java.util.Random
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pocketlm.Golden
import org.pocketlm.text.Tokenizer

class LexiconTest {
    private val file = Golden.file("en-base/lexicon.bin").readBytes()
    private val tokenizer = sha256(Golden.file("en-base/tokenizer.model").readBytes())

    private fun refused(
        file: ByteArray,
        tokenizer: ByteArray = this.tokenizer,
        size: Int = 8192,
    ): String {
        val error = assertThrows(IllegalArgumentException::class.java) {
            Lexicon.parse(file, tokenizer, size)
        }
        return requireNotNull(error.message).also { assertFalse(it, '\n' in it) }
    }

    @Test
    fun `words of the training text are in it, in any case, and others are not`() {
        val lexicon = Lexicon.parse(file, tokenizer, 8192)
        for (word in listOf("the", "The", "TOMORROW", "don't", "don’t", "café", "London")) {
            assertTrue(word, word in lexicon)
        }
        for (word in listOf("theeq", "tomorrrow", "xqzv", "dontt", "")) {
            assertFalse(word, word in lexicon)
        }
    }

    @Test
    fun `of random words hardly any is in it`() {
        val lexicon = Lexicon.parse(file, tokenizer, 8192)
        val random = Random(5)
        val words = (1..20_000).map { String(CharArray(12) { 'a' + random.nextInt(26) }) }
        val found = words.count { it in lexicon }
        assertTrue("$found", found in 0..40) // 0.05 % would be 10
    }

    @Test
    fun `most whole words end where they do`() {
        val lexicon = Lexicon.parse(file, tokenizer, 8192)
        val pieces = Tokenizer.parse(Golden.file("en-base/tokenizer.model").readBytes())
        assertTrue(lexicon.ending(pieces.encode("tomorrow").last()) > 200)
    }

    @Test
    fun `the words of a first piece are those of the text`() {
        val lexicon = Lexicon.parse(file, tokenizer, 8192)
        val pieces = Tokenizer.parse(Golden.file("en-base/tokenizer.model").readBytes())
        val word = pieces.encode("inconvenience")
        val counts = HashMap<List<Int>, Double>()
        lexicon.longer.forEach(word[0]) { rest, size, count ->
            counts[rest.take(size)] = count
        }
        assertTrue(word.size > 2)
        val texts = counts.keys.map { rest -> rest.joinToString("") { pieces.piece(it) } }
        assertTrue(texts.toSet().size == counts.size)
        assertTrue(requireNotNull(counts[word.drop(1)]) >= 2.0)
        val largest = counts.values.max() / counts.values.sum()
        assertEquals(largest, lexicon.longer.mostOf(word[0]).toDouble(), 1e-6)
        assertTrue(lexicon.longer.mostOf(word[0]) >= largest)
        assertEquals(0f, lexicon.longer.mostOf(pieces.endId))
    }

    @Test
    fun `words that are none are refused although the hash is right`() {
        val random = Random(7)
        val ranks = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getInt(40 + 4 * 4)
        val bits = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getInt(40 + 4 * 2)
        val longer = 60 + 8192 + bits / 8
        val words = longer + 2 * ranks + 4 * 8193
        fun sealed(change: (ByteArray) -> Unit) = file.copyOf().also {
            change(it)
            sha256(it.copyOf(file.size - 32)).copyInto(it, file.size - 32)
        }
        refused(sealed { it[words] = 0xE0.toByte() }) // shares pieces with none
        refused(sealed { it[longer + 1] = 0xFF.toByte() }) // no such piece
        refused(sealed { it[longer + 2 * ranks] = 1 }) // words begin after the first of them
        repeat(200) {
            val changed = sealed { it[longer + random.nextInt(file.size - 32 - longer)] = -1 }
            val parsed = runCatching { Lexicon.parse(changed, tokenizer, 8192) }
            parsed.exceptionOrNull()?.let { assertTrue("$it", it is IllegalArgumentException) }
            parsed.getOrNull()?.let { lexicon ->
                for (first in 0 until 8192) lexicon.longer.forEach(first) { _, _, _ -> }
            }
        }
    }

    @Test
    fun `a file that is damaged or cut anywhere is refused`() {
        val random = Random(6)
        for (size in listOf(0, 1, 31, 32, 87, 88, 89, file.size - 1)) refused(file.copyOf(size))
        repeat(50) {
            val changed = file.copyOf()
            val bit = random.nextInt(8 * file.size)
            changed[bit / 8] = (changed[bit / 8].toInt() xor (1 shl bit % 8)).toByte()
            assertTrue("damaged" in refused(changed))
        }
        refused(file + 0)
    }

    @Test
    fun `one of another tokenizer or size is refused`() {
        assertTrue("another tokenizer" in refused(file, tokenizer.copyOf().also { it[0]++ }))
        assertTrue("length" in refused(file, size = 8191))
    }

    @Test
    fun `sizes that are not so are refused although the hash is right`() {
        val sizes = listOf(0 to 8193, 0 to -1, 4 to 0, 4 to -1, 4 to 8193)
        val filters = listOf(1 to 10, 2 to 0, 2 to 7, 2 to -8, 2 to (1 shl 28))
        for ((field, value) in sizes + filters) {
            val changed = file.copyOf()
            ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN).putInt(40 + 4 * field, value)
            sha256(changed.copyOf(file.size - 32)).copyInto(changed, file.size - 32)
            refused(changed, size = if (field == 0) value else 8192)
        }
    }

    private fun sha256(bytes: ByteArray) = MessageDigest.getInstance("SHA-256").digest(bytes)
}

class BlocklistTest {
    @Test
    fun `words are blocked in any case, and so are their possessives`() {
        val blocked = Blocklist.parse("  Darn heck\nDon’t\tx\n\n")
        assertEquals(setOf("darn", "heck", "don't", "x"), blocked)
        assertTrue(Blocklist.isBlocked("darn's", blocked))
        assertFalse(Blocklist.isBlocked("darning", blocked))
    }

    @Test
    fun `our own list has one entry a word`() {
        val blocked = Blocklist.parse(Golden.file("offensive.txt").readText())
        assertTrue(blocked.size > 100)
        assertTrue(blocked.none { ' ' in it || '\n' in it || it.isEmpty() })
    }
}
