package org.pocketlm.keyboard

/**
 * The shift key. One tap makes the next letter a capital, two quick taps lock capitals, one more
 * tap lets go; held while other keys are typed it acts as on a typewriter. Before it is touched it
 * follows what the field wants at the cursor. Times are in milliseconds.
 */
internal class ShiftState {
    enum class Level {
        OFF,
        ONCE,
        LOCKED,
    }

    var level = Level.OFF
        private set

    /** Whether letters are capitals now. */
    val on: Boolean
        get() = level != Level.OFF

    private var manual = false
    private var held = false
    private var usedWhileHeld = false
    private var tappedAt = Long.MIN_VALUE

    fun press(now: Long) {
        held = true
        usedWhileHeld = false
        // Not `now - tappedAt`, which overflows for the first tap.
        val again = tappedAt > now - DOUBLE_TAP && tappedAt <= now
        tappedAt = if (again) Long.MIN_VALUE else now
        level =
            when {
                again -> Level.LOCKED
                on -> Level.OFF
                else -> Level.ONCE
            }
        manual = true
    }

    fun release() {
        held = false
        if (usedWhileHeld && level == Level.ONCE) level = Level.OFF
    }

    /** A key has typed something. */
    fun typed() {
        tappedAt = Long.MIN_VALUE
        if (held) usedWhileHeld = true else if (level == Level.ONCE) level = Level.OFF
        manual = false
    }

    /** The field wants a capital at the cursor, or wants none. */
    fun follow(capital: Boolean) {
        if (level == Level.LOCKED || manual || held) return
        level = if (capital) Level.ONCE else Level.OFF
    }

    /** As in a new field. */
    fun reset() {
        level = Level.OFF
        manual = false
        held = false
        tappedAt = Long.MIN_VALUE
    }

    private companion object {
        const val DOUBLE_TAP = 350L
    }
}
