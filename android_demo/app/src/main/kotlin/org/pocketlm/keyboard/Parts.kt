package org.pocketlm.keyboard

import android.app.Application
import android.content.Context
import org.pocketlm.session.PersonalWordsControl
import org.pocketlm.session.Suggestions

/** A bundle that this build carries: what settings shows of it. */
class BundleChoice(val name: String, val description: String)

/** The bundles to choose from, the default first. */
interface BundleChoices {
    /** Reads no more than the bundles' manifests; on the main thread. */
    fun all(): List<BundleChoice>
}

/** What the keyboard is put together from, one of each a process. All calls on the main thread. */
interface Parts {
    val bundles: BundleChoices
    val personalWords: PersonalWordsControl

    /**
     * Opens suggestions from what [preferences] say; returns at once, and the caller closes them.
     */
    fun suggestions(preferences: Preferences): Suggestions
}

/** Holds the [Parts]; a test puts its own in. */
class KeyboardApplication : Application() {
    private var made: Parts? = null

    var parts: Parts
        get() = made ?: AppParts(this).also { made = it }
        set(value) {
            made = value
        }

    companion object {
        fun parts(context: Context): Parts =
            (context.applicationContext as KeyboardApplication).parts
    }
}
