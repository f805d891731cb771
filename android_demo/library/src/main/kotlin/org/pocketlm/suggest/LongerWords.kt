package org.pocketlm.suggest

import java.nio.ByteBuffer
import kotlin.math.nextUp
import kotlin.math.pow

/**
 * Words of more than one piece, with their counts: what may come after the pieces typed so far.
 *
 * `model/longer_words.py` argues for them and has the format, which is in docs/bundle.md too.
 *
 * Thread: any; it does not change. It holds the file's bytes, and a number for each piece.
 *
 * @param ranks pieces by rank.
 * @param starts where in [content] the words of each first piece begin [V + 1].
 */
internal class LongerWords
private constructor(
    private val ranks: IntArray,
    private val starts: IntArray,
    private val content: ByteArray,
) {
    private val largestShares = FloatArray(starts.size - 1) { check(it) }

    /** No less than the share of any word among those of its first piece; 0 if there is none. */
    fun mostOf(first: Int): Float = largestShares[first]

    /**
     * The words of a first piece, in their order.
     *
     * @param visit gets the pieces after the first one, how many there are, and the word's count;
     *   the array is used again.
     */
    inline fun forEach(first: Int, visit: (IntArray, Int, Double) -> Unit) {
        val word = IntArray(MOST_PIECES)
        var at = starts[first]
        while (at < starts[first + 1]) {
            val head = byte(at++)
            var size = head shr SHARED_SHIFT
            do {
                val code = byte(at++)
                val low = code and LOW
                word[size++] = ranks[if (code and TWO_BYTES == 0) low else low shl 8 or byte(at++)]
            } while (code and ENDS == 0)
            visit(word, size, COUNTS[head and COUNT])
        }
    }

    /** Refuses what [forEach] could not read; gives what [mostOf] says of it. */
    private fun check(first: Int): Float {
        val stop = starts[first + 1]
        var at = starts[first]
        var size = 0
        var most = 0.0
        var sum = 0.0
        while (at < stop) {
            val head = byte(at++)
            val shared = head shr SHARED_SHIFT
            require(shared <= size) { NONE }
            size = shared
            do {
                require(at < stop) { NONE }
                val code = byte(at++)
                val low = code and LOW
                require(code and TWO_BYTES == 0 || at < stop) { NONE }
                val rank = if (code and TWO_BYTES == 0) low else low shl 8 or byte(at++)
                require(rank < ranks.size) { NONE }
                require(++size < MOST_PIECES) { NONE }
            } while (code and ENDS == 0)
            val count = COUNTS[head and COUNT]
            most = maxOf(most, count)
            sum += count
        }
        return if (sum > 0) (most / sum).toFloat().nextUp() else 0f
    }

    private fun byte(at: Int): Int = content[at].toInt() and 0xFF

    companion object {
        private const val MOST_PIECES = 64
        private const val MOST_RANKS = 1L shl 14
        private const val SHARED_SHIFT = 5
        private const val COUNT = 0x1F
        private val COUNTS = DoubleArray(COUNT + 1) { 2.0.pow(it / 2.0) }
        private const val TWO_BYTES = 0x40
        private const val ENDS = 0x80
        private const val LOW = 0x3F
        private const val NONE = "the lexicon is damaged: of its words one is none"

        /**
         * Reads the rest of a lexicon.
         *
         * @param bytes little endian, from where the pieces by rank begin to where the words end.
         * @throws IllegalArgumentException it is damaged; one clear line.
         */
        fun parse(bytes: ByteBuffer, vocabularySize: Int, ranks: Long): LongerWords {
            require(ranks in 0..minOf(vocabularySize.toLong(), MOST_RANKS)) { NONE }
            val before = 2 * ranks + 4 * (vocabularySize + 1L)
            require(bytes.remaining() >= before) { "the lexicon has not the length that it says" }
            val pieces = IntArray(ranks.toInt()) { bytes.short.toInt() and 0xFFFF }
            require(pieces.all { it < vocabularySize }) { NONE }
            val starts = IntArray(vocabularySize + 1) { bytes.int }
            val rising = (1 until starts.size).all { starts[it - 1] <= starts[it] }
            require(starts[0] == 0 && rising && starts.last() == bytes.remaining()) { NONE }
            return LongerWords(pieces, starts, ByteArray(bytes.remaining()).also { bytes.get(it) })
        }
    }
}
