package org.pocketlm.session

/**
 * What a person may do with the words learnt from their own typing. All calls on the main thread.
 *
 * What is forgotten or wiped leaves no trace, in memory or in the file, when the call returns.
 */
interface PersonalWordsControl {
    /**
     * Whether finished words are learnt. Off until a person turns it on; turning it off keeps the
     * words.
     */
    var learning: Boolean

    /** Whether [word] is offered because it was learnt, in whatever letter case. */
    fun knows(word: String): Boolean

    /** Unlearns [word], in whatever letter case; nothing happens if it is not known. */
    fun forget(word: String)

    /** Called after [forget] and [wipe], so that what is shown can follow; one at a time. */
    var forgotten: (() -> Unit)?

    /** Unlearns every word. */
    fun wipe()
}
