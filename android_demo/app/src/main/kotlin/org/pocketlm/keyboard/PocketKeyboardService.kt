package org.pocketlm.keyboard

import android.content.Context
import android.inputmethodservice.InputMethodService
import android.os.Build
import android.os.SystemClock
import android.view.View
import android.view.inputmethod.EditorInfo
import android.view.inputmethod.InputMethodManager
import java.util.Locale
import org.pocketlm.session.Stats
import org.pocketlm.session.Suggestions

/**
 * The keyboard: it puts keys, text and suggestions together, all on the main thread. What keys do
 * to the text is in [Typing]; suggestions come from [Parts], and typing waits for none.
 */
open class PocketKeyboardService : InputMethodService(), KeyListener, StripListener {
    private lateinit var preferences: Preferences
    private lateinit var parts: Parts
    private lateinit var suggestions: Suggestions
    private var panel: InputPanel? = null
    private var board = Board.LETTERS
    private var isShown = false
    private var offersNext = false
    private val shift = ShiftState()
    private val field =
        ConnectedField({ currentInputEditorInfo?.inputType ?: 0 }, { currentInputConnection })
    private val typing: Typing = Typing(field, SystemClock::uptimeMillis, ::finished)
    private val asking = Asking(Stats.suggestion, ::show)

    override fun onCreate() {
        super.onCreate()
        parts = KeyboardApplication.parts(this)
        preferences = Preferences(this)
        parts.personalWords.learning = preferences.learning
        suggestions = parts.suggestions(preferences)
        preferences.listen(::preferenceChanged)
        parts.personalWords.forgotten = ::wordsForgotten
    }

    override fun onDestroy() {
        preferences.stopListening()
        parts.personalWords.forgotten = null
        // This leaves the field first, which still asks for the newest request to be dropped.
        super.onDestroy()
        suggestions.close()
    }

    /** Never: on a phone on its side the text stays in sight above the keys. */
    override fun onEvaluateFullscreenMode() = false

    override fun onCreateInputView(): View =
        InputPanel(this).also {
            panel = it
            it.keys.listener = this
            it.strip.listener = this
            applyHaptics()
            refresh()
        }

    override fun onStartInput(info: EditorInfo, restarting: Boolean) {
        super.onStartInput(info, restarting)
        val kind = FieldKind.of(info)
        if (!restarting || kind.board != typing.kind.board) board = kind.board
        if (!restarting) shift.reset()
        typing.start(kind, info.initialSelStart, info.initialSelEnd)
    }

    override fun onStartInputView(info: EditorInfo, restarting: Boolean) {
        super.onStartInputView(info, restarting)
        isShown = true
        // Asked once a field, for the answer comes from another process.
        offersNext = hasNextKeyboard()
        typing.show()
        afterEdit()
    }

    override fun onFinishInputView(finishingInput: Boolean) {
        isShown = false
        typing.hide()
        asking.stop(suggestions)
        panel?.keys?.cancelTouches()
        panel?.strip?.cancelTouches()
        super.onFinishInputView(finishingInput)
    }

    override fun onUpdateSelection(
        oldSelStart: Int,
        oldSelEnd: Int,
        newSelStart: Int,
        newSelEnd: Int,
        candidatesStart: Int,
        candidatesEnd: Int,
    ) {
        super.onUpdateSelection(
            oldSelStart,
            oldSelEnd,
            newSelStart,
            newSelEnd,
            candidatesStart,
            candidatesEnd,
        )
        if (typing.moved(newSelStart, newSelEnd) && isShown) afterEdit()
    }

    override fun onKey(action: Action) {
        val since = SystemClock.elapsedRealtimeNanos()
        when (action) {
            is Action.Type -> {
                typing.type(action.text)
                shift.typed()
            }
            is Action.Show -> {
                board = action.board
                return refresh()
            }
            Action.Space -> {
                typing.space()
                if (board != typing.kind.board && typing.kind.board == Board.LETTERS)
                    board = Board.LETTERS
            }
            Action.Backspace -> typing.backspace()
            Action.Enter -> typing.enter()
            Action.NextKeyboard -> return nextKeyboard()
            Action.Shift -> return
        }
        afterEdit(since)
    }

    override fun onShift(down: Boolean) {
        if (down) shift.press(SystemClock.uptimeMillis()) else shift.release()
        refresh()
        asking.recase()
    }

    override fun onSuggestion(word: String) {
        val since = SystemClock.elapsedRealtimeNanos()
        typing.choose(word)
        shift.typed()
        afterEdit(since)
    }

    override fun canForget(word: String): Boolean = parts.personalWords.knows(word)

    override fun onForget(word: String) = parts.personalWords.forget(word)

    /** Nothing of what was forgotten stays on the strip. */
    private fun wordsForgotten() {
        asking.stop(suggestions)
        if (isShown) afterEdit()
    }

    private fun afterEdit(since: Long = SystemClock.elapsedRealtimeNanos()) {
        shift.follow(field.wantsCapital())
        refresh()
        val kind = typing.kind
        if (kind.words) {
            asking.ask(suggestions, typing.textBefore(), typing.word, kind.privateSession, since)
        } else {
            asking.stop(suggestions)
        }
    }

    private fun finished(word: String) {
        suggestions.finished(word, typing.kind.privateSession)
    }

    private fun show(words: List<String>, note: String?) {
        val strip = panel?.strip ?: return
        strip.words = words.map(::cased).distinct()
        strip.note = note?.let { getString(R.string.no_suggestions_because, it) }
    }

    /** A word that is not begun yet, as shift would have it typed. */
    private fun cased(word: String) =
        when {
            typing.word.isNotEmpty() -> word
            shift.level == ShiftState.Level.LOCKED -> word.uppercase(Locale.ROOT)
            shift.level == ShiftState.Level.ONCE -> word.replaceFirstChar(Char::titlecaseChar)
            else -> word
        }

    private fun refresh() {
        val kind = typing.kind
        panel?.keys?.state =
            BoardState(
                board,
                kind.extras,
                offersNext,
                shift.level,
                kind.enter,
                kind.enterLabel,
                kind.secret,
            )
    }

    private fun preferenceChanged(change: Preferences.Change) {
        applyHaptics()
        parts.personalWords.learning = preferences.learning
        if (change != Preferences.Change.MODEL) return
        suggestions.close()
        suggestions = parts.suggestions(preferences)
        if (isShown) afterEdit()
    }

    private fun applyHaptics() {
        panel?.keys?.haptics = preferences.haptics
        panel?.strip?.haptics = preferences.haptics
    }

    /** Whether there is another keyboard to go to. */
    protected open fun hasNextKeyboard(): Boolean {
        if (Build.VERSION.SDK_INT >= 28) return shouldOfferSwitchingToNextInputMethod()
        val token = window?.window?.attributes?.token ?: return false
        // All that there is before SDK 28.
        @Suppress("DEPRECATION")
        return inputMethods().shouldOfferSwitchingToNextInputMethod(token)
    }

    private fun nextKeyboard() {
        if (Build.VERSION.SDK_INT >= 28) {
            switchToNextInputMethod(false)
        } else {
            @Suppress("DEPRECATION")
            inputMethods().switchToNextInputMethod(window?.window?.attributes?.token, false)
        }
    }

    private fun inputMethods() =
        getSystemService(Context.INPUT_METHOD_SERVICE) as InputMethodManager
}
