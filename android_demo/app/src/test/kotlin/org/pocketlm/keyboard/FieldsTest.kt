package org.pocketlm.keyboard

import android.text.InputType
import android.view.inputmethod.EditorInfo
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config

@RunWith(RobolectricTestRunner::class)
@Config(sdk = [26, 35], qualifiers = "w411dp-h891dp-xxhdpi")
class FieldsTest {
    @Test
    fun `a password is suggested nothing, asked nothing, learnt nothing`() {
        val variations =
            listOf(
                InputType.TYPE_TEXT_VARIATION_PASSWORD,
                InputType.TYPE_TEXT_VARIATION_VISIBLE_PASSWORD,
                InputType.TYPE_TEXT_VARIATION_WEB_PASSWORD,
            )
        for (variation in variations) {
            val desk = Desk(inputType = Desk.TEXT or variation)
            desk.type("see you ")
            assertEquals("see you ", desk.text)
            assertEquals(emptyList<String>(), desk.strip)
            assertEquals(emptyList<Any>(), desk.suggestions.asked)
            assertEquals(emptyList<Any>(), desk.suggestions.finished)
        }
    }

    @Test
    fun `no bubble tells a password`() {
        val desk = Desk(inputType = Desk.TEXT or InputType.TYPE_TEXT_VARIATION_PASSWORD)
        assertTrue(desk.keys.state.secret)
        val plain = Desk()
        for ((at, shown) in listOf(desk to null, plain to "s")) {
            at.down(at.key("s"))
            assertEquals(shown, (at.panel.getChildAt(1) as PopupView).preview)
            at.up(at.key("s"))
        }
    }

    @Test
    fun `a private field has suggestions, none of them personal`() {
        val desk = Desk(imeOptions = EditorInfo.IME_FLAG_NO_PERSONALIZED_LEARNING)
        desk.type("se ")
        desk.choose("see")
        assertTrue(desk.suggestions.asked.all { it.second })
        assertEquals(listOf("se" to true, "see" to true), desk.suggestions.finished)
    }

    @Test
    fun `a plain field is not private`() {
        val desk = Desk()
        desk.type("se ")
        assertTrue(desk.suggestions.asked.none { it.second })
    }

    @Test
    fun `the field decides on the board`() {
        fun board(type: Int) = Desk(inputType = type).keys.state.board
        assertEquals(Board.LETTERS, board(Desk.TEXT))
        assertEquals(Board.NUMBER, board(InputType.TYPE_CLASS_NUMBER))
        assertEquals(Board.PHONE, board(InputType.TYPE_CLASS_PHONE))
        assertEquals(Board.SYMBOLS, board(InputType.TYPE_CLASS_DATETIME))
        assertEquals(Board.LETTERS, board(InputType.TYPE_NULL))
    }

    @Test
    fun `an address has its signs beside the space bar, and no suggestions`() {
        val mail = Desk(inputType = Desk.TEXT or InputType.TYPE_TEXT_VARIATION_EMAIL_ADDRESS)
        mail.type("see@you.")
        assertEquals("see@you.", mail.text)
        assertEquals(emptyList<String>(), mail.strip)
        val uri = Desk(inputType = Desk.TEXT or InputType.TYPE_TEXT_VARIATION_URI)
        uri.type("see/you.")
        assertEquals("see/you.", uri.text)
        assertEquals(emptyList<Any>(), uri.suggestions.asked)
    }

    @Test
    fun `numbers are typed`() {
        val desk =
            Desk(inputType = InputType.TYPE_CLASS_NUMBER or InputType.TYPE_NUMBER_FLAG_DECIMAL)
        desk.type("3.14")
        desk.backspace()
        assertEquals("3.1", desk.text)
    }

    @Test
    fun `enter does what the field wants`() {
        val actions =
            mapOf(
                EditorInfo.IME_ACTION_GO to EnterKey.GO,
                EditorInfo.IME_ACTION_SEARCH to EnterKey.SEARCH,
                EditorInfo.IME_ACTION_SEND to EnterKey.SEND,
                EditorInfo.IME_ACTION_NEXT to EnterKey.NEXT,
                EditorInfo.IME_ACTION_DONE to EnterKey.DONE,
                EditorInfo.IME_ACTION_PREVIOUS to EnterKey.PREVIOUS,
            )
        for ((action, key) in actions) {
            val desk = Desk(imeOptions = action)
            desk.type("se")
            assertEquals(key, desk.keys.state.enter)
            desk.tap(Action.Enter)
            assertEquals(listOf(action), desk.actions)
            assertEquals("se", desk.text)
            assertEquals(listOf("se" to false), desk.suggestions.finished)
        }
    }

    @Test
    fun `enter is a new line where there are lines`() {
        val lines = Desk.TEXT or InputType.TYPE_TEXT_FLAG_MULTI_LINE
        val desk =
            Desk(
                inputType = lines,
                imeOptions = EditorInfo.IME_FLAG_NO_ENTER_ACTION or EditorInfo.IME_ACTION_DONE,
            )
        desk.type("se")
        desk.tap(Action.Enter)
        desk.type("you")
        assertEquals("se\nyou", desk.text)
        assertEquals(emptyList<Int>(), desk.actions)
    }

    @Test
    fun `an action of the app's own has its label`() {
        val desk = Desk {
            actionLabel = "Join"
            actionId = 77
        }
        assertEquals(EnterKey.CUSTOM, desk.keys.state.enter)
        assertEquals("Join", desk.keys.state.enterLabel)
        desk.tap(Action.Enter)
        assertEquals(listOf(77), desk.actions)
    }

    @Test
    fun `without a connection keys do nothing`() {
        val desk = Desk()
        desk.service.connection = null
        desk.type("se ")
        desk.backspace()
        desk.tap(Action.Enter)
        assertEquals("", desk.text)
    }

    @Test
    fun `a new field begins anew`() {
        val desk = Desk()
        desk.type("se")
        desk.service.onFinishInputView(true)
        assertEquals("", desk.composed)
        desk.editText.setText("")
        desk.focus()
        desk.type("yo")
        assertEquals("yo", desk.composed)
        assertEquals(listOf("you"), desk.strip)
    }
}
