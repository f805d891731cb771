package org.pocketlm.keyboard

import android.content.res.Resources
import android.graphics.Canvas

/** Draws keys. */
internal class KeyPainter(private val brush: Brush, private val resources: Resources) {
    private val letterSize = brush.size(R.dimen.letter_size)
    private val signSize = brush.size(R.dimen.sign_size)
    private val hintSize = brush.size(R.dimen.hint_size)

    fun draw(canvas: Canvas, cell: Cell, state: BoardState, pressed: Boolean) {
        val action = cell.key.action
        val face = cell.face
        brush.key(
            canvas,
            face,
            brush.colour(faceColour(action, state, pressed)),
            brush.colour(R.color.key_edge),
        )
        val ink = brush.colour(if (action == Action.Enter) R.color.text_on_accent else R.color.text)
        val x = face.centerX()
        val y = face.centerY()
        val sign = sign(action, state)
        if (sign != null) {
            brush.sign(canvas, sign, x, y, minOf(SIGN * brush.density, face.height() * 0.6f), ink)
            return
        }
        val isLetter = action is Action.Type
        // However large a person wants text, it stays on its key.
        val size = minOf(if (isLetter) letterSize else signSize, face.height() * 0.6f)
        val colour = if (action == Action.Space) brush.colour(R.color.text_hint) else ink
        brush.label(canvas, label(action, state), x, y, size, colour, face.width() * 0.86f)
        hint(cell, state)?.let {
            val inset = 7 * brush.density
            brush.label(
                canvas,
                it,
                face.right - inset,
                face.top + inset + hintSize / 8,
                hintSize,
                brush.colour(R.color.text_hint),
            )
        }
    }

    /** The digit that a long press on a letter of the top row gives. */
    private fun hint(cell: Cell, state: BoardState): String? {
        if (state.board != Board.LETTERS || cell.key.text?.get(0)?.isLetter() != true) return null
        return cell.key.more.firstOrNull()?.takeIf { it[0].isDigit() }
    }

    private fun faceColour(action: Action, state: BoardState, pressed: Boolean) =
        when (action) {
            Action.Enter -> if (pressed) R.color.key_accent_pressed else R.color.key_accent
            is Action.Type,
            Action.Space -> if (pressed) R.color.key_pressed else R.color.key
            Action.Shift ->
                if (pressed || state.capitals) R.color.key_pressed else R.color.key_special
            else -> if (pressed) R.color.key_pressed else R.color.key_special
        }

    private fun sign(action: Action, state: BoardState) =
        when (action) {
            Action.Shift ->
                when (state.shift) {
                    ShiftState.Level.OFF -> Signs.shift
                    ShiftState.Level.ONCE -> Signs.shiftOnce
                    ShiftState.Level.LOCKED -> Signs.shiftLocked
                }
            Action.Backspace -> Signs.backspace
            Action.NextKeyboard -> Signs.globe
            Action.Space -> if (state.board == Board.LETTERS) null else Signs.space
            Action.Enter -> Signs.enter(state.enter)
            else -> null
        }

    private fun label(action: Action, state: BoardState): String =
        when (action) {
            is Action.Type -> state.text(action.text)
            is Action.Show ->
                resources.getString(
                    when (action.board) {
                        Board.SYMBOLS -> R.string.to_symbols
                        Board.MORE_SYMBOLS -> R.string.to_more_symbols
                        else -> R.string.to_letters
                    }
                )
            Action.Space -> resources.getString(R.string.english)
            Action.Enter -> state.enterLabel?.toString().orEmpty()
            else -> ""
        }

    private companion object {
        /** Width of a sign, in dp. */
        const val SIGN = 24f
    }
}
