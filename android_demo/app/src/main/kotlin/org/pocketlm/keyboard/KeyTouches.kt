package org.pocketlm.keyboard

import android.os.Handler
import android.os.Looper
import android.os.SystemClock
import android.view.MotionEvent
import kotlin.math.abs

/** What fingers do on the keys. All on the main thread. */
internal interface KeyTouchListener {
    /** A finger is down on a key, or has slid to it. */
    fun pressed(cell: Cell, slid: Boolean)

    /** The finger is up: the key acts. Backspace acts at once and again while it is held. */
    fun acted(cell: Cell)

    /** Shift acts as soon as it is pressed, and is told when it is let go. */
    fun shift(down: Boolean)

    /** A key was held: the choice shown for it, or null if there is none. */
    fun held(cell: Cell): AccentChoice?

    /** One of the characters that a held key offers was chosen. */
    fun chose(cell: Cell, text: String)

    /** What is pressed or chosen has changed. */
    fun changed()
}

/** The characters that a held key offers. */
internal interface AccentChoice {
    val chosen: String

    /** The finger slid to [x], in the board's pixels. */
    fun slide(x: Float)
}

/**
 * Turns touches into keys. A second finger commits the key under the first, as fast typists have
 * two fingers down at a time; shift alone stays down beside others.
 */
internal class KeyTouches(private val listener: KeyTouchListener, private val slop: Float) {
    private class Finger(val id: Int, var cell: Cell, var x: Float) {
        var choice: AccentChoice? = null
        var slid = false
        var done = false
    }

    var grid: KeyGrid? = null
    private val fingers = ArrayList<Finger>()
    private val timer = Handler(Looper.getMainLooper())
    private var interval = FIRST_REPEAT

    /** The keys to show as pressed. */
    val pressed: List<Cell>
        get() = fingers.filter { !it.done }.map { it.cell }

    fun onTouch(event: MotionEvent): Boolean {
        val index = event.actionIndex
        val id = event.getPointerId(index)
        when (event.actionMasked) {
            MotionEvent.ACTION_DOWN,
            MotionEvent.ACTION_POINTER_DOWN -> down(id, event.getX(index), event.getY(index))
            MotionEvent.ACTION_MOVE ->
                for (i in 0 until event.pointerCount) {
                    move(event.getPointerId(i), event.getX(i), event.getY(i))
                }
            MotionEvent.ACTION_UP,
            MotionEvent.ACTION_POINTER_UP -> up(id)
            MotionEvent.ACTION_CANCEL -> cancel()
            else -> return false
        }
        listener.changed()
        return true
    }

    /** Forgets all fingers; nothing more is typed. */
    fun cancel() {
        stopTimer()
        val shiftHeld = fingers.any { it.cell.key.action == Action.Shift && !it.done }
        fingers.clear()
        if (shiftHeld) listener.shift(down = false)
    }

    private fun down(id: Int, x: Float, y: Float) {
        val cell = grid?.at(x, y) ?: return
        fingers.filter { it.cell.key.action != Action.Shift }.forEach(::commit)
        stopTimer()
        val finger = Finger(id, cell, x)
        fingers.add(finger)
        listener.pressed(cell, slid = false)
        when (cell.key.action) {
            Action.Shift -> listener.shift(down = true)
            Action.Backspace -> {
                listener.acted(cell)
                interval = FIRST_REPEAT
                timer.postAtTime({ repeat(finger) }, this, SystemClock.uptimeMillis() + HOLD)
            }
            else -> timer.postAtTime({ hold(finger) }, this, SystemClock.uptimeMillis() + HOLD)
        }
    }

    private fun move(id: Int, x: Float, y: Float) {
        val finger = fingers.firstOrNull { it.id == id && !it.done } ?: return
        val choice = finger.choice
        if (choice != null) {
            if (finger.slid || abs(x - finger.x) > slop) {
                finger.slid = true
                choice.slide(x)
            }
            return
        }
        if (finger.cell.key.action == Action.Shift || finger.cell.key.action == Action.Backspace)
            return
        val cell = grid?.near(x, y) ?: return
        val isNext = cell !== finger.cell && cell.key.action is Action.Type
        if (!isNext || finger.cell.key.action !is Action.Type || !hasLeft(finger.cell, x, y)) return
        finger.cell = cell
        finger.x = x
        stopTimer()
        timer.postAtTime({ hold(finger) }, this, SystemClock.uptimeMillis() + HOLD)
        listener.pressed(cell, slid = true)
    }

    /** Whether a finger is well outside a key, not just rolling over its edge. */
    private fun hasLeft(cell: Cell, x: Float, y: Float) =
        x < cell.touch.left - slop ||
            x > cell.touch.right + slop ||
            y < cell.touch.top - slop ||
            y > cell.touch.bottom + slop

    private fun up(id: Int) {
        val finger = fingers.firstOrNull { it.id == id } ?: return
        commit(finger)
        fingers.remove(finger)
        if (finger.cell.key.action == Action.Shift) listener.shift(down = false)
    }

    private fun commit(finger: Finger) {
        if (finger.done) return
        finger.done = true
        stopTimer()
        val choice = finger.choice
        when {
            choice != null -> listener.chose(finger.cell, choice.chosen)
            finger.cell.key.action == Action.Shift || finger.cell.key.action == Action.Backspace ->
                Unit
            else -> listener.acted(finger.cell)
        }
    }

    private fun hold(finger: Finger) {
        finger.choice = listener.held(finger.cell)
        listener.changed()
    }

    private fun repeat(finger: Finger) {
        listener.acted(finger.cell)
        interval = maxOf(LAST_REPEAT, interval * 9 / 10)
        timer.postAtTime({ repeat(finger) }, this, SystemClock.uptimeMillis() + interval)
    }

    private fun stopTimer() = timer.removeCallbacksAndMessages(this)

    private companion object {
        /** Milliseconds: until a key counts as held, and between repeats, at first and at last. */
        const val HOLD = 400L
        const val FIRST_REPEAT = 110L
        const val LAST_REPEAT = 30L
    }
}
