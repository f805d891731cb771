package org.pocketlm.keyboard

import android.annotation.SuppressLint
import android.content.Context
import android.os.Build
import android.view.Gravity
import android.view.WindowInsets
import android.widget.FrameLayout
import android.widget.LinearLayout

/**
 * The strip above the keys, and what floats above both; clear of the device's bars and cut-outs.
 */
@SuppressLint("ViewConstructor")
internal class InputPanel(context: Context) : FrameLayout(context) {
    private val below = resources.getDimensionPixelSize(R.dimen.board_padding)
    private val popup = PopupView(context)
    val strip = SuggestionStrip(context)
    val keys = KeyboardView(context, popup)

    init {
        setBackgroundColor(context.getColor(R.color.board))
        setPadding(0, 0, 0, below)
        val column =
            LinearLayout(context).apply {
                orientation = LinearLayout.VERTICAL
                addView(strip)
                addView(keys)
            }
        addView(
            column,
            LayoutParams(LayoutParams.MATCH_PARENT, LayoutParams.WRAP_CONTENT, Gravity.BOTTOM),
        )
        addView(popup, LayoutParams(LayoutParams.MATCH_PARENT, LayoutParams.MATCH_PARENT))
    }

    override fun onMeasure(widthSpec: Int, heightSpec: Int) {
        super.onMeasure(widthSpec, heightSpec)
        // The popup asks for all the height there is: the strip and the keys decide.
        val height = getChildAt(0).measuredHeight + paddingTop + paddingBottom
        if (height != measuredHeight) {
            super.onMeasure(widthSpec, MeasureSpec.makeMeasureSpec(height, MeasureSpec.EXACTLY))
        }
    }

    override fun onApplyWindowInsets(insets: WindowInsets): WindowInsets {
        if (Build.VERSION.SDK_INT >= 30) {
            val bars =
                insets.getInsets(
                    // The bar below a keyboard that has the key to hide it is a caption bar.
                    WindowInsets.Type.systemBars() or WindowInsets.Type.displayCutout()
                )
            setPadding(bars.left, 0, bars.right, bars.bottom + below)
        } else {
            // All that there is before SDK 30.
            @Suppress("DEPRECATION")
            setPadding(
                insets.systemWindowInsetLeft,
                0,
                insets.systemWindowInsetRight,
                insets.systemWindowInsetBottom + below,
            )
        }
        return insets
    }
}
