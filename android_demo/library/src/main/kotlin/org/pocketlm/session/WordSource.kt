package org.pocketlm.session

import org.pocketlm.suggest.Suggestion

/**
 * What suggests words for a text: the suggester over a model, or a test's.
 *
 * Thread: the one that made it. Lifetime: no call after [close].
 */
interface WordSource : AutoCloseable {
    /** The k likeliest words, best first: completions of the word at the end of `text`, or next words. */
    fun suggest(text: String, k: Int): List<Suggestion>

    /** Drops all that is kept of the texts seen so far. */
    fun forgetTexts()

    override fun close()
}
