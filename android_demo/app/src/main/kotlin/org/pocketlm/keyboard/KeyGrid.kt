package org.pocketlm.keyboard

import android.content.res.Resources
import android.graphics.RectF

/** A key with its place in pixels; touches count on all of [touch], which leaves no gaps. */
internal class Cell(val key: Key, val face: RectF, val touch: RectF)

/** The keys of a board, laid out for a width and a height of a row, in pixels. */
internal class KeyGrid(
    rows: List<List<Key>>,
    width: Float,
    rowHeight: Float,
    resources: Resources,
) {
    val cells: List<Cell>
    val height: Float = rows.size * rowHeight

    init {
        val padding = resources.getDimension(R.dimen.board_padding)
        val gap = resources.getDimension(R.dimen.key_gap)
        val rowGap = resources.getDimension(R.dimen.row_gap)
        val unit = (width - 2 * padding) / UNITS
        cells =
            rows.flatMapIndexed { index, row ->
                val top = index * rowHeight
                var x = padding
                row.mapIndexed { i, key ->
                    val left = x + key.gap * unit
                    val right = left + key.width * unit
                    x = right
                    Cell(
                        key,
                        RectF(
                            left + gap / 2,
                            top + rowGap / 2,
                            right - gap / 2,
                            top + rowHeight - rowGap / 2,
                        ),
                        RectF(
                            if (i == 0) 0f else left,
                            top,
                            if (i == row.lastIndex) width else right,
                            top + rowHeight,
                        ),
                    )
                }
            }
    }

    fun at(x: Float, y: Float): Cell? = cells.firstOrNull { it.touch.contains(x, y) }

    /** As [at], but a finger that has slid off the board is still on the nearest row. */
    fun near(x: Float, y: Float): Cell? = at(x, y.coerceIn(0f, height - 1))

    private companion object {
        const val UNITS = 10f
    }
}
