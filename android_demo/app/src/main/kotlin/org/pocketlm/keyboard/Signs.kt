package org.pocketlm.keyboard

import android.graphics.Path

/** The signs of keys that do not type, drawn in a square of 24 units: not every font has them. */
internal object Signs {
    private const val SIZE = 24f

    /** A sign and whether it is filled, or drawn with a line 2 units wide. */
    class Sign(val path: Path, val filled: Boolean)

    val shift = outline { arrowUp() }
    val shiftOnce = filled { arrowUp() }
    val shiftLocked = filled {
        arrowUp(-2.5f)
        addRect(8.5f, 18.5f, 15.5f, 20.5f, Path.Direction.CW)
    }
    val backspace = outline {
        polygon(9f, 5f, 21.5f, 5f, 21.5f, 19f, 9f, 19f, 2.5f, 12f)
        line(12f, 9f, 18f, 15f)
        line(18f, 9f, 12f, 15f)
    }
    val globe = outline {
        addCircle(12f, 12f, 9f, Path.Direction.CW)
        addOval(8f, 3f, 16f, 21f, Path.Direction.CW)
        line(3.6f, 9f, 20.4f, 9f)
        line(3.6f, 15f, 20.4f, 15f)
    }
    val space = outline { line(4f, 11f, 4f, 15f, 20f, 15f, 20f, 11f) }
    private val newline = outline {
        line(20f, 5f, 20f, 13f, 4.5f, 13f)
        line(9.5f, 8f, 4.5f, 13f, 9.5f, 18f)
    }
    private val arrow = outline {
        line(4f, 12f, 20f, 12f)
        line(13.5f, 5.5f, 20f, 12f, 13.5f, 18.5f)
    }
    private val back = outline {
        line(20f, 12f, 4f, 12f)
        line(10.5f, 5.5f, 4f, 12f, 10.5f, 18.5f)
    }
    private val search = outline {
        addCircle(10.5f, 10.5f, 6f, Path.Direction.CW)
        line(15f, 15f, 21f, 21f)
    }
    private val send = filled { polygon(3f, 4f, 22f, 12f, 3f, 20f, 3f, 13.6f, 14f, 12f, 3f, 10.4f) }
    private val done = outline { line(4f, 12.5f, 9.5f, 18f, 20f, 6.5f) }

    /** Null for an action of the app's own, which has a label. */
    fun enter(key: EnterKey): Sign? =
        when (key) {
            EnterKey.NEWLINE -> newline
            EnterKey.GO,
            EnterKey.NEXT -> arrow
            EnterKey.PREVIOUS -> back
            EnterKey.SEARCH -> search
            EnterKey.SEND -> send
            EnterKey.DONE -> done
            EnterKey.CUSTOM -> null
        }

    /** How much to enlarge a sign so that it is [size] pixels wide. */
    fun scale(size: Float): Float = size / SIZE

    private fun outline(draw: Path.() -> Unit) = Sign(Path().apply(draw), filled = false)

    private fun filled(draw: Path.() -> Unit) = Sign(Path().apply(draw), filled = true)

    private fun Path.arrowUp(lift: Float = 0f) =
        polygon(
            12f,
            4f + lift,
            20.5f,
            12.5f + lift,
            15.5f,
            12.5f + lift,
            15.5f,
            19f + lift,
            8.5f,
            19f + lift,
            8.5f,
            12.5f + lift,
            3.5f,
            12.5f + lift,
        )

    private fun Path.polygon(vararg points: Float) {
        line(*points)
        close()
    }

    private fun Path.line(vararg points: Float) {
        moveTo(points[0], points[1])
        for (i in 2 until points.size step 2) lineTo(points[i], points[i + 1])
    }
}
