package org.pocketlm.keyboard

import android.text.InputType
import android.view.MotionEvent
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config

@RunWith(RobolectricTestRunner::class)
@Config(sdk = [26, 35], qualifiers = "w411dp-h891dp-xxhdpi")
class KeysTest {
    private val sentences = Desk.TEXT or InputType.TYPE_TEXT_FLAG_CAP_SENTENCES

    @Test
    fun `a sentence begins with a capital, and the next one too`() {
        val desk = Desk(inputType = sentences)
        assertTrue(desk.keys.state.capitals)
        desk.tap(desk.key("s"))
        desk.type("oon. ")
        desk.tap(desk.key("y"))
        desk.type("ou")
        assertEquals("Soon. You", desk.text)
    }

    @Test
    fun `shift undoes a capital that is not wanted`() {
        val desk = Desk(inputType = sentences)
        desk.tap(Action.Shift)
        desk.tap(desk.key("s"))
        assertEquals("s", desk.text)
    }

    @Test
    fun `shift holds for one letter`() {
        val desk = Desk()
        desk.tap(Action.Shift)
        desk.tap(desk.key("s"))
        desk.tap(desk.key("e"))
        assertEquals("Se", desk.text)
    }

    @Test
    fun `two quick taps lock capitals, one lets go`() {
        val desk = Desk()
        desk.tap(Action.Shift)
        desk.tap(Action.Shift)
        assertEquals(ShiftState.Level.LOCKED, desk.keys.state.shift)
        desk.tap(desk.key("s"))
        desk.tap(desk.key("e"))
        desk.tap(Action.Shift)
        desk.tap(desk.key("e"))
        assertEquals("SEe", desk.text)
    }

    @Test
    fun `two slow taps on shift are on and off`() {
        val desk = Desk()
        desk.tap(Action.Shift)
        desk.pause(1000)
        desk.tap(Action.Shift)
        assertFalse(desk.keys.state.capitals)
    }

    @Test
    fun `a held shift is a typewriter's`() {
        val desk = Desk()
        val shift = desk.cell(Action.Shift)
        desk.fingers(MotionEvent.ACTION_DOWN, 0 to shift)
        for (letter in "se") {
            desk.fingers(MotionEvent.ACTION_POINTER_DOWN, 0 to shift, 1 to desk.key("$letter"))
            desk.fingers(MotionEvent.ACTION_POINTER_UP, 0 to shift, 1 to desk.key("$letter"))
        }
        desk.fingers(MotionEvent.ACTION_UP, 0 to shift)
        desk.tap(desk.key("e"))
        assertEquals("SEe", desk.text)
    }

    @Test
    fun `a second finger commits the key under the first`() {
        val desk = Desk()
        val (t, h, e) = "the".map { desk.key("$it") }
        desk.fingers(MotionEvent.ACTION_DOWN, 0 to t)
        desk.fingers(MotionEvent.ACTION_POINTER_DOWN, 0 to t, 1 to h)
        assertEquals("t", desk.text)
        desk.fingers(MotionEvent.ACTION_POINTER_UP, 1 to h, 0 to t)
        desk.fingers(MotionEvent.ACTION_POINTER_DOWN, 1 to h, 2 to e)
        assertEquals("th", desk.text)
        desk.fingers(MotionEvent.ACTION_POINTER_UP, 2 to e, 1 to h)
        desk.fingers(MotionEvent.ACTION_UP, 2 to e)
        assertEquals("the", desk.text)
    }

    @Test
    fun `a held letter offers its accents, and a finger slides to one`() {
        val desk = Desk()
        val key = desk.key("e")
        desk.down(key)
        desk.pause(600)
        assertEquals("", desk.text)
        desk.slide(key.face.centerX() + 2 * key.face.width(), key.face.top - key.face.height())
        desk.up(key)
        assertEquals("è", desk.text)
    }

    @Test
    fun `a held letter that is let go gives the first, in the case of the key`() {
        val desk = Desk()
        desk.tap(Action.Shift)
        val key = desk.key("n")
        desk.down(key)
        desk.pause(600)
        desk.up(key)
        assertEquals("Ñ", desk.text)
        assertEquals("composed as any letter", "Ñ", desk.composed)
    }

    @Test
    fun `a finger that slides to the next letter types that`() {
        val desk = Desk()
        desk.down(desk.key("q"))
        desk.slide(desk.key("e").face.centerX(), desk.key("e").face.centerY())
        desk.up(desk.key("e"))
        assertEquals("e", desk.text)
    }

    @Test
    fun `touches between keys count`() {
        val desk = Desk()
        for (cell in desk.keys.cells) {
            assertTrue(cell.touch.contains(cell.face.left - 1, cell.face.centerY()))
            assertTrue(cell.touch.contains(cell.face.centerX(), cell.face.top - 1))
        }
        val left = desk.key("a").touch
        assertEquals("beside the a is the a", 0f, left.left, 0f)
    }

    @Test
    fun `a cancelled touch types nothing`() {
        val desk = Desk()
        desk.fingers(MotionEvent.ACTION_DOWN, 0 to desk.key("e"))
        desk.fingers(MotionEvent.ACTION_CANCEL, 0 to desk.key("e"))
        desk.pause(1000)
        assertEquals("", desk.text)
    }

    @Test
    fun `all boards lie within the keyboard and no key over another`() {
        for (board in Board.values()) for (extras in Extras.values()) for (globe in
            listOf(true, false)) {
            val rows = Layouts.rows(board, extras, globe)
            for (row in rows) {
                val width = row.sumOf { (it.gap + it.width).toDouble() }
                assertTrue("$board $row", width in 9.5..10.0)
            }
        }
    }

    @Test
    fun `the globe is there when there is a keyboard to go to`() {
        val desk = Desk()
        assertNull(desk.keys.cells.firstOrNull { it.key.action == Action.NextKeyboard })
        desk.service.otherKeyboards = true
        desk.focus()
        desk.cell(Action.NextKeyboard)
    }

    @Test
    fun `turned on its side the keyboard goes on`() {
        val desk = Desk()
        desk.type("se")
        val height = desk.panel.height
        desk.rotate("w891dp-h411dp-land-xxhdpi")
        assertTrue(desk.panel.height < height)
        assertTrue(
            "text stays in sight",
            desk.panel.height < 0.6f * desk.service.resources.displayMetrics.heightPixels,
        )
        assertEquals("se", desk.composed)
        assertEquals(listOf("second", "see", "seven"), desk.strip)
        desk.type("e ")
        assertEquals("see ", desk.text)
    }
}
