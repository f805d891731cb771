package org.pocketlm.keyboard

import android.content.Context
import android.content.SharedPreferences

/** What a person has set. Kept on the device, in the app's own folder, and not backed up. */
class Preferences(context: Context) {
    private val stored: SharedPreferences =
        context.getSharedPreferences("keyboard", Context.MODE_PRIVATE)

    // Kept here, for the platform holds a listener weakly.
    private var listener: SharedPreferences.OnSharedPreferenceChangeListener? = null

    /** The chosen bundle's name; null for the first there is. */
    var bundle: String?
        get() = stored.getString(BUNDLE, null)
        set(value) = stored.edit().putString(BUNDLE, value).apply()

    /** Whether finished words are learnt. */
    var learning: Boolean
        get() = stored.getBoolean(LEARNING, false)
        set(value) = stored.edit().putBoolean(LEARNING, value).apply()

    /** Whether offensive words are suggested. */
    var offensive: Boolean
        get() = stored.getBoolean(OFFENSIVE, false)
        set(value) = stored.edit().putBoolean(OFFENSIVE, value).apply()

    /** Whether keys tick; the device's own setting holds in any case. */
    var haptics: Boolean
        get() = stored.getBoolean(HAPTICS, true)
        set(value) = stored.edit().putBoolean(HAPTICS, value).apply()

    /** Calls [changed] on the main thread after each change, until [stopListening]. */
    fun listen(changed: (Change) -> Unit) {
        stopListening()
        listener =
            SharedPreferences.OnSharedPreferenceChangeListener { _, key ->
                    changed(if (key == BUNDLE || key == OFFENSIVE) Change.MODEL else Change.OTHER)
                }
                .also(stored::registerOnSharedPreferenceChangeListener)
    }

    fun stopListening() {
        listener?.let(stored::unregisterOnSharedPreferenceChangeListener)
        listener = null
    }

    /** Whether a change asks for other suggestions to be opened. */
    enum class Change {
        MODEL,
        OTHER,
    }

    private companion object {
        const val BUNDLE = "bundle"
        const val LEARNING = "learning"
        const val OFFENSIVE = "offensive"
        const val HAPTICS = "haptics"
    }
}
