package org.pocketlm.keyboard

import android.os.Debug
import android.os.Handler
import android.os.HandlerThread
import android.os.Looper
import android.view.View
import android.widget.TextView
import org.pocketlm.session.Durations
import org.pocketlm.session.Stats

/**
 * The app's memory and the model's speed, every second from [start] to [stop]. Memory is read on a
 * thread of its own, for the kernel walks all pages for it.
 */
internal class MeasurementsPanel(private val root: View) {
    private val resources = root.resources
    private val main = Handler(Looper.getMainLooper())
    private var reader: HandlerThread? = null
    private var memory: Handler? = null

    fun start() {
        stop()
        reader = HandlerThread("memory").also {
            it.start()
            memory = Handler(it.looper)
        }
        tick()
    }

    fun stop() {
        main.removeCallbacksAndMessages(null)
        memory?.removeCallbacksAndMessages(null)
        memory = null
        reader?.quit()
        reader = null
    }

    private fun tick() {
        showDurations()
        memory?.post {
            val measured = Debug.MemoryInfo()
            Debug.getMemoryInfo(measured)
            main.post { showMemory(measured) }
        }
        main.postDelayed(::tick, SECOND)
    }

    private fun showMemory(measured: Debug.MemoryInfo) {
        line(R.id.memory, R.string.memory_line, megabytes(measured.totalPss), megabytes(measured.totalPrivateDirty))
        line(
            R.id.memory_parts, R.string.memory_parts,
            megabytes(measured, "summary.java-heap"), megabytes(measured, "summary.native-heap"),
            megabytes(measured, "summary.code"),
        )
    }

    private fun showDurations() {
        showDuration(R.id.step, Stats.step, R.string.step_line, R.string.step_none)
        showDuration(R.id.speed, Stats.suggestion, R.string.suggestion_line, R.string.suggestion_none)
    }

    private fun showDuration(view: Int, durations: Durations, line: Int, none: Int) {
        val median = durations.percentile(0.5) ?: return line(view, none)
        line(view, line, milliseconds(median), milliseconds(durations.percentile(0.99) ?: median))
    }

    private fun line(view: Int, string: Int, vararg figures: String) {
        root.view<TextView>(view).text = resources.getString(string, *figures)
    }

    private fun megabytes(measured: Debug.MemoryInfo, part: String) =
        megabytes(measured.getMemoryStat(part)?.toIntOrNull() ?: 0)

    private fun megabytes(kibibytes: Int) = decimal(kibibytes / 1024.0, 1)

    private fun milliseconds(nanoseconds: Long) = decimal(nanoseconds / 1e6, 2)

    private fun decimal(value: Double, digits: Int) =
        String.format(resources.configuration.locales[0], "%.${digits}f", value)

    private companion object {
        const val SECOND = 1000L
    }
}
