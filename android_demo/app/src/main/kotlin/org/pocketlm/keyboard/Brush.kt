package org.pocketlm.keyboard

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.RectF
import android.graphics.Typeface

/**
 * The theme's colours and sizes, light or dark as the resources say, and what everything is drawn
 * with.
 */
internal class Brush(private val context: Context) {
    private val resources = context.resources
    private val paint = Paint(Paint.ANTI_ALIAS_FLAG)
    private val text =
        Paint(Paint.ANTI_ALIAS_FLAG or Paint.SUBPIXEL_TEXT_FLAG).apply {
            textAlign = Paint.Align.CENTER
        }
    private val medium = Typeface.create("sans-serif-medium", Typeface.NORMAL)
    private val box = RectF()
    private val radius = resources.getDimension(R.dimen.key_radius)

    /** Pixels of one dp. */
    val density = resources.displayMetrics.density

    fun colour(id: Int): Int = context.getColor(id)

    fun size(id: Int): Float = resources.getDimension(id)

    fun roundBox(canvas: Canvas, bounds: RectF, colour: Int) {
        paint.style = Paint.Style.FILL
        paint.color = colour
        canvas.drawRoundRect(bounds, radius, radius, paint)
    }

    /** A key with an edge below it, as if lit from above. */
    fun key(canvas: Canvas, bounds: RectF, colour: Int, edge: Int) {
        box.set(bounds)
        box.offset(0f, density)
        roundBox(canvas, box, edge)
        roundBox(canvas, bounds, colour)
    }

    /** A key's edge all around, for what floats above the board. */
    fun floating(canvas: Canvas, bounds: RectF) {
        box.set(bounds)
        box.inset(-density, -density)
        box.bottom += density
        roundBox(canvas, box, colour(R.color.popup_edge))
        roundBox(canvas, bounds, colour(R.color.popup))
    }

    fun line(canvas: Canvas, x: Float, top: Float, bottom: Float, colour: Int) {
        paint.color = colour
        paint.style = Paint.Style.STROKE
        paint.strokeWidth = density
        canvas.drawLine(x, top, x, bottom, paint)
    }

    /** Writes in the middle of a place, narrower or smaller if it would not fit into [width]. */
    fun label(
        canvas: Canvas,
        label: String,
        x: Float,
        y: Float,
        size: Float,
        colour: Int,
        width: Float = Float.MAX_VALUE,
        bold: Boolean = false,
    ) {
        text.color = colour
        text.textSize = size
        text.typeface = if (bold) medium else Typeface.DEFAULT
        val wanted = text.measureText(label)
        if (wanted > width) text.textSize = size * width / wanted
        canvas.drawText(label, x, y - (text.ascent() + text.descent()) / 2, text)
    }

    fun sign(canvas: Canvas, sign: Signs.Sign, x: Float, y: Float, size: Float, colour: Int) {
        paint.color = colour
        paint.style = if (sign.filled) Paint.Style.FILL else Paint.Style.STROKE
        paint.strokeWidth = SIGN_LINE
        paint.strokeJoin = Paint.Join.ROUND
        paint.strokeCap = Paint.Cap.ROUND
        canvas.save()
        canvas.translate(x - size / 2, y - size / 2)
        canvas.scale(Signs.scale(size), Signs.scale(size))
        canvas.drawPath(sign.path, paint)
        canvas.restore()
    }

    private companion object {
        /** In a sign's own units. */
        const val SIGN_LINE = 2f
    }
}
