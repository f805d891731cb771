package org.pocketlm.keyboard

import android.view.KeyEvent
import org.pocketlm.text.isInner
import org.pocketlm.text.isLetter
import org.pocketlm.text.splitContext

/**
 * What keys do to the text: it knows fields, words and spaces, and no views.
 *
 * The word before the cursor is composed while it is typed, and again when the cursor comes back to
 * it. [finished] hears of each word that is done with; [clock] is in milliseconds.
 */
internal class Typing(
    private val field: TextField,
    private val clock: () -> Long,
    private val finished: (String) -> Unit,
) {
    /** The composed word, or nothing. */
    var word = ""
        private set

    var kind = FieldKind.NONE
        private set

    private val cursor = Cursor()
    private var isShown = false
    private var isTyped = false // [word], at least its last letter
    private var space = LastSpace.NONE
    private var spaceAt = 0L

    /** In a new field, with its selection, -1 where it does not say. */
    fun start(kind: FieldKind, selectionStart: Int, selectionEnd: Int) {
        this.kind = kind
        cursor.reset(selectionStart, selectionEnd)
        word = ""
        space = LastSpace.NONE
    }

    /** The keys are there: only now is a word composed, for another keyboard may type as well. */
    fun show() {
        isShown = true
        if (!cursor.hasSelection) reenter()
    }

    /** The keys are gone; the text stays as it is. */
    fun hide() {
        isShown = false
        settle()
    }

    /**
     * What suggestions go on. Of a long text it begins at a place that stays the same until [STRIDE]
     * more chars are typed, so that what the model has read of it stays known.
     */
    fun textBefore(): String {
        val position = cursor.start
        if (position < CONTEXT) return field.before(CONTEXT).toString()
        val text = field.before(position - (position / STRIDE - 1) * STRIDE).toString()
        val space = text.indexOfFirst { it == ' ' || it == '\n' }
        return if (space < 0) text else text.substring(space)
    }

    /** A key's text. */
    fun type(text: String) = edit {
        val character = text.codePointAt(0)
        val isInner =
            isLetter(character) || word.isNotEmpty() && isInner(character)
        if (kind.words && isInner) compose(word + text) else sign(text)
        space = LastSpace.NONE
    }

    fun space() = edit {
        finishWord()
        when {
            // The space after a suggestion is what a hand types out of habit: once is enough.
            space == LastSpace.OF_SUGGESTION -> Unit
            space == LastSpace.TYPED && clock() - spaceAt < DOUBLE_SPACE && endsWord() -> {
                delete(1)
                commit(". ")
                space = LastSpace.NONE
                return@edit
            }
            else -> commit(" ")
        }
        space = LastSpace.TYPED
        spaceAt = clock()
    }

    /** Puts a suggestion for the word at the cursor, with a space behind it. */
    fun choose(suggestion: String) = edit {
        val prefix = splitContext(field.before(WORD).toString()).second
        val rest = field.after(WORD)
        val tail = if (prefix.isEmpty()) 0 else Characters.wordAtStart(rest)
        if (tail > 0) field.delete(0, tail)
        if (prefix.isNotEmpty() && prefix != word) {
            // The word was begun before it was composed.
            field.finishComposing()
            word = ""
            delete(prefix.length)
        }
        val next = rest.getOrNull(tail)
        val needsSpace = next == null || next == '\n' || isLetter(next.code)
        commit(if (needsSpace) "$suggestion " else suggestion)
        space = if (needsSpace) LastSpace.OF_SUGGESTION else LastSpace.NONE
        if (next == ' ' && cursor.start >= 0) moveTo(cursor.start + 1)
        finished(suggestion)
    }

    fun backspace() = edit {
        space = LastSpace.NONE
        when {
            kind.raw -> field.press(KeyEvent.KEYCODE_DEL)
            cursor.hasSelection -> commit("")
            word.isNotEmpty() -> compose(word.dropLast(Characters.lastLength(word)))
            else -> deleteLast()
        }
    }

    /** Does what the field wants of the enter key. */
    fun enter() = edit {
        finishWord()
        space = LastSpace.NONE
        when {
            kind.raw -> field.press(KeyEvent.KEYCODE_ENTER)
            kind.enter == EnterKey.NEWLINE -> commit("\n")
            else -> field.perform(kind.enterAction)
        }
    }

    /** The field reports its selection. True if something else than the keyboard has moved it. */
    fun moved(selectionStart: Int, selectionEnd: Int): Boolean {
        if (cursor.reported(selectionStart, selectionEnd)) return false
        settle()
        space = LastSpace.NONE
        if (!cursor.hasSelection) reenter()
        return true
    }

    private fun settle() {
        if (word.isNotEmpty()) field.finishComposing()
        word = ""
    }

    private fun sign(text: String) {
        finishWord()
        if (space == LastSpace.OF_SUGGESTION && text in CLOSING && field.before(1).endsWith(" "))
            delete(1)
        commit(text)
    }

    private fun deleteLast() {
        val length = Characters.lastLength(field.before(EMOJI))
        // A field may do more than delete where there is no text, such as joining two paragraphs.
        if (length == 0) return field.press(KeyEvent.KEYCODE_DEL)
        delete(length)
        reenter()
    }

    /** Makes the word before the cursor the one that is typed on. */
    private fun reenter() {
        if (!kind.words || !isShown) return
        val prefix = splitContext(field.before(WORD).toString()).second
        if (prefix.isEmpty()) return
        val position = field.position().takeIf { it >= 0 } ?: cursor.start
        if (position < prefix.length) return
        field.composeRegion(position - prefix.length, position)
        word = prefix
        isTyped = false
    }

    private fun finishWord() {
        if (word.isEmpty()) return
        val done = word
        commit(done)
        // A word that was only passed, or was cut in two, is not one that the person typed.
        if (isTyped && Characters.wordAtStart(field.after(1)) == 0) finished(done)
    }

    private fun endsWord(): Boolean {
        val text = field.before(2)
        return text.length == 2 &&
            text[1] == ' ' &&
            (isInner(text[0].code) || text[0] in CLOSED)
    }

    private fun compose(text: String) {
        field.compose(text)
        cursor.edited(word.length, text.length)
        word = text
        isTyped = true
    }

    private fun commit(text: String) {
        field.commit(text)
        cursor.edited(word.length, text.length)
        word = ""
    }

    private fun delete(length: Int) {
        if (length == 0) return
        field.delete(length, 0)
        cursor.edited(length, 0)
    }

    private fun moveTo(position: Int) {
        field.moveTo(position)
        cursor.movedTo(position)
    }

    private inline fun edit(crossinline edits: () -> Unit) = field.batch { edits() }

    private enum class LastSpace {
        NONE,
        TYPED,
        OF_SUGGESTION,
    }

    private companion object {
        /** Chars before the cursor that suggestions may look at; of longer texts [STRIDE] at least. */
        const val CONTEXT = 2048
        const val STRIDE = 1024
        const val WORD = 64
        const val EMOJI = 32
        const val DOUBLE_SPACE = 1000L
        const val CLOSING = ".,;:!?…)]}»”"
        const val CLOSED = ")]}»”\"%"
    }
}
