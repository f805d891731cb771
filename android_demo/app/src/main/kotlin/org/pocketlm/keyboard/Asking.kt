package org.pocketlm.keyboard

import android.os.SystemClock
import org.pocketlm.session.Durations
import org.pocketlm.session.Suggestions

/**
 * Asks for suggestions after each edit, and keeps what is shown true to the text meanwhile: while
 * an answer is awaited, only words that still fit what is typed stay. [show] gets the words, the
 * best first, and a line that says why there are none.
 */
internal class Asking(
    private val durations: Durations,
    private val show: (words: List<String>, note: String?) -> Unit,
) {
    private var words: List<String> = emptyList()
    private var note: String? = null

    /**
     * Asks for what goes on [textBefore], which ends in [prefix], the word being typed. [since] is
     * when the key came up, by [SystemClock.elapsedRealtimeNanos].
     */
    fun ask(
        suggestions: Suggestions,
        textBefore: String,
        prefix: String,
        privateSession: Boolean,
        since: Long,
    ) {
        if (suggestions.state == Suggestions.State.FAILED)
            return shown(emptyList(), suggestions.failure)
        shown(if (prefix.isEmpty()) emptyList() else words.filter { it.startsWith(prefix, true) })
        suggestions.request(textBefore, privateSession) { answer ->
            shown(answer.map { it.word })
            durations.record(SystemClock.elapsedRealtimeNanos() - since)
        }
    }

    /** Shows the words again, as the shift key is now. */
    fun recase() = show(words, note)

    /** Shows nothing, and awaits nothing. */
    fun stop(suggestions: Suggestions) {
        suggestions.cancel()
        shown(emptyList())
    }

    private fun shown(words: List<String>, note: String? = null) {
        this.words = words
        this.note = note
        show(words, note)
    }
}
