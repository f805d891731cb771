package org.pocketlm.keyboard

import android.text.InputType
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config

@RunWith(RobolectricTestRunner::class)
@Config(sdk = [26, 35], qualifiers = "w411dp-h891dp-xxhdpi")
class TypingTest {
    @Test
    fun `a word is composed while it is typed, and committed by a space`() {
        val desk = Desk()
        desk.type("se")
        assertEquals("se", desk.composed)
        desk.type(" ")
        assertEquals("se ", desk.text)
        assertEquals("", desk.composed)
        assertEquals(listOf("se" to false), desk.suggestions.finished)
    }

    @Test
    fun `the strip has the best word in the middle`() {
        val desk = Desk()
        desk.type("se")
        assertEquals(listOf("second", "see", "seven"), desk.strip)
    }

    @Test
    fun `a suggestion replaces what was typed and adds a space`() {
        val desk = Desk()
        desk.type("se")
        desk.choose("seven")
        assertEquals("seven ", desk.text)
        assertEquals("", desk.composed)
        assertEquals(listOf("seven" to false), desk.suggestions.finished)
        assertEquals("seven ", desk.suggestions.asked.last().first)
    }

    @Test
    fun `suggestions follow one another`() {
        val desk = Desk(words = listOf("see", "you", "soon"))
        desk.choose("see")
        desk.choose("you")
        desk.choose("soon")
        assertEquals("see you soon ", desk.text)
    }

    @Test
    fun `a sign after a suggestion takes its space away`() {
        for (sign in listOf(",", ".")) {
            val desk = Desk()
            desk.type("yo")
            desk.choose("you")
            desk.type(sign)
            assertEquals("you$sign", desk.text)
        }
    }

    @Test
    fun `a sign after a typed space leaves it`() {
        val desk = Desk()
        desk.type("you ,")
        assertEquals("you ,", desk.text)
    }

    @Test
    fun `a space typed after a suggestion's is not a second one`() {
        val desk = Desk()
        desk.choose("see")
        desk.type(" you")
        assertEquals("see you", desk.text)
    }

    @Test
    fun `two quick spaces end a sentence`() {
        val desk = Desk()
        desk.type("soon  ")
        assertEquals("soon. ", desk.text)
        desk.type(" ")
        assertEquals("soon.  ", desk.text)
    }

    @Test
    fun `two slow spaces are two spaces`() {
        val desk = Desk()
        desk.type("soon ")
        desk.pause(2000)
        desk.type(" ")
        assertEquals("soon  ", desk.text)
    }

    @Test
    fun `an apostrophe stays in its word`() {
        val desk = Desk()
        desk.type("don")
        desk.tap(Action.Show(Board.SYMBOLS))
        desk.type("'")
        desk.tap(Action.Show(Board.LETTERS))
        desk.type("t")
        assertEquals("don't", desk.composed)
    }

    @Test
    fun `a space on the symbols goes back to the letters`() {
        val desk = Desk()
        desk.tap(Action.Show(Board.SYMBOLS))
        desk.type("7 ")
        assertEquals(Board.LETTERS, desk.keys.state.board)
        assertEquals("7 ", desk.text)
    }

    @Test
    fun `punctuation commits a word`() {
        val desk = Desk()
        desk.type("soon.")
        assertEquals("soon.", desk.text)
        assertEquals("", desk.composed)
        assertEquals(listOf("soon" to false), desk.suggestions.finished)
    }

    @Test
    fun `backspace into a word makes it the prefix again`() {
        val desk = Desk()
        desk.type("se ")
        desk.backspace()
        assertEquals("se", desk.composed)
        assertEquals(listOf("second", "see", "seven"), desk.strip)
        desk.choose("see")
        assertEquals("see ", desk.text)
    }

    @Test
    fun `backspace takes a composed word apart, then goes on`() {
        val desk = Desk(text = "the ")
        desk.type("se")
        desk.backspace(2)
        assertEquals("the ", desk.text)
        desk.backspace(2)
        assertEquals("th", desk.composed)
    }

    @Test
    fun `an emoji goes whole`() {
        for (emoji in listOf("😀", "👍🏽", "👩‍👩‍👧", "🇩🇪", "❤️", "1️⃣")) {
            val desk = Desk(text = "a $emoji")
            desk.backspace()
            assertEquals(emoji, "a ", desk.text)
        }
    }

    @Test
    fun `of two flags one goes`() {
        val desk = Desk(text = "🇩🇪🇫🇷")
        desk.backspace()
        assertEquals("🇩🇪", desk.text)
    }

    @Test
    fun `a held backspace deletes on, faster and faster`() {
        val desk = Desk(text = "x".repeat(200))
        val backspace = desk.cell(Action.Backspace)
        desk.down(backspace)
        assertEquals(199, desk.text.length)
        desk.pause(1000)
        val first = 199 - desk.text.length
        desk.pause(1000)
        val second = 199 - first - desk.text.length
        desk.up(backspace)
        assertTrue("$first then $second", first in 3..20 && second > first)
        val left = desk.text
        desk.pause(1000)
        assertEquals(left, desk.text)
    }

    @Test
    fun `a selection is replaced by a letter and deleted by backspace`() {
        val desk = Desk(text = "the old one")
        desk.moveTo(4, 7)
        desk.type("n")
        assertEquals("the n one", desk.text)
        desk.moveTo(0, 4)
        desk.backspace()
        assertEquals("n one", desk.text)
    }

    @Test
    fun `a tap into a word makes what is before the cursor the prefix`() {
        val desk = Desk(text = "the send you")
        desk.moveTo(6)
        assertEquals("se", desk.composed)
        assertEquals(listOf("second", "see", "seven"), desk.strip)
        desk.choose("seven")
        assertEquals("the seven you", desk.text)
        assertEquals("goes on behind the space", 10, desk.editText.selectionStart)
    }

    @Test
    fun `a cursor move ends a word`() {
        val desk = Desk(text = "the ")
        desk.type("se")
        desk.moveTo(0)
        assertEquals("", desk.composed)
        desk.type("o")
        assertEquals("othe se", desk.text)
    }

    @Test
    fun `a field that already has text is gone on with`() {
        val desk = Desk(text = "I se")
        assertEquals("se", desk.composed)
        desk.choose("see")
        assertEquals("I see ", desk.text)
    }

    @Test
    fun `late reports of our own edits disturb nothing`() {
        val desk = Desk()
        desk.lagging = true
        desk.type("the se")
        desk.catchUp()
        assertEquals("se", desk.composed)
        desk.backspace(3)
        desk.catchUp()
        assertEquals("the", desk.composed)
        assertEquals("the", desk.text)
    }

    @Test
    fun `a move amid late reports is seen`() {
        val desk = Desk(text = "you ")
        desk.lagging = true
        desk.type("se")
        desk.moveTo(2)
        desk.catchUp()
        assertEquals("yo", desk.composed)
        desk.type("x")
        assertEquals("yoxu se", desk.text)
    }

    @Test
    fun `what is before the cursor is asked about, and no more than is of use`() {
        val desk = Desk(text = "x ".repeat(2000))
        desk.type("se")
        assertEquals(4002 - 2049, desk.suggestions.asked.last().first.length)
        assertTrue(desk.suggestions.asked.last().first.endsWith("x se"))
    }

    @Test
    fun `in a long text all requests begin alike while one types`() {
        val desk = Desk(text = "some more words ".repeat(250))
        val asked = desk.suggestions.asked
        asked.clear()
        desk.type("see you soon and ")
        assertTrue(asked.size > 10)
        for ((text, _) in asked) assertTrue(text.startsWith(asked.first().first))
        assertTrue(asked.first().first.length in 1000..2048)
    }

    @Test
    fun `a suggestion at the end of a line that is not the last has its space`() {
        val desk = Desk(text = "hello\n\nbye")
        desk.moveTo(6)
        desk.type("se")
        desk.choose("see")
        desk.type("y")
        assertEquals("hello\nsee y\nbye", desk.text)
    }

    @Test
    fun `what was only passed by is not taken for typed`() {
        val desk = Desk(text = "quoted tomorrow")
        desk.type(" ")
        desk.moveTo(10)
        desk.type(" ")
        assertEquals(emptyList<String>(), desk.suggestions.finished.map { it.first })
        desk.backspace()
        desk.type("q ")
        assertEquals("half of a word is none", emptyList<String>(), desk.suggestions.finished.map { it.first })
        desk.moveTo(desk.text.length)
        desk.type("see ")
        assertEquals(listOf("see"), desk.suggestions.finished.map { it.first })
    }

    @Test
    fun `a field that composes nothing on its own is left alone`() {
        val desk =
            Desk(inputType = InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_FLAG_NO_SUGGESTIONS)
        desk.type("se")
        assertEquals("se", desk.text)
        assertEquals("", desk.composed)
        assertEquals(emptyList<String>(), desk.strip)
    }
}
