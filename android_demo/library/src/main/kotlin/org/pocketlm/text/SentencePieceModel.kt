package org.pocketlm.text

import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException

/**
 * What a `tokenizer.model` says: SentencePiece's protobuf, as far as PocketLM's own models use it.
 *
 * @property bytes the UTF-8 of all pieces; that of id i is `bytes[offsets[i], offsets[i + 1])`.
 * @property scores natural log-probabilities.
 * @property types one of the constants below.
 */
internal class SentencePieceModel private constructor(
    val bytes: ByteArray,
    val offsets: IntArray,
    val scores: FloatArray,
    val types: ByteArray,
) {
    val size: Int get() = types.size

    fun piece(id: Int): String =
        String(bytes, offsets[id], offsets[id + 1] - offsets[id], Charsets.UTF_8)

    companion object {
        const val NORMAL: Byte = 1
        const val UNKNOWN: Byte = 2
        const val CONTROL: Byte = 3
        const val USER_DEFINED: Byte = 4
        const val UNUSED: Byte = 5
        const val BYTE: Byte = 6

        const val UNKNOWN_ID = 0
        const val END_ID = 1
        private const val LARGEST_VOCABULARY = 16_384
        private const val LONGEST_PIECE = 8_000 // bytes; SentencePiece's own limit

        // Fields of ModelProto, SentencePiece, TrainerSpec and NormalizerSpec.
        private const val PIECES = 1
        private const val TRAINER_SPEC = 2
        private const val NORMALIZER_SPEC = 3
        private const val PIECE_TEXT = 1
        private const val PIECE_SCORE = 2
        private const val PIECE_TYPE = 3
        private const val MODEL_TYPE = 3
        private const val UNIGRAM = 1
        private const val SPACE_AS_SUFFIX = 24
        private const val BYTE_FALLBACK = 35
        private const val CHARACTER_MAP = 2
        private val SPACE_FLAGS = 3..5 // add a dummy prefix, fold spaces, escape them

        /**
         * Reads a file's bytes.
         *
         * @throws IllegalArgumentException they are no such model, or one that PocketLM does not
         *   make: not unigram, without byte fallback, or with a normalisation of its own.
         */
        fun parse(file: ByteArray): SentencePieceModel {
            val model = readPieces(file)
            checkSpecs(file)
            return model.apply { checkPieces() }
        }

        private fun readPieces(file: ByteArray): SentencePieceModel {
            var count = 0
            var bytes = 0
            eachField(file) { field, reader ->
                if (field == PIECES) {
                    count++
                    bytes += reader.readInside().remainingSize
                } else {
                    reader.skip()
                }
            }
            require(count in 1..LARGEST_VOCABULARY) {
                "the tokenizer has $count pieces, outside 1..$LARGEST_VOCABULARY"
            }
            val text = ByteArray(bytes) // a little more than is needed
            val offsets = IntArray(count + 1)
            val scores = FloatArray(count)
            val types = ByteArray(count)
            var id = 0
            eachField(file) { field, reader ->
                if (field == PIECES) {
                    val piece = readPiece(reader.readInside(), id)
                    piece.text.copyInto(text, offsets[id])
                    offsets[id + 1] = offsets[id] + piece.text.size
                    scores[id] = piece.score
                    types[id] = piece.type.toByte()
                    id++
                } else {
                    reader.skip()
                }
            }
            return SentencePieceModel(text.copyOf(offsets[count]), offsets, scores, types)
        }

        private class Piece(val text: ByteArray, val score: Float, val type: Int)

        private fun readPiece(reader: ProtoReader, id: Int): Piece {
            var text = ByteArray(0)
            var score = 0f
            var type = NORMAL.toInt()
            while (reader.next()) {
                when (reader.field) {
                    PIECE_TEXT -> text = reader.readInside().remaining()
                    PIECE_SCORE -> score = reader.readFloat()
                    PIECE_TYPE -> type = reader.readInt()
                    else -> reader.skip()
                }
            }
            val sound = text.isNotEmpty() && text.size < LONGEST_PIECE && 0.toByte() !in text &&
                isUtf8(text) && !score.isNaN() && !score.isInfinite() && type in NORMAL..BYTE
            require(sound) { "piece $id of the tokenizer is not one: bad text, score or type" }
            return Piece(text, score, type)
        }

        private fun checkSpecs(file: ByteArray) {
            var modelType = 0
            var byteFallback = false
            var otherSpaces = false
            var normaliser = false
            eachField(file) { field, reader ->
                if (field == TRAINER_SPEC) {
                    modelType = maxOf(modelType, UNIGRAM) // unless it says otherwise
                    val spec = reader.readInside()
                    while (spec.next()) {
                        when (spec.field) {
                            MODEL_TYPE -> modelType = spec.readInt()
                            BYTE_FALLBACK -> byteFallback = spec.readBoolean()
                            SPACE_AS_SUFFIX -> otherSpaces = otherSpaces or spec.readBoolean()
                            else -> spec.skip()
                        }
                    }
                } else if (field == NORMALIZER_SPEC) {
                    normaliser = true
                    otherSpaces = otherSpaces or normalisesOtherwise(reader.readInside())
                } else {
                    reader.skip()
                }
            }
            require(modelType != 0 && normaliser) {
                "the tokenizer is cut short: it has no settings"
            }
            require(modelType == UNIGRAM && byteFallback) {
                "the tokenizer is not a unigram model with byte fallback, as a phone needs"
            }
            require(!otherSpaces) {
                "the tokenizer was not made by PocketLM: it changes the text in its own way"
            }
        }

        /** Whether anything but SentencePiece's standard handling of spaces is asked for. */
        private fun normalisesOtherwise(spec: ProtoReader): Boolean {
            var otherwise = false
            while (spec.next()) {
                when (spec.field) {
                    CHARACTER_MAP ->
                        otherwise = otherwise or (spec.readInside().remainingSize > 0)
                    in SPACE_FLAGS -> otherwise = otherwise or !spec.readBoolean()
                    else -> spec.skip()
                }
            }
            return otherwise
        }

        private inline fun eachField(file: ByteArray, read: (Int, ProtoReader) -> Unit) {
            val reader = ProtoReader(file)
            while (reader.next()) read(reader.field, reader)
        }

        private fun isUtf8(text: ByteArray): Boolean = try {
            Charsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(text))
            true
        } catch (_: CharacterCodingException) {
            false
        }
    }

    private fun checkPieces() {
        val others = (0 until size).count { types[it] == UNKNOWN && it != UNKNOWN_ID }
        val ids = size > END_ID && types[UNKNOWN_ID] == UNKNOWN && types[END_ID] == CONTROL
        require(ids && others == 0) {
            "the tokenizer was not made by PocketLM: <unk> has to be $UNKNOWN_ID and </s> $END_ID"
        }
        require((0 until size).any { types[it] == NORMAL }) { "the tokenizer has no text pieces" }
        // Only such a piece would keep SentencePiece from folding the spaces in it.
        val spaced = (0 until size).any { types[it] == USER_DEFINED && ' ' in piece(it) }
        require(!spaced) { "the tokenizer has a symbol with a space in it" }
    }
}
