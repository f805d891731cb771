package org.pocketlm.session

import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicLongArray
import kotlin.math.ceil

/** The durations that the settings screen shows, in nanoseconds; any thread may record and read. */
object Stats {
    /** One step of the network. */
    val step = Durations()

    /** From the moment a key is up to the moment its suggestions are handed to the strip. */
    val suggestion = Durations()
}

/**
 * The newest [capacity] durations.
 *
 * Recording takes no lock and makes no object, so that it does not disturb what it measures. A
 * reader that runs beside a writer may miss the newest duration, nothing worse.
 */
class Durations(private val capacity: Int = 512) {
    private val ring = AtomicLongArray(capacity)
    private val recorded = AtomicInteger()

    fun record(nanoseconds: Long) {
        while (true) {
            val number = recorded.get()
            // The count wraps to a value that still means "full", at the same place in the ring.
            val next = if (number == Int.MAX_VALUE) number % capacity + capacity + 1 else number + 1
            if (recorded.compareAndSet(number, next)) {
                ring.set(number % capacity, nanoseconds)
                return
            }
        }
    }

    /** How many durations the ring holds. */
    val count: Int
        get() = minOf(recorded.get(), capacity)

    /**
     * The smallest duration that at least [share] (0 to 1) of those held are no longer than: 0.5 is
     * the median, 0.99 the 99th percentile. Null when nothing was recorded.
     */
    fun percentile(share: Double): Long? {
        val held = LongArray(count) { ring.get(it) }
        if (held.isEmpty()) return null
        held.sort()
        return held[(ceil(share * held.size).toInt() - 1).coerceIn(0, held.size - 1)]
    }

    fun clear() = recorded.set(0)
}
