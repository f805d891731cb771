package org.pocketlm

import java.io.ByteArrayOutputStream

/** Writes small `tokenizer.model` files, sound ones and others. */
class SentencePieceWriter(
    private val byteFallback: Boolean = true,
    private val modelType: Int = 1,
) {
    private val out = ByteArrayOutputStream()

    init {
        piece("<unk>", 0f, UNKNOWN)
        piece("</s>", 0f, CONTROL)
        if (byteFallback) for (byte in 0..255) piece("<0x%02X>".format(byte), 0f, BYTE)
    }

    fun piece(text: String, score: Float, type: Int = NORMAL) = apply {
        val piece = ByteArrayOutputStream()
        inside(piece, 1, text.toByteArray())
        piece.write(2 shl 3 or 5)
        val bits = score.toRawBits()
        for (shift in 0..24 step 8) piece.write(bits ushr shift)
        number(piece, 3, type)
        inside(out, 1, piece.toByteArray())
    }

    fun write(normaliser: Map<Int, Int> = emptyMap()): ByteArray {
        val trainer = ByteArrayOutputStream()
        number(trainer, 3, modelType)
        number(trainer, 35, if (byteFallback) 1 else 0)
        val normal = ByteArrayOutputStream()
        inside(normal, 1, "identity".toByteArray())
        for ((field, value) in normaliser) number(normal, field, value)
        inside(out, 2, trainer.toByteArray())
        inside(out, 3, normal.toByteArray())
        return out.toByteArray()
    }

    private fun number(to: ByteArrayOutputStream, field: Int, value: Int) {
        varint(to, field shl 3)
        varint(to, value)
    }

    private fun inside(to: ByteArrayOutputStream, field: Int, content: ByteArray) {
        varint(to, field shl 3 or 2)
        varint(to, content.size)
        to.write(content)
    }

    private fun varint(to: ByteArrayOutputStream, value: Int) {
        var left = value
        while (left > 0x7F) {
            to.write(left and 0x7F or 0x80)
            left = left ushr 7
        }
        to.write(left)
    }

    companion object {
        const val NORMAL = 1
        const val UNKNOWN = 2
        const val CONTROL = 3
        const val USER_DEFINED = 4
        const val UNUSED = 5
        const val BYTE = 6

        /** A model of these pieces, the first the likeliest. */
        fun of(pieces: List<String>): ByteArray {
            val model = SentencePieceWriter()
            pieces.forEachIndexed { i, piece -> model.piece(piece, -2f - i / 64f) }
            return model.write()
        }
    }
}
