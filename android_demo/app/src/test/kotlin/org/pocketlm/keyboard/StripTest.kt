package org.pocketlm.keyboard

import android.text.InputType
import android.view.View
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.pocketlm.session.Stats
import org.pocketlm.session.Suggestions
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode

@RunWith(RobolectricTestRunner::class)
@Config(sdk = [26, 35], qualifiers = "w411dp-h891dp-xxhdpi")
class StripTest {
    @Test
    fun `the keyboard types on while the model is slow, and shows only what still fits`() {
        val desk = Desk()
        desk.type("se")
        desk.suggestions.slow = true
        desk.type("v")
        assertEquals("sev", desk.composed)
        assertEquals(listOf("seven"), desk.strip)
        desk.type(" ")
        assertEquals("nothing stale after the word", emptyList<String>(), desk.strip)
        desk.suggestions.answer()
        assertEquals(listOf("second", "see", "seven"), desk.strip)
    }

    @Test
    fun `a word under the finger is what is chosen, whatever is answered meanwhile`() {
        val desk = Desk()
        desk.type("se")
        desk.suggestions.words = listOf("several", "selves")
        desk.suggestions.slow = true
        desk.type("e")
        desk.choose("see") { desk.suggestions.answer() }
        assertEquals("see ", desk.text)
    }

    @Test
    fun `a late answer to a field that was left is not shown`() {
        val desk = Desk()
        desk.suggestions.slow = true
        desk.type("se")
        desk.service.onFinishInputView(true)
        desk.suggestions.answer()
        assertEquals(emptyList<String>(), desk.strip)
    }

    @Test
    fun `the keyboard types on when the model has failed, and says why there are no suggestions`() {
        val desk = Desk()
        desk.suggestions.state = Suggestions.State.FAILED
        desk.suggestions.failure = "model.pte is damaged"
        desk.type("se  you")
        assertEquals("se. you", desk.text)
        assertEquals(emptyList<String>(), desk.strip)
        assertEquals("No suggestions: model.pte is damaged", desk.panel.strip.note)
    }

    @Test
    fun `the keyboard types on in a build without a model`() {
        val desk = Desk(others = NoParts)
        desk.type("se ")
        assertEquals("se ", desk.text)
        assertEquals("No suggestions: no model in this build", desk.panel.strip.note)
    }

    @Test
    fun `another bundle is opened when it is chosen`() {
        val desk = Desk()
        assertEquals(1, desk.parts.opened)
        Preferences(desk.service).bundle = "large"
        desk.pause(1)
        assertEquals(2, desk.parts.opened)
        desk.service.onDestroy()
        assertTrue(desk.suggestions.isClosed)
    }

    @Test
    fun `a word not yet begun is shown as shift would have it`() {
        val desk = Desk(words = listOf("see", "you"))
        assertEquals(listOf("you", "see"), desk.strip)
        desk.tap(Action.Shift)
        assertEquals(listOf("You", "See"), desk.strip)
        desk.tap(Action.Shift)
        assertEquals(listOf("YOU", "SEE"), desk.strip)
        desk.choose("SEE")
        assertEquals("SEE ", desk.text)
    }

    @Test
    @Config(sdk = [35])
    @GraphicsMode(GraphicsMode.Mode.NATIVE) // measures text as a device does
    fun `a long word ends in an ellipsis`() {
        val word = "Donaudampfschifffahrtsgesellschaftskapitän"
        val desk = Desk(words = listOf(word, "don't", "do"))
        desk.type("do")
        assertTrue(desk.strip[1], desk.strip[1].startsWith("Donau") && desk.strip[1].endsWith("…"))
        desk.choose(word)
        assertEquals("$word ", desk.text)
    }

    @Test
    fun `where one reads from right to left the strip does too, and the letters do not`() {
        val desk = Desk(words = listOf("שלום", "שלומי", "שלומות"))
        desk.panel.layoutDirection = View.LAYOUT_DIRECTION_RTL
        desk.pause(1)
        val places =
            listOf("שלומות", "שלום", "שלומי").map { checkNotNull(desk.panel.strip.place(it)).left }
        assertEquals(places.sorted(), places)
        assertTrue(desk.key("q").face.left < desk.key("p").face.left)
        desk.choose("שלום")
        assertEquals("שלום ", desk.text)
    }

    @Test
    fun `a learnt word that is held can be forgotten`() {
        val desk = Desk()
        desk.parts.personalWords.words += "seven"
        desk.type("se")
        desk.hold("seven")
        assertEquals(listOf("Forget “seven”?", "Keep"), desk.strip)
        desk.choose("Forget “seven”?")
        assertFalse("seven" in desk.parts.personalWords.words)
        assertEquals("se", desk.text)
    }

    @Test
    fun `a held word is kept, if so chosen, or typed on`() {
        val desk = Desk()
        desk.parts.personalWords.words += "seven"
        desk.type("se")
        desk.hold("seven")
        desk.choose("Keep")
        assertEquals(listOf("second", "see", "seven"), desk.strip)
        desk.hold("seven")
        desk.type("v")
        assertEquals(listOf("seven"), desk.strip)
        assertTrue("seven" in desk.parts.personalWords.words)
    }

    @Test
    fun `a word that is not learnt cannot be forgotten`() {
        val desk = Desk()
        desk.type("se")
        desk.hold("see")
        assertFalse("Keep" in desk.strip)
    }

    @Test
    fun `learning is as it was set`() {
        assertFalse("off by default", Desk().parts.personalWords.learning)
        val desk = Desk()
        Preferences(desk.service).learning = true
        desk.pause(1)
        assertTrue(desk.parts.personalWords.learning)
        assertTrue(Desk().parts.personalWords.learning)
    }

    @Test
    fun `from key to suggestions is measured`() {
        Stats.suggestion.clear()
        val desk = Desk(inputType = InputType.TYPE_CLASS_TEXT)
        val before = Stats.suggestion.count
        desk.type("se")
        assertEquals(before + 2, Stats.suggestion.count)
    }
}
