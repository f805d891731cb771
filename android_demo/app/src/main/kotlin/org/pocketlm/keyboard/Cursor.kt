package org.pocketlm.keyboard

/**
 * Where the cursor is, and whether a move that the field reports is the keyboard's own.
 *
 * Reports come late: while a person types on, a field still tells of earlier letters. So the places
 * that our own edits lead to are kept until they are reported; any other place is the person's
 * doing, or the app's. A field may leave reports out, but it does not change their order.
 */
internal class Cursor {
    var start = UNKNOWN
        private set

    var end = UNKNOWN
        private set

    val hasSelection: Boolean
        get() = start != end

    private val expected = ArrayDeque<Int>()

    /** In a new field; -1 if the field does not say. */
    fun reset(start: Int, end: Int) {
        this.start = minOf(start, end)
        this.end = maxOf(start, end)
        expected.clear()
    }

    /**
     * The keyboard has put [inserted] chars for [deleted] ones before the cursor, or for the
     * selection.
     */
    fun edited(deleted: Int, inserted: Int) {
        if (start != UNKNOWN) movedTo((if (hasSelection) start else start - deleted) + inserted)
    }

    /** The keyboard has moved the cursor. */
    fun movedTo(position: Int) {
        start = maxOf(position, 0)
        end = start
        expected.addLast(start)
        if (expected.size > MOST) expected.removeFirst()
    }

    /** The field reports a selection; whether it comes of the keyboard's own edits. */
    fun reported(newStart: Int, newEnd: Int): Boolean {
        val index = if (newStart == newEnd) expected.indexOf(newStart) else -1
        if (index >= 0) {
            repeat(index + 1) { expected.removeFirst() }
            return true
        }
        if (expected.isEmpty() && newStart == start && newEnd == end) return true
        reset(newStart, newEnd)
        return false
    }

    private companion object {
        const val UNKNOWN = -1
        const val MOST = 64
    }
}
