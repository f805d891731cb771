package org.pocketlm.session

import org.pocketlm.suggest.Suggestion

/**
 * What the keyboard asks of the predictor.
 *
 * Thread: all calls come from the main thread, return at once, and are answered on the main thread.
 * Lifetime: none is made after [close]; no answer comes after it. The keyboard types on whatever
 * the [state] is: while [State.LOADING] and after [State.FAILED] a request is answered with an
 * empty list, late, or not at all.
 *
 * Private sessions: where `privateSession` is true nothing personal is used, learnt or stored.
 */
interface Suggestions : AutoCloseable {
    enum class State {
        LOADING,
        READY,
        FAILED,
    }

    val state: State

    /** Why there are no suggestions, in one line; null unless [state] is [State.FAILED]. */
    val failure: String?

    /**
     * Asks for the words that go on [textBefore], the text before the cursor with the letters of an
     * unfinished word at its end. The newest request wins: an answer that is no longer the newest's
     * is dropped. [answer] gets the best word first.
     */
    fun request(textBefore: String, privateSession: Boolean, answer: (List<Suggestion>) -> Unit)

    /** Forgets the newest request: its answer will not come. */
    fun cancel()

    /**
     * A word was finished in the text; learnt only if learning is on and the session is not
     * private.
     */
    fun finished(word: String, privateSession: Boolean)

    override fun close()
}
