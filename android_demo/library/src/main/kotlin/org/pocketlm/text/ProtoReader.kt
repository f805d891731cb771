package org.pocketlm.text

/**
 * Reads the fields of one protobuf message that lies in `bytes[position, end)`.
 *
 * Nothing in a file is believed before it is checked: a length past the end, an endless number or
 * an unknown kind of field is an [IllegalArgumentException] of one line. Every call of [next] moves
 * on, so that reading ends whatever the bytes are.
 */
internal class ProtoReader(
    private val bytes: ByteArray,
    private var position: Int = 0,
    private val end: Int = bytes.size,
) {
    /** The number of the field that [next] came to. */
    var field = 0
        private set
    private var kind = 0

    /** Goes to the next field, which then has to be read or skipped; false at the end. */
    fun next(): Boolean {
        if (position == end) return false
        val tag = number()
        field = (tag ushr 3).toInt()
        kind = (tag and 7).toInt()
        if (tag ushr 3 !in 1..LARGEST_FIELD) damaged()
        return true
    }

    fun readInt(): Int {
        expect(NUMBER)
        return number().toInt() // negative ones are written in ten bytes
    }

    fun readBoolean(): Boolean {
        expect(NUMBER)
        return number() != 0L
    }

    fun readFloat(): Float {
        expect(FOUR_BYTES)
        val start = advance(4)
        var bits = 0
        for (i in 3 downTo 0) bits = (bits shl 8) or (bytes[start + i].toInt() and 0xFF)
        return java.lang.Float.intBitsToFloat(bits)
    }

    /** A string, bytes or a message inside, as a reader of its own. */
    fun readInside(): ProtoReader {
        expect(LENGTH)
        val size = length()
        val start = advance(size)
        return ProtoReader(bytes, start, start + size)
    }

    /** The bytes that are left. */
    fun remaining(): ByteArray = bytes.copyOfRange(position, end)

    val remainingSize: Int get() = end - position

    fun skip() {
        when (kind) {
            NUMBER -> number()
            EIGHT_BYTES -> advance(8)
            LENGTH -> advance(length())
            FOUR_BYTES -> advance(4)
            else -> damaged()
        }
    }

    private fun number(): Long {
        var value = 0L
        for (shift in 0 until 70 step 7) {
            val byte = bytes[advance(1)].toInt()
            value = value or ((byte and 0x7F).toLong() shl shift)
            if (byte >= 0) return value
        }
        damaged()
    }

    private fun length(): Int {
        val size = number()
        if (size < 0 || size > end - position) damaged()
        return size.toInt()
    }

    private fun advance(count: Int): Int {
        if (count > end - position) damaged()
        position += count
        return position - count
    }

    private fun expect(wanted: Int) {
        if (kind != wanted) damaged()
    }

    private fun damaged(): Nothing =
        throw IllegalArgumentException("the tokenizer is damaged or cut short, at byte $position")

    private companion object {
        const val NUMBER = 0
        const val EIGHT_BYTES = 1
        const val LENGTH = 2
        const val FOUR_BYTES = 5
        const val LARGEST_FIELD = (1L shl 29) - 1
    }
}
