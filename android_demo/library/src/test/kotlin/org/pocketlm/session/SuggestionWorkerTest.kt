package org.pocketlm.session

import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.pocketlm.personal.PersonalLearning
import org.pocketlm.personal.PersonalWords
import org.pocketlm.suggest.Suggestion
import java.io.File
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.CountDownLatch
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.Semaphore
import java.util.concurrent.TimeUnit

/** The test's thread is the main thread: what is handed to it waits until the test runs it. */
class SuggestionWorkerTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private val main = LinkedBlockingQueue<Runnable>()
    private val answers = ArrayList<String>()
    private var worker: SuggestionWorker? = null

    /** Says the text back; waits at a gate where the test holds one. */
    private inner class Echo(val gate: Semaphore? = null) : WordSource {
        val seen = ConcurrentLinkedQueue<String>()
        val events = ConcurrentLinkedQueue<String>()
        val thread: Thread = Thread.currentThread()

        override fun suggest(text: String, k: Int): List<Suggestion> {
            assertEquals(thread, Thread.currentThread())
            seen += text
            events += text
            gate?.acquire()
            if (text == "crash") error("the model broke\nbadly")
            return List(k) { Suggestion("$text$it", 0.5 / (it + 1)) }
        }

        override fun forgetTexts() {
            events += "forget"
        }

        override fun close() {
            assertEquals(thread, Thread.currentThread())
            events += "close"
        }
    }

    private fun start(learning: PersonalLearning? = null, open: () -> WordSource): SuggestionWorker =
        SuggestionWorker(open, { main.put(it) }, learning).also { worker = it }

    private fun SuggestionWorker.ask(text: String, private: Boolean = false) =
        request(text, private) { answers += it.firstOrNull()?.word ?: "nothing" }

    /** Runs the next thing that the worker hands to the main thread. */
    private fun runMain() = checkNotNull(main.poll(10, TimeUnit.SECONDS)) { "no answer came" }.run()

    private fun learning(on: Boolean) = PersonalLearning(PersonalWords(File(temporary.root, "words")) { 1 }, on)

    @After
    fun close() {
        worker?.close()
    }

    @Test
    fun `a request is answered on the main thread`() {
        val worker = start { Echo() }
        worker.ask("see ")
        assertEquals(emptyList<String>(), answers)
        runMain()
        assertEquals(listOf("see 0"), answers)
        assertEquals(Suggestions.State.READY, worker.state)
    }

    @Test
    fun `typing faster than the model skips to the newest text`() {
        val gate = Semaphore(0)
        lateinit var echo: Echo
        val opened = CountDownLatch(1)
        val worker = start { Echo(gate).also { echo = it; opened.countDown() } }
        opened.await()
        worker.ask("h")
        while (echo.seen.isEmpty()) Thread.yield() // the model is at work on it
        for (text in listOf("he", "hel", "hell", "hello")) worker.ask(text)
        gate.release(10)
        runMain()
        runMain()
        assertEquals(listOf("h", "hello"), echo.seen.toList())
        assertEquals("the late answer for 'h' was dropped", listOf("hello0"), answers)
    }

    @Test
    fun `a cancelled request is not answered`() {
        val gate = Semaphore(0)
        lateinit var echo: Echo
        val opened = CountDownLatch(1)
        val worker = start { Echo(gate).also { echo = it; opened.countDown() } }
        opened.await()
        worker.ask("a")
        while (echo.seen.isEmpty()) Thread.yield()
        worker.cancel()
        gate.release()
        runMain()
        assertEquals(emptyList<String>(), answers)
    }

    @Test
    fun `a model that cannot be opened leaves a keyboard without suggestions`() {
        val worker = start { throw UnsatisfiedLinkError("no executorch in java.library.path") }
        worker.ask("see ")
        runMain()
        assertEquals(listOf("nothing"), answers)
        assertEquals(Suggestions.State.FAILED, worker.state)
        assertEquals("no executorch in java.library.path", worker.failure)
    }

    @Test
    fun `a model that breaks while typing is closed and not asked again`() {
        lateinit var echo: Echo
        val worker = start { Echo().also { echo = it } }
        for (text in listOf("a", "crash", "b")) {
            worker.ask(text)
            runMain()
        }
        assertEquals(listOf("a0", "nothing", "nothing"), answers)
        assertEquals("the model broke", worker.failure)
        assertEquals(listOf("a", "crash", "close"), echo.events.toList())
    }

    @Test
    fun `what was typed in private is not kept for the next session`() {
        lateinit var echo: Echo
        val worker = start { Echo().also { echo = it } }
        for ((text, private) in listOf("a" to false, "secret" to true, "secret2" to true, "b" to false)) {
            worker.ask(text, private)
            runMain()
        }
        assertEquals(listOf("a", "secret", "secret2", "forget", "b"), echo.events.toList())
    }

    @Test
    fun `leaving a private field is enough`() {
        lateinit var echo: Echo
        val worker = start { Echo().also { echo = it } }
        worker.ask("secret", private = true)
        runMain()
        worker.cancel()
        while ("forget" !in echo.events) Thread.yield()
    }

    @Test
    fun `own words are learnt and suggested only when the switch is on and the session is not private`() {
        val learning = learning(on = false)
        val worker = start(learning) { Echo() }
        repeat(3) { worker.finished("zora", privateSession = false) }
        learning.learning = true
        repeat(3) { worker.finished("secret", privateSession = true) }
        repeat(900) { worker.finished("quartz", privateSession = false) }
        worker.ask("see q")
        worker.cancel() // what was finished is learnt by then: one thread, in order
        fun words(text: String, private: Boolean): List<String> {
            var found = emptyList<String>()
            worker.request(text, private) { found = it.map(Suggestion::word) }
            while (main.isEmpty()) Thread.yield()
            while (main.isNotEmpty()) runMain()
            return found
        }
        assertTrue("quartz" in words("see q", private = false))
        assertTrue("quartz" !in words("see q", private = true))
        assertTrue(!learning.knows("zora") && !learning.knows("secret"))
        learning.learning = false
        assertTrue("quartz" !in words("see q", private = false))
        learning.forget("Quartz")
        assertTrue(!learning.knows("quartz"))
    }

    @Test
    fun `closing writes what was learnt, and no answer comes after it`() {
        val gate = Semaphore(0)
        lateinit var echo: Echo
        val opened = CountDownLatch(1)
        val worker = start(learning(on = true)) { Echo(gate).also { echo = it; opened.countDown() } }
        opened.await()
        repeat(2) { worker.finished("quartz", privateSession = false) }
        worker.ask("a")
        while (echo.seen.isEmpty()) Thread.yield()
        worker.close()
        this.worker = null
        gate.release()
        runMain()
        while ("close" !in echo.events) Thread.yield()
        assertEquals(emptyList<String>(), answers)
        assertTrue(File(temporary.root, "words").readText().contains("quartz"))
    }
}
