package org.pocketlm.text

/**
 * Byte strings by id, and some of them in the order of their bytes: a dictionary to walk into byte
 * by byte, in two arrays of numbers and one of bytes.
 *
 * A walk holds a range of ranks whose keys agree in their first `depth` bytes, and narrows it by
 * the next byte. The key that is those bytes and no more is the first of its range.
 *
 * @param offsets the key of id i is `bytes[offsets[i], offsets[i + 1])`.
 * @param ids those that are looked up; equal keys stand in the order given here.
 */
internal class SortedKeys(
    private val bytes: ByteArray,
    private val offsets: IntArray,
    ids: List<Int>,
) {
    /** Ids by rank. */
    val sorted: IntArray =
        ids.sortedWith(Comparator { a, b -> compare(a, b) }).toIntArray()

    fun length(id: Int): Int = offsets[id + 1] - offsets[id]

    /**
     * The first rank of a range, of which all agree in their first [depth] bytes, whose next byte
     * is [byte] or a greater one; a key that ends there comes before all.
     */
    fun lower(from: Int, to: Int, depth: Int, byte: Int): Int {
        var low = from
        var high = to
        while (low < high) {
            val middle = (low + high) ushr 1
            if (byteAt(sorted[middle], depth) < byte) low = middle + 1 else high = middle
        }
        return low
    }

    /** Whether the key of [id] and [text] from [start] on agree as far as both go. */
    fun agrees(id: Int, text: ByteArray, start: Int): Boolean {
        val both = minOf(length(id), text.size - start)
        return (0 until both).all { bytes[offsets[id] + it] == text[start + it] }
    }

    /** Whether two ids have the same key. */
    fun same(a: Int, b: Int): Boolean = compare(a, b) == 0

    private fun byteAt(id: Int, depth: Int): Int {
        val position = offsets[id] + depth
        return if (position < offsets[id + 1]) bytes[position].toInt() and 0xFF else -1
    }

    private fun compare(a: Int, b: Int): Int {
        val shorter = minOf(length(a), length(b))
        for (depth in 0 until shorter) {
            val difference = byteAt(a, depth) - byteAt(b, depth)
            if (difference != 0) return difference
        }
        return length(a) - length(b)
    }
}
