package org.pocketlm.keyboard

import android.os.Looper
import org.junit.Assume.assumeTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.pocketlm.session.Durations
import org.pocketlm.session.Stats
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import java.io.File
import java.util.concurrent.locks.LockSupport

/**
 * Times from a key's release to the suggestions on the strip, for both recipes; it asserts none.
 *
 * `scripts/test-android -Dtest=KeystrokeMeasurement -Dpocketlm.measure=TEXT`: the lines of TEXT are
 * typed key by key, each key after the answer to the one before it.
 */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35])
class KeystrokeMeasurement {
    @Test
    fun `keys to suggestions`() {
        val text = System.getProperty("pocketlm.measure").orEmpty()
        assumeTrue("pocketlm.measure names no text", text.isNotEmpty())
        val lines = File(text).readLines().map(::typeable).filter { it.isNotEmpty() }.take(LINES)
        for (bundle in listOf("en-base", "en-base-xnnpack")) {
            measure(bundle, lines.take(WARM_UP))
            val (times, steps) = measure(bundle, lines.drop(WARM_UP))
            val durations = Durations(times.size).apply { times.forEach(::record) }
            val shares = listOf(0.5, 0.95, 0.99).map { durations.percentile(it)!! / 1e6 }
            println(
                "measured %s: %d keys, key to strip median %.2f ms, p95 %.2f ms, p99 %.2f ms; step median %.3f ms"
                    .format(bundle, times.size, *shares.toTypedArray(), steps),
            )
        }
    }

    private fun measure(bundle: String, lines: List<String>): Pair<List<Long>, Double> {
        val model = RealModel(bundle)
        model.type("a")
        Stats.step.clear()
        val times = ArrayList<Long>()
        for (line in lines) {
            model.desk.tap(Action.Enter)
            for (letter in line) {
                Stats.suggestion.clear()
                val released = System.nanoTime()
                model.desk.type("$letter")
                while (Stats.suggestion.count == 0) {
                    LockSupport.parkNanos(NAP) // a main thread that waits takes no core from the worker
                    shadowOf(Looper.getMainLooper()).idle()
                }
                times += System.nanoTime() - released
            }
        }
        model.close()
        return Pair(times, (Stats.step.percentile(0.5) ?: 0) / 1e6)
    }

    private fun typeable(line: String) = line.lowercase().filter { it in 'a'..'z' || it == ' ' }.trim()

    private companion object {
        const val LINES = 60
        const val WARM_UP = 10
        const val NAP = 20_000L
    }
}
