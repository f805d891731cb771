package org.pocketlm.keyboard

import android.text.InputType
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.pocketlm.session.Suggestions
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import java.io.File

/** Typing on the whole app: framework, resources, assets, ExecuTorch, the shipped model. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [26, 35])
class RealModelTest {
    private var opened: RealModel? = null

    private fun open(bundle: String = "en-base", inputType: Int = Desk.TEXT, text: String = "") =
        RealModel(bundle, inputType, text).also { opened = it }

    @After
    fun close() {
        opened?.close()
    }

    private fun installed() = File(RuntimeEnvironment.getApplication().noBackupFilesDir, "bundles")

    @Test
    fun `see y shows you, which is committed with its space`() {
        val model = open()
        assertTrue(model.type("see y").toString(), "you" in model.shown())
        model.desk.choose("you")
        assertEquals("see you ", model.desk.text)
    }

    @Test
    fun `the next word is there before its first letter`() {
        assertTrue("you" in open().type("thank "))
    }

    @Test
    fun `backspacing into a word completes it again`() {
        val model = open()
        model.type("see you tomorrow ")
        model.desk.backspace(4)
        assertEquals("see you tomor", model.desk.text)
        assertTrue("tomorrow" in model.shown())
    }

    @Test
    fun `the cursor put behind an earlier word completes that one`() {
        val model = open(text = "good morn and more")
        model.desk.moveTo("good morn".length)
        assertTrue("morning" in model.shown())
        model.desk.choose("morning")
        assertEquals("good morning and more", model.desk.text)
    }

    @Test
    fun `both recipes say the same at the start`() {
        assertEquals(open("en-base").type("how are ").first(), open("en-base-xnnpack").type("how are ").first())
    }

    @Test
    fun `turning the phone keeps the suggestions`() {
        val model = open()
        model.type("see y")
        model.desk.rotate("land")
        assertTrue("you" in model.shown())
    }

    @Test
    fun `swift typing ends with the suggestions for the whole text`() {
        val model = open()
        for (letter in "i would like to ") model.desk.type("$letter")
        val slow = open()
        slow.type("i would like to ")
        val end = System.nanoTime() + 10_000_000_000L
        while (model.shown() != slow.shown() && System.nanoTime() < end) Thread.sleep(1)
        assertEquals(slow.shown(), model.shown())
    }

    @Test
    fun `words of one's own are suggested, and forgotten for good`() {
        val model = open()
        Preferences(RuntimeEnvironment.getApplication()).learning = true
        model.desk.pause(1)
        repeat(4) { model.type("zbrtka ") } // the words are learnt between answers
        assertTrue(model.type("zb").toString(), "zbrtka" in model.shown())
        model.desk.service.onForget("zbrtka")
        assertFalse(model.parts.personalWords.knows("zbrtka"))
        model.desk.service.onFinishInput()
        val file = File(RuntimeEnvironment.getApplication().noBackupFilesDir, "personal-words")
        assertFalse(file.isFile && "zbrtka" in file.readText())
    }

    @Test
    fun `nothing typed in a password field is learnt or leaves a file`() {
        val model = open(inputType = Desk.TEXT or InputType.TYPE_TEXT_VARIATION_PASSWORD)
        Preferences(RuntimeEnvironment.getApplication()).learning = true
        model.desk.pause(1)
        repeat(4) { model.desk.type("zbrtka ") }
        model.desk.service.onFinishInput()
        assertEquals(emptyList<String>(), model.desk.strip)
        assertFalse(model.parts.personalWords.knows("zbrtka"))
        assertFalse(File(RuntimeEnvironment.getApplication().noBackupFilesDir, "personal-words").exists())
    }

    @Test
    fun `an offensive word is suggested only where the switch says so, and can be typed`() {
        val model = open()
        assertFalse("fuck" in model.type("what the fu"))
        model.desk.type("ck is this")
        assertEquals("what the fuck is this", model.desk.text)
    }

    @Test
    fun `a copy of the model that was damaged is made anew, and a broken one is said`() {
        open().type("see ")
        close()
        val program = installed().walk().first { it.name == "model.pte" }
        program.writeText("damaged")
        assertTrue("you" in open().type("see "))
        close()

        val app = RuntimeEnvironment.getApplication()
        val broken = AppParts(app) { error("no such operator\nin this library") }
        val suggestions = broken.suggestions(Preferences(app))
        while (suggestions.state == Suggestions.State.LOADING) Thread.sleep(1)
        assertEquals("no such operator", suggestions.failure)
        opened = null
    }

    @Test
    fun `settings list the bundles of the app`() {
        val all = AppParts(RuntimeEnvironment.getApplication()).bundles.all()
        assertTrue(all.map { it.name }.containsAll(listOf("en-base", "en-base-xnnpack")))
        assertTrue(all[0].description, all[0].description.startsWith("zero-copy, 2.1 million parameters"))
    }
}
