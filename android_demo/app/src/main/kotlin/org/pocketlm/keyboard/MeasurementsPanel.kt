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
        reader =
            HandlerThread("memory").also {
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
        showDurations(R.id.step, Stats.step)
        showDurations(R.id.speed, Stats.suggestion)
        memory?.post {
            val measured = Debug.MemoryInfo()
            Debug.getMemoryInfo(measured)
            main.post { if (memory != null) showMemory(measured) }
        }
        main.postDelayed(::tick, SECOND)
    }

    private fun showMemory(measured: Debug.MemoryInfo) {
        showMemory(R.id.pss, measured.totalPss)
        showMemory(R.id.dirty, measured.totalPrivateDirty)
        showMemory(R.id.java, summary(measured, "summary.java-heap"))
        showMemory(R.id.native_heap, summary(measured, "summary.native-heap"))
        showMemory(R.id.code, summary(measured, "summary.code"))
    }

    private fun summary(measured: Debug.MemoryInfo, part: String) =
        measured.getMemoryStat(part)?.toIntOrNull() ?: 0

    private fun showMemory(view: Int, kibibytes: Int) {
        // A device that does not tell says 0.
        if (kibibytes > 0)
            show(view, resources.getString(R.string.megabytes, decimal(kibibytes / 1024.0, 1)))
    }

    private fun showDurations(view: Int, durations: Durations) {
        val median =
            durations.percentile(0.5) ?: return show(view, resources.getString(R.string.unknown))
        val slow = durations.percentile(0.99) ?: median
        show(
            view,
            resources.getString(R.string.milliseconds, milliseconds(median), milliseconds(slow)),
        )
    }

    private fun show(view: Int, figure: String) {
        root.view<TextView>(view).text = figure
    }

    private fun milliseconds(nanoseconds: Long) = decimal(nanoseconds / 1e6, 2)

    private fun decimal(value: Double, digits: Int) =
        String.format(resources.configuration.locales[0], "%.${digits}f", value)

    private companion object {
        const val SECOND = 1000L
    }
}
