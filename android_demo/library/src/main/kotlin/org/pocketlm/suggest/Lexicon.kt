package org.pocketlm.suggest

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest
import org.pocketlm.text.fold

/**
 * What the suggester knows of words beside the model: which there are, and what pieces become.
 *
 * The words are a Bloom filter, 16 bits for each, that lets 0.05 % of other words pass (Bloom 1970;
 * Kirsch and Mitzenmacher 2006). The file's format is in docs/bundle.md.
 *
 * Thread: any; it does not change. It holds the file's bytes and no more.
 */
class Lexicon
private constructor(
    private val endings: ByteArray,
    private val filter: ByteArray,
    internal val longer: LongerWords,
) {
    private val size = 8L * filter.size // bits

    /** How often a piece was the last of its word, in 255ths. */
    internal fun ending(token: Int): Int = endings[token].toInt() and 0xFF

    /** Whether a word was in the text, in any case; wrong for 0.05 % of those that were not. */
    operator fun contains(word: String): Boolean {
        val hash = hash(fold(word))
        // (hash + j step) mod size, in parts that cannot overflow.
        var bit = java.lang.Long.remainderUnsigned(hash, size)
        val step = ((hash ushr 32) or 1) % size
        repeat(HASHES) {
            val byte = filter[(bit ushr 3).toInt()].toInt()
            if ((byte shr (bit and 7).toInt()) and 1 == 0) return false
            bit = (bit + step) % size
        }
        return true
    }

    /** FNV-1a. */
    private fun hash(folded: String): Long {
        var value = FNV_OFFSET
        for (byte in folded.toByteArray(Charsets.UTF_8)) {
            value = (value xor (byte.toLong() and 0xFF)) * FNV_PRIME
        }
        return value
    }

    companion object {
        private const val HASHES = 11
        private const val HEADER = 8 + 32 + 5 * 4
        private const val DIGEST = 32
        private const val LARGEST_FILTER = 1L shl 27 // bits
        private const val FNV_OFFSET = -0x340d631b7bdddcdbL // 0xcbf29ce484222325
        private const val FNV_PRIME = 0x100000001b3L
        private val MAGIC = "PLMLEX2\u0000".toByteArray(Charsets.US_ASCII)

        /**
         * Reads the bytes of a `lexicon.bin`.
         *
         * @param tokenizerSha256 of the `tokenizer.model` beside it.
         * @throws IllegalArgumentException it is damaged, or was made with another tokenizer; one
         *   clear line.
         */
        fun parse(file: ByteArray, tokenizerSha256: ByteArray, vocabularySize: Int): Lexicon {
            val length = file.size - DIGEST
            require(length >= HEADER && matchesItsHash(file, length)) {
                "the lexicon is damaged: it does not match its own hash"
            }
            val header = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN)
            val magic = ByteArray(MAGIC.size).also { header.get(it) }
            val tokenizer = ByteArray(DIGEST).also { header.get(it) }
            val (size, hashes, bits) = LongArray(3) { unsigned(header.int) }
            val known = magic.contentEquals(MAGIC) && hashes == HASHES.toLong() &&
                bits in 1..LARGEST_FILTER && bits % 8 == 0L
            require(known) { "the lexicon is none of this format" }
            require(tokenizer.contentEquals(tokenizerSha256)) {
                "the lexicon was made with another tokenizer"
            }
            header.int // how many words
            val ranks = unsigned(header.int)
            require(size == vocabularySize.toLong() && length >= HEADER + size + bits / 8) {
                "the lexicon has not the length that it says"
            }
            val endings = ByteArray(vocabularySize).also { header.get(it) }
            val filter = ByteArray((bits / 8).toInt()).also { header.get(it) }
            header.limit(length)
            return Lexicon(endings, filter, LongerWords.parse(header, vocabularySize, ranks))
        }

        private fun unsigned(value: Int): Long = value.toLong() and 0xFFFFFFFFL

        private fun matchesItsHash(file: ByteArray, length: Int): Boolean {
            val digest = MessageDigest.getInstance("SHA-256")
            digest.update(file, 0, length)
            return digest.digest().contentEquals(file.copyOfRange(length, file.size))
        }
    }
}
