package org.pocketlm.keyboard

import android.os.Build
import android.view.KeyEvent
import android.view.inputmethod.ExtractedTextRequest
import android.view.inputmethod.InputConnection

/**
 * The field that is typed into, as far as the keyboard sees it. Positions and lengths are in chars.
 * A field that does not answer reads as an empty one.
 */
internal interface TextField {
    /** At most [length] chars before the cursor, the composed word among them. */
    fun before(length: Int): CharSequence

    /** At most [length] chars after the cursor. */
    fun after(length: Int): CharSequence

    /** Where the cursor is now, or -1 if the field does not say. */
    fun position(): Int

    /** Whether a word that begins at the cursor should begin with a capital. */
    fun wantsCapital(): Boolean

    /** Replaces the composed word, or the selection if there is none. */
    fun compose(text: String)

    /** Makes text that is there the composed word. */
    fun composeRegion(start: Int, end: Int)

    fun finishComposing()

    /** As [compose], but for good; the cursor goes behind it. */
    fun commit(text: String)

    /** Deletes around the cursor, or around the composed word that it is in. */
    fun delete(before: Int, after: Int)

    fun moveTo(position: Int)

    /** Presses a key of [KeyEvent], for what takes keys rather than text. */
    fun press(keyCode: Int)

    fun perform(action: Int)

    /** Shows the edits to the field as one. */
    fun batch(edits: () -> Unit)
}

/** A field behind the connection that Android gives; [inputType] is as in `EditorInfo`. */
internal class ConnectedField(
    private val inputType: () -> Int,
    private val connection: () -> InputConnection?,
) : TextField {
    override fun before(length: Int): CharSequence =
        connection()?.getTextBeforeCursor(length, 0) ?: ""

    override fun after(length: Int): CharSequence =
        connection()?.getTextAfterCursor(length, 0) ?: ""

    override fun position(): Int {
        if (Build.VERSION.SDK_INT >= 31) {
            val text = connection()?.getSurroundingText(1, 1, 0) ?: return -1
            return if (text.offset < 0) -1 else text.offset + text.selectionEnd
        }
        val text = connection()?.getExtractedText(ExtractedTextRequest(), 0) ?: return -1
        return if (text.selectionEnd < 0) -1 else text.startOffset + text.selectionEnd
    }

    override fun wantsCapital(): Boolean =
        inputType() != 0 && connection()?.getCursorCapsMode(inputType()) ?: 0 != 0

    override fun compose(text: String) {
        connection()?.setComposingText(text, 1)
    }

    override fun composeRegion(start: Int, end: Int) {
        connection()?.setComposingRegion(start, end)
    }

    override fun finishComposing() {
        connection()?.finishComposingText()
    }

    override fun commit(text: String) {
        connection()?.commitText(text, 1)
    }

    override fun delete(before: Int, after: Int) {
        connection()?.deleteSurroundingText(before, after)
    }

    override fun moveTo(position: Int) {
        connection()?.setSelection(position, position)
    }

    override fun press(keyCode: Int) {
        connection()?.sendKeyEvent(KeyEvent(KeyEvent.ACTION_DOWN, keyCode))
        connection()?.sendKeyEvent(KeyEvent(KeyEvent.ACTION_UP, keyCode))
    }

    override fun perform(action: Int) {
        connection()?.performEditorAction(action)
    }

    override fun batch(edits: () -> Unit) {
        val now = connection()
        now?.beginBatchEdit()
        try {
            edits()
        } finally {
            now?.endBatchEdit()
        }
    }
}
