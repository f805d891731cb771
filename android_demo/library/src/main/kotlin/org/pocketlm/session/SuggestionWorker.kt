package org.pocketlm.session

import org.pocketlm.personal.PersonalLearning
import org.pocketlm.personal.PersonalMixture
import org.pocketlm.suggest.Suggestion
import org.pocketlm.text.isInCapitals
import org.pocketlm.text.splitContext
import org.pocketlm.text.startsSentence
import java.util.concurrent.Executor
import java.util.concurrent.ExecutorService
import java.util.concurrent.Executors

/**
 * Suggestions from one thread beside the main one.
 *
 *     request -> newest (one place) -> worker: WordSource.suggest, personal words -> main: answer
 *
 * Requests do not queue: the worker takes the newest when it is free, and an answer that another
 * request, [cancel] or [close] has overtaken is dropped on the main thread. A source that cannot be
 * opened, or fails, ends in [Suggestions.State.FAILED]: requests are then answered with no words. What
 * was kept of a private session's text is dropped on [cancel], when another session asks, and on
 * [close].
 *
 * @param open makes the source, on the worker's thread
 * @param main runs what is handed to it on the main thread, in order
 * @param learning the user's own words; null where there are none
 * @param blocked words in lower case that are never suggested
 */
class SuggestionWorker(
    private val open: () -> WordSource,
    private val main: Executor,
    private val learning: PersonalLearning? = null,
    private val blocked: Set<String> = emptySet(),
    private val slots: Int = SLOTS,
) : Suggestions {
    private class Request(
        val number: Int,
        val text: String,
        val private: Boolean,
        val answer: (List<Suggestion>) -> Unit,
    )

    private val worker: ExecutorService = Executors.newSingleThreadExecutor { task ->
        Thread(task, "suggestions").apply { isDaemon = true }
    }
    private val lock = Any()
    private var waiting: Request? = null // guarded by lock
    private var newest = 0 // the main thread's
    private var source: WordSource? = null // the worker's
    private var wasPrivate = false // the worker's

    @Volatile
    private var closed = false

    @Volatile
    override var state = Suggestions.State.LOADING
        private set

    @Volatile
    override var failure: String? = null
        private set

    init {
        worker.execute { if (!closed) guarded { source = open() } }
    }

    override fun request(textBefore: String, privateSession: Boolean, answer: (List<Suggestion>) -> Unit) {
        val request = Request(++newest, textBefore, privateSession, answer)
        val idle = synchronized(lock) { (waiting == null).also { waiting = request } }
        if (idle) worker.execute(::answerNewest)
    }

    override fun cancel() {
        newest++
        synchronized(lock) { waiting = null }
        // The keyboard pauses: time to write what was learnt, and to forget what was private.
        worker.execute {
            learning?.words?.save()
            endPrivateSession()
        }
    }

    override fun finished(word: String, privateSession: Boolean) {
        if (privateSession || learning?.learning != true) return
        val generation = learning.words.generation
        worker.execute {
            // The switch may have been turned off since.
            if (learning.learning) learning.words.learn(word, generation)
        }
    }

    override fun close() {
        cancel()
        closed = true
        worker.execute {
            source?.close()
            source = null
        }
        worker.shutdown()
    }

    private fun answerNewest() {
        val request = synchronized(lock) { waiting.also { waiting = null } } ?: return
        var words = emptyList<Suggestion>()
        guarded { words = source?.let { suggest(it, request) }.orEmpty() }
        main.execute {
            if (request.number == newest) request.answer(words)
        }
    }

    private fun suggest(source: WordSource, request: Request): List<Suggestion> {
        if (!request.private) endPrivateSession()
        wasPrivate = request.private
        val words = source.suggest(request.text, slots)
        if (learning == null || !learning.learning || request.private) return words
        val (context, prefix) = splitContext(request.text)
        val sentence = startsSentence(context)
        val capitals = isInCapitals(request.text.substringAfterLast('\n'))
        return PersonalMixture.mix(words, learning.words, prefix, sentence, capitals, blocked, slots)
    }

    private fun endPrivateSession() {
        if (wasPrivate) source?.forgetTexts()
        wasPrivate = false
    }

    /** Runs a part of the worker's task; any failure of the model ends the suggestions, not the keyboard. */
    private fun guarded(task: () -> Unit) {
        if (state == Suggestions.State.FAILED) return
        try {
            task()
            state = Suggestions.State.READY
        } catch (e: Exception) {
            fail(e)
        } catch (e: LinkageError) { // no native library for this device
            fail(e)
        } catch (e: OutOfMemoryError) {
            fail(e)
        }
    }

    private fun fail(cause: Throwable) {
        failure = (cause.message ?: cause.javaClass.simpleName).lineSequence().first()
        state = Suggestions.State.FAILED
        source?.close()
        source = null
    }

    companion object {
        const val SLOTS = 3
    }
}
