package org.pocketlm.keyboard

import android.graphics.RectF
import android.os.Looper
import android.os.SystemClock
import android.text.Selection
import android.view.MotionEvent
import android.view.View
import android.view.inputmethod.BaseInputConnection
import android.view.inputmethod.EditorInfo
import android.view.inputmethod.InputConnection
import android.widget.EditText
import java.time.Duration
import org.robolectric.Robolectric
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf

/**
 * A keyboard with a real text field before it: what a test types on. The field reports its
 * selection after each edit, or when the test says so if it is [lagging]. [others] take the place
 * of its own [parts].
 */
internal class Desk(
    words: List<String> = WORDS,
    inputType: Int = TEXT,
    imeOptions: Int = 0,
    text: String = "",
    others: Parts? = null,
    adjust: EditorInfo.() -> Unit = {},
) {
    class Service : PocketKeyboardService() {
        var connection: InputConnection? = null
        var editor: EditorInfo? = null
        var otherKeyboards = false

        override fun getCurrentInputConnection() = connection

        override fun getCurrentInputEditorInfo() = editor

        override fun hasNextKeyboard() = otherKeyboards
    }

    val suggestions = FakeSuggestions(words)
    val parts = FakeParts(suggestions)
    val editText: EditText = EditText(RuntimeEnvironment.getApplication())
    val service: Service
    val actions = ArrayList<Int>()
    var lagging = false
    var panel: InputPanel
        private set

    private val reports = ArrayDeque<IntArray>()
    private var reported = intArrayOf(0, 0)

    init {
        (RuntimeEnvironment.getApplication() as KeyboardApplication).parts = others ?: parts
        service = Robolectric.buildService(Service::class.java).create().get()
        editText.inputType = inputType
        editText.imeOptions = imeOptions
        editText.setText(text)
        editText.setSelection(text.length)
        editText.setOnEditorActionListener { _, action, _ -> actions.add(action) }
        panel = show()
        focus(adjust)
    }

    /** What is in the field. */
    val text: String
        get() = "${editText.text}"

    /** What is composed in it. */
    val composed: String
        get() {
            val start = BaseInputConnection.getComposingSpanStart(editText.text)
            return if (start < 0) ""
            else text.substring(start, BaseInputConnection.getComposingSpanEnd(editText.text))
        }

    /** What the strip shows, from left to right. */
    val strip: List<String>
        get() = panel.strip.shown()

    val keys: KeyboardView
        get() = panel.keys

    /** The field gets the focus. */
    fun focus(adjust: EditorInfo.() -> Unit = {}) {
        val info = EditorInfo()
        service.connection = editText.onCreateInputConnection(info)
        info.adjust()
        service.editor = info
        service.onStartInput(info, false)
        service.onStartInputView(info, false)
        reports.clear()
        reported = selection()
    }

    /** Types letters and signs as they stand on the keys, capitals by the shift key. */
    fun type(text: String) =
        text.forEach { letter ->
            when {
                letter == ' ' -> tap(Action.Space)
                letter.isUpperCase() -> {
                    if (!keys.state.capitals) tap(Action.Shift)
                    tap(key("${letter.lowercaseChar()}"))
                }
                else -> tap(key("$letter"))
            }
        }

    fun tap(action: Action) = tap(cell(action))

    fun backspace(times: Int = 1) = repeat(times) { tap(Action.Backspace) }

    fun choose(word: String, meanwhile: () -> Unit = {}) {
        val place = checkNotNull(panel.strip.place(word)) { "$word is not in $strip" }
        touch(panel.strip, MotionEvent.ACTION_DOWN, place)
        meanwhile()
        touch(panel.strip, MotionEvent.ACTION_UP, place)
        settle()
    }

    fun hold(word: String) {
        touch(panel.strip, MotionEvent.ACTION_DOWN, checkNotNull(panel.strip.place(word)))
        pause(1000)
        touch(panel.strip, MotionEvent.ACTION_UP, checkNotNull(panel.strip.place(strip[0])))
        settle()
    }

    /** The person taps into the text, or the app moves the cursor. */
    fun moveTo(start: Int, end: Int = start) {
        editText.setSelection(start, end)
        settle()
    }

    fun key(text: String) = cell(Action.Type(text))

    fun cell(action: Action) =
        checkNotNull(keys.cells.firstOrNull { it.key.action == action }) {
            "no key $action on ${keys.state.board}"
        }

    fun tap(cell: Cell) {
        down(cell)
        up(cell)
    }

    fun down(cell: Cell) {
        touch(keys, MotionEvent.ACTION_DOWN, cell.face)
        settle()
    }

    fun up(cell: Cell) {
        touch(keys, MotionEvent.ACTION_UP, cell.face)
        settle()
    }

    /** The fingers on the keys, the last of them down or up. */
    fun fingers(action: Int, vararg fingers: Pair<Int, Cell>) {
        val now = SystemClock.uptimeMillis()
        val index = fingers.lastIndex
        val ids =
            fingers
                .map { (id, _) -> MotionEvent.PointerProperties().apply { this.id = id } }
                .toTypedArray()
        val places =
            fingers
                .map { (_, cell) ->
                    MotionEvent.PointerCoords().apply {
                        x = cell.face.centerX()
                        y = cell.face.centerY()
                    }
                }
                .toTypedArray()
        val masked = action or (index shl MotionEvent.ACTION_POINTER_INDEX_SHIFT)
        keys.dispatchTouchEvent(
            MotionEvent.obtain(
                now,
                now,
                masked,
                fingers.size,
                ids,
                places,
                0,
                0,
                1f,
                1f,
                0,
                0,
                0,
                0,
            )
        )
        settle()
    }

    fun slide(x: Float, y: Float) {
        val now = SystemClock.uptimeMillis()
        keys.dispatchTouchEvent(MotionEvent.obtain(now, now, MotionEvent.ACTION_MOVE, x, y, 0))
    }

    fun pause(milliseconds: Long) {
        shadowOf(Looper.getMainLooper()).idleFor(Duration.ofMillis(milliseconds))
        settle()
    }

    /** The device is turned: the service makes its views anew for it. */
    fun rotate(qualifiers: String) {
        RuntimeEnvironment.setQualifiers(qualifiers)
        service.onConfigurationChanged(service.resources.configuration)
        panel = show()
        service.onStartInput(checkNotNull(service.editor).apply(::updateSelection), true)
        service.onStartInputView(checkNotNull(service.editor), true)
    }

    /** The field reports what it has not reported yet. */
    fun catchUp() {
        while (true) {
            val (start, end) = (reports.removeFirstOrNull() ?: return)
            service.onUpdateSelection(reported[0], reported[1], start, end, -1, -1)
            reported = intArrayOf(start, end)
        }
    }

    private fun updateSelection(info: EditorInfo) {
        info.initialSelStart = editText.selectionStart
        info.initialSelEnd = editText.selectionEnd
    }

    private fun settle() {
        val now = selection()
        if (!now.contentEquals(reports.lastOrNull() ?: reported)) reports.addLast(now)
        if (!lagging) catchUp()
    }

    private fun selection() =
        intArrayOf(
            Selection.getSelectionStart(editText.text),
            Selection.getSelectionEnd(editText.text),
        )

    private fun show(): InputPanel {
        val made = service.onCreateInputView() as InputPanel
        val width = service.resources.displayMetrics.widthPixels
        repeat(2) {
            made.measure(
                View.MeasureSpec.makeMeasureSpec(width, View.MeasureSpec.EXACTLY),
                View.MeasureSpec.makeMeasureSpec(4000, View.MeasureSpec.AT_MOST),
            )
            made.layout(0, 0, made.measuredWidth, made.measuredHeight)
        }
        return made
    }

    private fun touch(view: View, action: Int, place: RectF) {
        val now = SystemClock.uptimeMillis()
        view.dispatchTouchEvent(
            MotionEvent.obtain(now, now, action, place.centerX(), place.centerY(), 0)
        )
    }

    companion object {
        const val TEXT = android.text.InputType.TYPE_CLASS_TEXT
        val WORDS = listOf("see", "second", "seven", "you", "the", "soon", "don't")
    }
}
