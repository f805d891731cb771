package org.pocketlm.keyboard

import java.util.Locale

/** What the board shows: everything that a key's label and its description depend on. */
internal data class BoardState(
    val board: Board = Board.LETTERS,
    val extras: Extras = Extras.TEXT,
    val nextKeyboard: Boolean = false,
    val shift: ShiftState.Level = ShiftState.Level.OFF,
    val enter: EnterKey = EnterKey.NEWLINE,
    val enterLabel: CharSequence? = null,
    val secret: Boolean = false,
) {
    /** Whether letters are capitals. */
    val capitals: Boolean
        get() = board == Board.LETTERS && shift != ShiftState.Level.OFF

    fun hasRowsOf(other: BoardState): Boolean =
        board == other.board && extras == other.extras && nextKeyboard == other.nextKeyboard

    fun rows(): List<List<Key>> = Layouts.rows(board, extras, nextKeyboard)

    /** What a key types as the board is now. */
    fun text(text: String): String = if (capitals) capital(text) else text

    private fun capital(text: String) = if (text == "ß") "ẞ" else text.uppercase(Locale.ROOT)
}
