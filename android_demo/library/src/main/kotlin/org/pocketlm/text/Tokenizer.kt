package org.pocketlm.text

import java.util.BitSet
import org.pocketlm.text.SentencePieceModel.Companion.BYTE
import org.pocketlm.text.SentencePieceModel.Companion.NORMAL
import org.pocketlm.text.SentencePieceModel.Companion.UNUSED
import org.pocketlm.text.SentencePieceModel.Companion.USER_DEFINED

/**
 * SentencePiece's unigram encoding with byte fallback: the tokens that the network was trained on.
 *
 *     line -> spaces folded, "▁" for each -> UTF-8 -> likeliest pieces (Viterbi) -> ids
 *
 * A character that no piece holds is spelt in bytes, so that every text has an encoding. The sums
 * are made in single precision from the left, and of equal ones the first found stays, as in
 * SentencePiece's own encoder (`EncodeOptimized`, unigram_model.cc), so that the ids are the same.
 * Sources: Kudo 2018 (the unigram model); Kudo and Richardson 2018 (SentencePiece).
 *
 * Thread: any; it does not change. It holds about 25 bytes a piece, and no object for each.
 */
class Tokenizer private constructor(private val model: SentencePieceModel) {
    private val text = (0 until model.size).filter { isInTrie(it) }
    private val keys = SortedKeys(model.bytes, model.offsets, text)
    private val firstRanks = IntArray(257) { byte -> keys.lower(0, keys.sorted.size, 0, byte) }
    private val byteIds = findByteIds()
    private val characters = findCharacters()
    private val unknownScore: Float
    private val userScore: Float

    init {
        val normal = (0 until model.size).filter { model.types[it] == NORMAL }
        unknownScore = normal.minOf { model.scores[it] } - UNKNOWN_PENALTY
        userScore = maxOf(SMALLEST_FLOAT, normal.maxOf { model.scores[it] })
        for (rank in 1 until keys.sorted.size) {
            require(!keys.same(keys.sorted[rank - 1], keys.sorted[rank])) {
                "the tokenizer has piece ${keys.sorted[rank]} twice"
            }
        }
    }

    val vocabularySize: Int get() = model.size

    /** The token that begins a text and ends each line of it. */
    val endId: Int get() = SentencePieceModel.END_ID

    /** The written form of an id; "▁" stands for the space before a word. */
    fun piece(id: Int): String = model.piece(id)

    /** Whether a token is a piece of text, and not a byte or a control id. */
    fun isText(id: Int): Boolean = model.types[id] == NORMAL || model.types[id] == USER_DEFINED

    /** Whether a piece of text has this character; another one is spelt in bytes. */
    fun hasCharacter(codePoint: Int): Boolean = characters[codePoint]

    /** The unigram model's natural log-probability of an id. */
    fun score(id: Int): Float = model.scores[id]

    /** The ids of one line, without an end token. */
    fun encode(line: String): IntArray {
        val text = normalised(line)
        val path = Path(text.size)
        var start = 0
        while (start < text.size) {
            val single = start + Utf8.length(text.bytes[start])
            if (!follow(text, start, single, path)) {
                path.offer(start, single, UNKNOWN, unknownScore + path.score[start])
            }
            start = single
        }
        return tokens(text, path)
    }

    /**
     * Offers all pieces that begin at [start].
     *
     * @return whether one of them is the single character that ends at [single].
     */
    private fun follow(text: Utf8, start: Int, single: Int, path: Path): Boolean {
        val first = text.bytes[start].toInt() and 0xFF
        var low = firstRanks[first]
        var high = firstRanks[first + 1]
        var stop = start + 1
        var hasSingle = false
        while (low < high) {
            val id = keys.sorted[low]
            val length = stop - start
            if (keys.length(id) == length && model.types[id] != UNUSED) {
                path.offer(start, stop, id, scoreOf(id, length) + path.score[start])
                hasSingle = hasSingle || stop == single
            }
            if (stop == text.size) break
            val byte = text.bytes[stop++].toInt() and 0xFF
            low = keys.lower(low, high, length, byte)
            high = keys.lower(low, high, length, byte + 1)
        }
        return hasSingle
    }

    /** A symbol that a user defined has a score by which it is always taken. */
    private fun scoreOf(id: Int, length: Int): Float =
        if (model.types[id] == USER_DEFINED) length * userScore - USER_PENALTY else model.scores[id]

    private fun tokens(text: Utf8, path: Path): IntArray {
        val reversed = IntArray(text.size) // no more tokens than bytes
        var count = 0
        var stop = text.size
        while (stop > 0) {
            val start = path.start[stop]
            if (path.id[stop] == UNKNOWN) {
                for (i in stop - 1 downTo start) {
                    reversed[count++] = byteIds[text.bytes[i].toInt() and 0xFF]
                }
            } else {
                reversed[count++] = path.id[stop]
            }
            stop = start
        }
        return IntArray(count) { reversed[count - 1 - it] }
    }

    /** SentencePiece's white space: runs of U+0020 are one "▁", those at the ends are dropped. */
    private fun normalised(line: String): Utf8 {
        val text = Utf8(line.length + line.length / 2 + SPACE.size)
        text.append(WORD_START.code)
        var afterSpace = true
        var position = 0
        while (position < line.length) {
            val character = line.codePointAt(position)
            position += Character.charCount(character)
            val space = character == ' '.code
            if (!space) text.append(character) else if (!afterSpace) text.append(SPACE_CODE)
            afterSpace = space
        }
        // A "▁" of the text itself counts as a space only here.
        while (text.endsWith(SPACE)) text.dropLast(SPACE.size)
        return text
    }

    private fun isInTrie(id: Int): Boolean = isText(id) || model.types[id] == UNUSED

    private fun findCharacters(): BitSet {
        val found = BitSet()
        for (id in 0 until model.size) if (isText(id)) model.piece(id).codePoints().forEach(found::set)
        return found
    }

    private fun findByteIds(): IntArray {
        val ids = IntArray(256) { -1 }
        for (id in 0 until model.size) {
            if (model.types[id] != BYTE) continue
            val byte = BYTE_PIECE.matchEntire(piece(id))?.groupValues?.get(1)?.toInt(16)
            require(byte != null && ids[byte] < 0) { "piece $id of the tokenizer is no byte" }
            ids[byte] = id
        }
        require(ids.all { it >= 0 }) { "the tokenizer lacks pieces for some bytes" }
        return ids
    }

    /** The likeliest way to each end of the text that a piece may have. */
    private class Path(size: Int) {
        val score = FloatArray(size + 1)
        val start = IntArray(size + 1) { -1 }
        val id = IntArray(size + 1)

        fun offer(from: Int, to: Int, piece: Int, candidate: Float) {
            if (start[to] == -1 || candidate > score[to]) {
                score[to] = candidate
                start[to] = from
                id[to] = piece
            }
        }
    }

    companion object {
        private const val UNKNOWN = SentencePieceModel.UNKNOWN_ID
        private const val UNKNOWN_PENALTY = 10f
        private const val USER_PENALTY = 0.1f
        private const val SMALLEST_FLOAT = 1.17549435e-38f // FLT_MIN, where SentencePiece starts
        private const val SPACE_CODE = WORD_START.code
        private val SPACE = WORD_START.toString().toByteArray(Charsets.UTF_8)
        private val BYTE_PIECE = Regex("<0x([0-9A-F]{2})>")

        /**
         * Reads the bytes of a `tokenizer.model`.
         *
         * @throws IllegalArgumentException the file is damaged, or is no unigram model with byte
         *   fallback (a closed vocabulary of words is not for phones); one clear line.
         */
        fun parse(model: ByteArray): Tokenizer = Tokenizer(SentencePieceModel.parse(model))
    }
}
