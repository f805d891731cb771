package org.pocketlm.keyboard

import android.content.Context
import android.graphics.Canvas
import android.graphics.RectF
import android.view.View

/**
 * What floats above the board and the strip: the letter under a finger, or the characters that a
 * held key offers. It takes no touches; places are in this view's pixels.
 */
internal class PopupView(context: Context) : View(context) {
    private val brush = Brush(context)
    private val letterSize = brush.size(R.dimen.letter_size)
    private val previewSize = brush.size(R.dimen.preview_size)
    private val bubble = RectF()

    /** The letter shown large, or null. */
    var preview: String? = null
        private set

    /** What is offered, or null. */
    var choice: Choice? = null
        private set

    init {
        importantForAccessibility = IMPORTANT_FOR_ACCESSIBILITY_NO
    }

    fun showPreview(text: String, key: RectF) {
        preview = text
        val width = maxOf(key.width() * 1.25f, 44 * brush.density)
        val height = maxOf(key.height() * 1.15f, 48 * brush.density)
        place(
            bubble,
            key.centerX() - width / 2,
            key.top - 6 * brush.density - height,
            width,
            height,
        )
        invalidate()
    }

    /** Offers characters above a key; the first of them is nearest to the finger, and chosen. */
    fun showChoice(texts: List<String>, key: RectF): Choice {
        preview = null
        val item = minOf(maxOf(key.width(), 40 * brush.density), width.toFloat() / texts.size)
        val total = item * texts.size
        val toLeft = key.centerX() > width / 2f
        val left = if (toLeft) key.centerX() + item / 2 - total else key.centerX() - item / 2
        val bounds = RectF()
        val height = maxOf(key.height(), 46 * brush.density)
        place(bounds, left, key.top - 8 * brush.density - height, total, height)
        return Choice(
                if (toLeft) texts.reversed() else texts,
                bounds,
                if (toLeft) texts.size - 1 else 0,
            )
            .also {
                choice = it
                invalidate()
            }
    }

    fun hide() {
        if (preview == null && choice == null) return
        preview = null
        choice = null
        invalidate()
    }

    private fun place(place: RectF, left: Float, top: Float, width: Float, height: Float) {
        val margin = 2 * brush.density
        val x = maxOf(minOf(left, this.width - width - margin), margin)
        val y = maxOf(top, margin)
        place.set(x, y, x + width, y + height)
    }

    override fun onDraw(canvas: Canvas) {
        choice?.let {
            return draw(canvas, it)
        }
        val text = preview ?: return
        brush.floating(canvas, bubble)
        brush.label(
            canvas,
            text,
            bubble.centerX(),
            bubble.centerY(),
            previewSize,
            brush.colour(R.color.text),
        )
    }

    private fun draw(canvas: Canvas, choice: Choice) {
        brush.floating(canvas, choice.bounds)
        choice.texts.forEachIndexed { i, text ->
            val item = choice.item(i)
            val isChosen = i == choice.index
            if (isChosen) {
                bubble.set(item)
                bubble.inset(2 * brush.density, 2 * brush.density)
                brush.roundBox(canvas, bubble, brush.colour(R.color.key_accent))
            }
            val colour = brush.colour(if (isChosen) R.color.text_on_accent else R.color.text)
            brush.label(
                canvas,
                text,
                item.centerX(),
                item.centerY(),
                letterSize,
                colour,
                item.width(),
            )
        }
    }

    /** Characters side by side, one of them chosen. */
    inner class Choice(val texts: List<String>, val bounds: RectF, start: Int) : AccentChoice {
        var index = start
            private set

        override val chosen: String
            get() = texts[index]

        private val itemWidth = bounds.width() / texts.size

        override fun slide(x: Float) {
            index = ((x - bounds.left) / itemWidth).toInt().coerceIn(0, texts.size - 1)
            invalidate()
        }

        fun item(i: Int) =
            RectF(
                bounds.left + i * itemWidth,
                bounds.top,
                bounds.left + (i + 1) * itemWidth,
                bounds.bottom,
            )
    }
}
