package org.pocketlm.keyboard

import android.content.res.Resources

/** What TalkBack says of keys, in the device's language. */
internal class Descriptions(private val resources: Resources) {
    fun of(key: Key, state: BoardState): CharSequence =
        when (val action = key.action) {
            is Action.Type -> typed(state.text(action.text), state)
            is Action.Show ->
                resources.getString(
                    when (action.board) {
                        Board.SYMBOLS -> R.string.key_symbols
                        Board.MORE_SYMBOLS -> R.string.key_more_symbols
                        else -> R.string.key_letters
                    }
                )
            Action.Shift ->
                resources.getString(
                    when (state.shift) {
                        ShiftState.Level.OFF -> R.string.key_shift
                        ShiftState.Level.ONCE -> R.string.key_shift_once
                        ShiftState.Level.LOCKED -> R.string.key_shift_locked
                    }
                )
            Action.Backspace -> resources.getString(R.string.key_backspace)
            Action.Space -> resources.getString(R.string.key_space)
            Action.NextKeyboard -> resources.getString(R.string.key_next_keyboard)
            Action.Enter -> enter(state)
        }

    private fun typed(text: String, state: BoardState) =
        when {
            // Signs that TalkBack reads over in a sentence.
            text == "," -> resources.getString(R.string.key_comma)
            text == "." -> resources.getString(R.string.key_full_stop)
            state.capitals && text[0].isLetter() -> resources.getString(R.string.key_capital, text)
            else -> text
        }

    private fun enter(state: BoardState): CharSequence =
        when (state.enter) {
            EnterKey.NEWLINE -> resources.getString(R.string.enter_newline)
            EnterKey.GO -> resources.getString(R.string.enter_go)
            EnterKey.SEARCH -> resources.getString(R.string.enter_search)
            EnterKey.SEND -> resources.getString(R.string.enter_send)
            EnterKey.NEXT -> resources.getString(R.string.enter_next)
            EnterKey.DONE -> resources.getString(R.string.enter_done)
            EnterKey.PREVIOUS -> resources.getString(R.string.enter_previous)
            EnterKey.CUSTOM -> state.enterLabel ?: ""
        }
}
