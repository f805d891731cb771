package org.pocketlm.keyboard

import android.annotation.SuppressLint
import android.content.Context
import android.graphics.Canvas
import android.graphics.Rect
import android.graphics.RectF
import android.os.Handler
import android.os.Looper
import android.text.TextPaint
import android.text.TextUtils
import android.view.HapticFeedbackConstants
import android.view.MotionEvent
import android.view.View
import android.view.ViewConfiguration
import android.view.accessibility.AccessibilityNodeProvider

/** What is done on the strip; all on the main thread. */
internal interface StripListener {
    fun onSuggestion(word: String)

    /** Whether to offer that a word be forgotten. */
    fun canForget(word: String): Boolean

    fun onForget(word: String)
}

/**
 * Three suggestions: the best in the middle, where thumbs and eyes are, the second before it in the
 * direction of reading and the third after it. A learnt word that is held can be forgotten.
 */
@SuppressLint("ViewConstructor")
internal class SuggestionStrip(context: Context) : View(context) {
    var listener: StripListener? = null
    var haptics = true

    /** The best first; the strip shows [PLACES] of them. */
    var words: List<String> = emptyList()
        set(value) {
            if (field == value && asked == null) return
            field = value
            asked = null
            note = null
            changed()
        }

    /** A line in place of suggestions: why there are none. */
    var note: String? = null
        set(value) {
            if (field == value) return
            field = value
            changed()
        }

    /** The word that the person is asked about, or null. */
    private var asked: String? = null
    private var items: List<Item> = emptyList()
    private var pressed: Item? = null
    private val brush = Brush(context)
    private val size = brush.size(R.dimen.suggestion_size)
    private val padding = brush.size(R.dimen.board_padding) * 2
    private val measure = TextPaint()
    private val box = RectF()
    private val timer = Handler(Looper.getMainLooper())
    private val nodes = VirtualNodes(this, ::describe, ::click) { index, _ -> ask(items[index]) }

    private class Item(
        val text: String,
        val description: String,
        val face: RectF,
        val best: Boolean,
        val word: String? = null,
        val act: () -> Unit,
    )

    init {
        contentDescription = resources.getString(R.string.suggestions)
        importantForAccessibility = IMPORTANT_FOR_ACCESSIBILITY_YES
    }

    /** What is on the strip, from left to right; an ellipsis stands for what does not fit. */
    fun shown(): List<String> = items.map { fitted(it) }

    /** The place of a word as [shown], in pixels. */
    fun place(text: String): RectF? = items.firstOrNull { it.text == text }?.face

    override fun onMeasure(widthSpec: Int, heightSpec: Int) =
        setMeasuredDimension(
            MeasureSpec.getSize(widthSpec),
            resources.getDimensionPixelSize(R.dimen.strip_height),
        )

    override fun onSizeChanged(width: Int, height: Int, oldWidth: Int, oldHeight: Int) = changed()

    override fun onRtlPropertiesChanged(layoutDirection: Int) = changed()

    override fun onDetachedFromWindow() {
        cancelTouches()
        super.onDetachedFromWindow()
    }

    private fun changed() {
        items = asked?.let(::question) ?: suggestions()
        // What a finger is on while an answer comes in stays what it chooses: no touch ends here.
        nodes.changed()
        invalidate()
    }

    private fun suggestions(): List<Item> {
        val shown = words.take(PLACES)
        val order = if (shown.size < 2) shown else listOf(shown[1], shown[0]) + shown.drop(2)
        return places(order.size).zip(order) { face, word ->
            val description = resources.getString(R.string.suggestion, word)
            Item(word, description, face, word == shown[0], word) { listener?.onSuggestion(word) }
        }
    }

    private fun question(word: String): List<Item> {
        val (first, second) = places(2)
        val ask = resources.getString(R.string.forget_question, word)
        val keep = resources.getString(R.string.keep)
        return listOf(
            Item(ask, resources.getString(R.string.forget), first, true) {
                answer(word, forget = true)
            },
            Item(keep, keep, second, false) { answer(word, forget = false) },
        )
    }

    private fun answer(word: String, forget: Boolean) {
        if (forget) {
            listener?.onForget(word)
            words = words - word
        }
        asked = null
        changed()
    }

    /** Equal places in the direction of reading; one alone has the middle. */
    private fun places(count: Int): List<RectF> {
        val isMirrored = layoutDirection == LAYOUT_DIRECTION_RTL
        val columns = if (count == 1) PLACES else count
        val width = width.toFloat() / columns
        val first = if (count == 1) 1 else 0
        return (first until first + count).map { i ->
            val column = if (isMirrored) columns - 1 - i else i
            RectF(column * width, 0f, (column + 1) * width, height.toFloat())
        }
    }

    override fun onDraw(canvas: Canvas) {
        items.forEach { draw(canvas, it) }
        if (items.isEmpty()) note?.let { drawNote(canvas, it) }
    }

    private fun draw(canvas: Canvas, item: Item) {
        val face = item.face
        val x = face.centerX()
        val y = face.centerY()
        if (face == pressed?.face) {
            box.set(face)
            box.inset(padding / 2, padding / 2)
            brush.roundBox(canvas, box, brush.colour(R.color.key_pressed))
        }
        val colour = brush.colour(if (item.best) R.color.best else R.color.text)
        brush.label(canvas, fitted(item), x, y, size, colour, room(item), item.best)
        if (face.left == 0f) return
        val inset = height * 0.28f
        brush.line(canvas, face.left, inset, height - inset, brush.colour(R.color.strip_line))
    }

    private fun drawNote(canvas: Canvas, note: String) {
        val room = width - 2 * padding
        val fitted = TextUtils.ellipsize(note, paint(NOTE), room, TextUtils.TruncateAt.END)
        val colour = brush.colour(R.color.text_hint)
        brush.label(canvas, fitted.toString(), width / 2f, height / 2f, size * NOTE, colour)
    }

    /** A word at the smallest size, its end cut off if even that is too long. */
    private fun fitted(item: Item): String =
        TextUtils.ellipsize(item.text, paint(SMALLEST), room(item), TextUtils.TruncateAt.END)
            .toString()

    private fun room(item: Item) = item.face.width() - 2 * padding

    private fun paint(scale: Float) = measure.apply { textSize = size * scale }

    // A click is a suggestion's own here: the nodes perform it.
    @SuppressLint("ClickableViewAccessibility")
    override fun onTouchEvent(event: MotionEvent): Boolean {
        when (event.actionMasked) {
            MotionEvent.ACTION_DOWN ->
                items.firstOrNull { it.face.contains(event.x, event.y) }?.let(::press)
            MotionEvent.ACTION_MOVE ->
                if (pressed?.face?.contains(event.x, event.y) != true) cancelTouches()
            MotionEvent.ACTION_UP -> {
                val chosen = pressed
                cancelTouches()
                chosen?.act?.invoke()
            }
            MotionEvent.ACTION_CANCEL -> cancelTouches()
        }
        return true
    }

    private fun press(item: Item) {
        if (haptics) performHapticFeedback(HapticFeedbackConstants.KEYBOARD_TAP)
        pressed = item
        invalidate()
        timer.postDelayed({ hold(item) }, ViewConfiguration.getLongPressTimeout().toLong())
    }

    private fun hold(item: Item) {
        if (!canForget(item)) return
        if (haptics) performHapticFeedback(HapticFeedbackConstants.LONG_PRESS)
        cancelTouches()
        ask(item)
    }

    private fun canForget(item: Item) = item.word != null && listener?.canForget(item.word) == true

    /** Asks whether to forget a word. */
    private fun ask(item: Item) {
        asked = item.word
        changed()
    }

    /** Forgets the finger that is down. */
    fun cancelTouches() {
        timer.removeCallbacksAndMessages(null)
        if (pressed == null) return
        pressed = null
        invalidate()
    }

    override fun getAccessibilityNodeProvider(): AccessibilityNodeProvider = nodes

    public override fun dispatchHoverEvent(event: MotionEvent): Boolean =
        nodes.onHover(event) || super.dispatchHoverEvent(event)

    private fun describe() =
        items.map {
            val forget = if (canForget(it)) listOf(resources.getString(R.string.forget)) else emptyList()
            Node(Rect().apply { it.face.round(this) }, it.description, forget)
        }

    private fun click(index: Int) = items[index].act()

    private companion object {
        const val PLACES = 3

        /** Shares of the full size: the smallest that a word is shrunk to, and a note's. */
        const val SMALLEST = 0.75f
        const val NOTE = 0.8f
    }
}
