package org.pocketlm.text

/** UTF-8 that grows by characters. */
internal class Utf8(capacity: Int) {
    var bytes = ByteArray(capacity)
        private set
    var size = 0
        private set

    /** Appends a character; half of a surrogate pair, which UTF-8 cannot hold, becomes U+FFFD. */
    fun append(codePoint: Int) {
        if (bytes.size < size + 4) bytes = bytes.copyOf(2 * size + 16)
        when {
            codePoint < 0x80 -> put(codePoint)
            codePoint < 0x800 -> {
                put(0xC0 or (codePoint shr 6))
                follow(codePoint)
            }
            codePoint in 0xD800..0xDFFF -> append(0xFFFD)
            codePoint < 0x10000 -> {
                put(0xE0 or (codePoint shr 12))
                follow(codePoint shr 6)
                follow(codePoint)
            }
            else -> {
                put(0xF0 or (codePoint shr 18))
                follow(codePoint shr 12)
                follow(codePoint shr 6)
                follow(codePoint)
            }
        }
    }

    fun append(text: String) {
        skip(text, 0) {
            append(it)
            true
        }
    }

    fun toByteArray(): ByteArray = bytes.copyOf(size)

    fun endsWith(suffix: ByteArray): Boolean {
        if (size < suffix.size) return false
        return suffix.indices.all { bytes[size - suffix.size + it] == suffix[it] }
    }

    fun dropLast(count: Int) {
        size -= count
    }

    private fun follow(bits: Int) = put(0x80 or (bits and 0x3F))

    private fun put(byte: Int) {
        bytes[size++] = byte.toByte()
    }

    companion object {
        /** Whether a byte is the first of its character. */
        fun isStart(byte: Byte): Boolean = byte.toInt() and 0xC0 != 0x80

        /** The bytes of the character that begins with this one, in valid UTF-8. */
        fun length(first: Byte): Int {
            val byte = first.toInt() and 0xFF
            return if (byte < 0x80) 1 else if (byte < 0xE0) 2 else if (byte < 0xF0) 3 else 4
        }
    }
}
