package org.pocketlm.keyboard

import android.annotation.SuppressLint
import android.content.Context
import android.graphics.Canvas
import android.graphics.Rect
import android.graphics.RectF
import android.view.HapticFeedbackConstants
import android.view.MotionEvent
import android.view.View
import android.view.ViewConfiguration
import android.view.accessibility.AccessibilityNodeProvider

/** What the keys do; all on the main thread. */
internal interface KeyListener {
    /** A key acts; what it types is as on its face. */
    fun onKey(action: Action)

    fun onShift(down: Boolean)
}

/**
 * The keys, drawn. Letters stand from left to right in every locale, as the hand knows them.
 * [popup] shows what floats above them.
 */
@SuppressLint("ViewConstructor")
internal class KeyboardView(context: Context, private val popup: PopupView) :
    View(context), KeyTouchListener {
    var listener: KeyListener? = null

    /** Whether keys tick; the device's own setting holds in any case. */
    var haptics = true

    var state = BoardState()
        set(value) {
            if (field == value) return
            val isOther = !field.hasRowsOf(value)
            field = value
            if (isOther) rebuild()
            nodes.changed()
            invalidate()
        }

    /** The keys with their places. */
    var cells: List<Cell> = emptyList()
        private set

    private val rowHeight = resources.getDimension(R.dimen.row_height)
    private val brush = Brush(context)
    private val painter = KeyPainter(brush, resources)
    private val descriptions = Descriptions(resources)
    private val touches = KeyTouches(this, ViewConfiguration.get(context).scaledTouchSlop.toFloat())
    private val nodes = VirtualNodes(this, ::describe, ::click) { _, text -> type(text) }

    init {
        layoutDirection = LAYOUT_DIRECTION_LTR
        contentDescription = resources.getString(R.string.keyboard)
        importantForAccessibility = IMPORTANT_FOR_ACCESSIBILITY_YES
    }

    override fun onMeasure(widthSpec: Int, heightSpec: Int) {
        val height = (state.rows().size * rowHeight).toInt()
        setMeasuredDimension(MeasureSpec.getSize(widthSpec), height)
    }

    override fun onSizeChanged(width: Int, height: Int, oldWidth: Int, oldHeight: Int) = rebuild()

    /** Forgets the fingers that are down. */
    fun cancelTouches() {
        touches.cancel()
        popup.hide()
        invalidate()
    }

    private fun rebuild() {
        cancelTouches()
        val grid = KeyGrid(state.rows(), width.toFloat(), rowHeight, resources)
        touches.grid = grid
        cells = grid.cells
        if (grid.height.toInt() != height) requestLayout()
    }

    override fun onDraw(canvas: Canvas) {
        val pressed = touches.pressed
        cells.forEach { painter.draw(canvas, it, state, it in pressed) }
    }

    // A click is a key of its own here: the nodes perform it.
    @SuppressLint("ClickableViewAccessibility")
    override fun onTouchEvent(event: MotionEvent): Boolean = touches.onTouch(event)

    override fun onDetachedFromWindow() {
        cancelTouches()
        super.onDetachedFromWindow()
    }

    override fun pressed(cell: Cell, slid: Boolean) {
        if (haptics && !slid) performHapticFeedback(HapticFeedbackConstants.KEYBOARD_TAP)
        val text = cell.key.text
        // Nobody who looks on shall read a password off the bubbles.
        if (text == null || state.secret) popup.hide()
        else popup.showPreview(state.text(text), above(cell))
    }

    override fun acted(cell: Cell) {
        listener?.onKey(actionOf(cell))
    }

    override fun shift(down: Boolean) {
        listener?.onShift(down)
    }

    override fun held(cell: Cell): AccentChoice? {
        if (cell.key.more.isEmpty()) return null
        if (haptics) performHapticFeedback(HapticFeedbackConstants.LONG_PRESS)
        return popup.showChoice(cell.key.more.map(state::text), above(cell))
    }

    override fun chose(cell: Cell, text: String) = type(text)

    override fun changed() {
        if (touches.pressed.none { it.key.text != null }) popup.hide()
        invalidate()
    }

    private fun type(text: String) {
        listener?.onKey(Action.Type(text))
    }

    private fun actionOf(cell: Cell): Action =
        cell.key.text?.let { Action.Type(state.text(it)) } ?: cell.key.action

    /** The face of a key in the popup's pixels. */
    private fun above(cell: Cell): RectF {
        val here = IntArray(2)
        val there = IntArray(2)
        getLocationInWindow(here)
        popup.getLocationInWindow(there)
        return RectF(cell.face).apply {
            offset((here[0] - there[0]).toFloat(), (here[1] - there[1]).toFloat())
        }
    }

    override fun getAccessibilityNodeProvider(): AccessibilityNodeProvider = nodes

    public override fun dispatchHoverEvent(event: MotionEvent): Boolean =
        nodes.onHover(event) || super.dispatchHoverEvent(event)

    private fun describe(): List<Node> =
        cells.map { cell ->
            val bounds = Rect().apply { cell.touch.round(this) }
            Node(
                bounds,
                descriptions.of(cell.key, state),
                cell.key.more.map(state::text),
                isKey = true,
            )
        }

    private fun click(index: Int) {
        val cell = cells[index]
        if (cell.key.action == Action.Shift) {
            shift(down = true)
            shift(down = false)
        } else {
            acted(cell)
        }
    }
}
