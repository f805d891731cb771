package org.pocketlm.session

import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Test

class DurationsTest {
    @Test
    fun `nothing recorded has no median`() {
        assertNull(Durations().percentile(0.5))
    }

    @Test
    fun `a percentile is one of the durations`() {
        val durations = Durations()
        (100L downTo 1L).forEach(durations::record)
        assertEquals(50L, durations.percentile(0.5))
        assertEquals(99L, durations.percentile(0.99))
        assertEquals(100L, durations.percentile(1.0))
        assertEquals(1L, durations.percentile(0.0))
    }

    @Test
    fun `the newest are kept`() {
        val durations = Durations(capacity = 4)
        (1L..10L).forEach(durations::record)
        assertEquals(4, durations.count)
        assertEquals(7L, durations.percentile(0.0))
        assertEquals(10L, durations.percentile(1.0))
    }

    @Test
    fun `threads record side by side`() {
        val durations = Durations(capacity = 4000)
        val threads =
            (1..4).map { Thread { repeat(1000) { durations.record(7) } }.apply { start() } }
        threads.forEach(Thread::join)
        assertEquals(4000, durations.count)
        assertEquals(7L, durations.percentile(0.0))
    }
}
