package org.pocketlm.keyboard

import android.text.InputType
import android.view.inputmethod.EditorInfo

/** What the enter key does. */
enum class EnterKey {
    NEWLINE,
    GO,
    SEARCH,
    SEND,
    NEXT,
    DONE,
    PREVIOUS,
    CUSTOM,
}

/**
 * What a text field asks of the keyboard, read from its [EditorInfo].
 *
 * @property words whether words are composed in it and suggestions shown.
 * @property privateSession whether nothing personal may be used or learnt.
 * @property secret a password: no suggestions, and no preview of what is typed.
 * @property raw not a text field but a terminal or a game: it understands keys rather than text.
 */
class FieldKind(
    val board: Board,
    val extras: Extras,
    val words: Boolean,
    val privateSession: Boolean,
    val secret: Boolean,
    val raw: Boolean,
    val enter: EnterKey,
    val enterLabel: CharSequence? = null,
    val enterAction: Int = 0,
) {
    companion object {
        /** Before the first field. */
        val NONE = of(EditorInfo())

        fun of(info: EditorInfo): FieldKind {
            val type = info.inputType and InputType.TYPE_MASK_CLASS
            val variation = info.inputType and InputType.TYPE_MASK_VARIATION
            val isText = type == InputType.TYPE_CLASS_TEXT
            val secret = isSecret(type, variation)
            val extras = if (isText) extras(variation) else Extras.TEXT
            val unwanted = info.inputType and InputType.TYPE_TEXT_FLAG_NO_SUGGESTIONS != 0
            return FieldKind(
                board = board(type),
                extras = extras,
                words = isText && !secret && extras == Extras.TEXT && !unwanted,
                privateSession =
                    secret || info.imeOptions and EditorInfo.IME_FLAG_NO_PERSONALIZED_LEARNING != 0,
                secret = secret,
                raw = info.inputType == InputType.TYPE_NULL,
                enter = enter(info),
                enterLabel = info.actionLabel,
                enterAction = if (info.actionLabel != null) info.actionId else action(info),
            )
        }

        private fun board(type: Int) =
            when (type) {
                InputType.TYPE_CLASS_NUMBER -> Board.NUMBER
                InputType.TYPE_CLASS_PHONE -> Board.PHONE
                // A date needs / : and - beside its digits.
                InputType.TYPE_CLASS_DATETIME -> Board.SYMBOLS
                else -> Board.LETTERS
            }

        private fun extras(variation: Int) =
            when (variation) {
                InputType.TYPE_TEXT_VARIATION_EMAIL_ADDRESS,
                InputType.TYPE_TEXT_VARIATION_WEB_EMAIL_ADDRESS -> Extras.EMAIL
                InputType.TYPE_TEXT_VARIATION_URI -> Extras.URI
                else -> Extras.TEXT
            }

        private fun isSecret(type: Int, variation: Int) =
            when (type) {
                InputType.TYPE_CLASS_NUMBER -> variation == InputType.TYPE_NUMBER_VARIATION_PASSWORD
                InputType.TYPE_CLASS_TEXT ->
                    variation == InputType.TYPE_TEXT_VARIATION_PASSWORD ||
                        variation == InputType.TYPE_TEXT_VARIATION_VISIBLE_PASSWORD ||
                        variation == InputType.TYPE_TEXT_VARIATION_WEB_PASSWORD
                else -> false
            }

        private fun action(info: EditorInfo) = info.imeOptions and EditorInfo.IME_MASK_ACTION

        private fun enter(info: EditorInfo): EnterKey {
            if (info.imeOptions and EditorInfo.IME_FLAG_NO_ENTER_ACTION != 0)
                return EnterKey.NEWLINE
            if (info.actionLabel != null) return EnterKey.CUSTOM
            return when (action(info)) {
                EditorInfo.IME_ACTION_GO -> EnterKey.GO
                EditorInfo.IME_ACTION_SEARCH -> EnterKey.SEARCH
                EditorInfo.IME_ACTION_SEND -> EnterKey.SEND
                EditorInfo.IME_ACTION_NEXT -> EnterKey.NEXT
                EditorInfo.IME_ACTION_DONE -> EnterKey.DONE
                EditorInfo.IME_ACTION_PREVIOUS -> EnterKey.PREVIOUS
                else -> EnterKey.NEWLINE
            }
        }
    }
}
