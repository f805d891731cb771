package org.pocketlm.keyboard

import android.content.Context
import android.graphics.Rect
import android.os.SystemClock
import android.text.InputType
import android.view.MotionEvent
import android.view.View
import android.view.accessibility.AccessibilityEvent
import android.view.accessibility.AccessibilityManager
import android.view.accessibility.AccessibilityNodeInfo
import android.widget.FrameLayout
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config

/** What TalkBack sees and does. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [26, 35], qualifiers = "w411dp-h891dp-xxhdpi")
class AccessibilityTest {
    private fun nodes(view: View): List<AccessibilityNodeInfo> {
        val host =
            checkNotNull(view.accessibilityNodeProvider.createAccessibilityNodeInfo(View.NO_ID))
        return (0 until host.childCount).map {
            checkNotNull(view.accessibilityNodeProvider.createAccessibilityNodeInfo(it))
        }
    }

    private fun names(view: View) = nodes(view).map { "${it.contentDescription}" }

    private fun click(view: View, name: String) {
        val index = names(view).indexOf(name)
        val done =
            view.accessibilityNodeProvider.performAction(
                index,
                AccessibilityNodeInfo.ACTION_CLICK,
                null,
            )
        assertTrue(name, done)
    }

    @Test
    fun `every key has a name and a place`() {
        val desk = Desk()
        val nodes = nodes(desk.keys)
        assertEquals(desk.keys.cells.size, nodes.size)
        val names = names(desk.keys)
        assertTrue(names.none { it.isEmpty() } && names.toSet().size == names.size)
        assertTrue(
            names.containsAll(listOf("e", "Shift", "Backspace", "Space", "Numbers and symbols"))
        )
        for ((node, cell) in nodes.zip(desk.keys.cells)) {
            val bounds = Rect().also(node::getBoundsInScreen)
            assertTrue(bounds.contains(cell.face.centerX().toInt(), bounds.centerY()))
            assertTrue(node.isClickable)
            assertEquals(48 * 3, minOf(bounds.height(), 48 * 3))
        }
    }

    @Test
    fun `names follow shift, and the field's action`() {
        val desk = Desk(imeOptions = android.view.inputmethod.EditorInfo.IME_ACTION_SEARCH)
        assertTrue("Search" in names(desk.keys))
        desk.tap(Action.Shift)
        assertTrue(names(desk.keys).containsAll(listOf("Capital E", "Shift, on")))
        desk.tap(Action.Shift)
        assertTrue("Caps lock, on" in names(desk.keys))
    }

    @Test
    fun `names are in the device's language`() {
        org.robolectric.RuntimeEnvironment.setQualifiers("+de")
        assertTrue(
            names(Desk().keys).containsAll(listOf("Umschalttaste", "Rücktaste", "Leertaste"))
        )
    }

    @Test
    fun `a click types`() {
        val desk = Desk()
        listOf("Shift", "Capital S", "e", "Space").forEach { click(desk.keys, it) }
        assertEquals("Se ", desk.text)
        click(desk.keys, "Backspace")
        assertEquals("Se", desk.text)
    }

    @Test
    fun `accents are actions of their letter`() {
        val desk = Desk()
        val index = names(desk.keys).indexOf("e")
        val accent = nodes(desk.keys)[index].actionList.first { it.label == "é" }
        assertTrue(desk.keys.accessibilityNodeProvider.performAction(index, accent.id, null))
        assertEquals("é", desk.text)
    }

    @Test
    fun `suggestions are named, and a click chooses one`() {
        val desk = Desk()
        desk.type("se")
        assertEquals(
            listOf("Suggestion second", "Suggestion see", "Suggestion seven"),
            names(desk.panel.strip),
        )
        click(desk.panel.strip, "Suggestion see")
        assertEquals("see ", desk.text)
    }

    @Test
    fun `a finger that explores is told what is under it`() {
        val desk = Desk()
        val manager =
            desk.service.getSystemService(Context.ACCESSIBILITY_SERVICE) as AccessibilityManager
        shadowOf(manager).setEnabled(true)
        shadowOf(manager).setTouchExplorationEnabled(true)
        val heard = ArrayList<String>()
        val parent =
            object : FrameLayout(desk.service) {
                override fun requestSendAccessibilityEvent(
                    child: View,
                    event: AccessibilityEvent,
                ): Boolean {
                    if (event.eventType == AccessibilityEvent.TYPE_VIEW_HOVER_ENTER)
                        heard += "${event.contentDescription}"
                    return false
                }
            }
        (desk.keys.parent as android.view.ViewGroup).removeView(desk.keys)
        parent.addView(desk.keys)
        for (letter in listOf("e", "r")) hover(desk, MotionEvent.ACTION_HOVER_MOVE, letter)
        hover(desk, MotionEvent.ACTION_HOVER_EXIT, "r")
        assertEquals(listOf("e", "r"), heard)
        assertEquals("exploring types nothing", "", desk.text)
    }

    @Test
    fun `keys are as high as fingers need, except on a phone on its side`() {
        val desk = Desk(inputType = InputType.TYPE_CLASS_NUMBER)
        val density = desk.service.resources.displayMetrics.density
        assertTrue(
            desk.keys.cells.all {
                it.touch.height() >= 48 * density && it.touch.width() >= 48 * density
            }
        )
    }

    private fun hover(desk: Desk, action: Int, letter: String) {
        val face = desk.key(letter).face
        val now = SystemClock.uptimeMillis()
        desk.keys.dispatchHoverEvent(
            MotionEvent.obtain(now, now, action, face.centerX(), face.centerY(), 0)
        )
    }
}
