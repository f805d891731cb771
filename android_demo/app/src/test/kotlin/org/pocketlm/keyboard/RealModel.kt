package org.pocketlm.keyboard

import android.os.Looper
import org.pocketlm.engine.HostNatives
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf

/** A desk at which the shipped bundle suggests: assets, store, tokenizer, network and worker are the app's. */
internal class RealModel(bundle: String = "en-base", inputType: Int = Desk.TEXT, text: String = "") {
    val parts: AppParts
    val desk: Desk

    init {
        HostNatives.load()
        val app = RuntimeEnvironment.getApplication()
        Preferences(app).bundle = bundle
        parts = AppParts(app)
        desk = Desk(others = parts, inputType = inputType, text = text)
    }

    /** Types, and waits for the suggestions to the text as it is then. */
    fun type(text: String): List<String> {
        desk.type(text)
        return shown()
    }

    /** What the strip shows once it has caught up. */
    fun shown(): List<String> = await { desk.strip }

    /** Runs what the worker hands to the main thread until there is something to see. */
    fun <T : Collection<*>> await(seen: () -> T): T {
        val end = System.nanoTime() + PATIENCE
        while (true) {
            shadowOf(Looper.getMainLooper()).idle()
            val now = seen()
            if (now.isNotEmpty()) return now
            val note = desk.panel.strip.note
            check(note == null && System.nanoTime() < end) { "nothing came: $note" }
            Thread.sleep(1)
        }
    }

    fun close() = desk.service.onDestroy()

    private companion object {
        const val PATIENCE = 30_000_000_000L
    }
}
