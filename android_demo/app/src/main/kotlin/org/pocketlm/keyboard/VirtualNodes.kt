package org.pocketlm.keyboard

import android.content.Context
import android.graphics.Rect
import android.os.Build
import android.os.Bundle
import android.view.MotionEvent
import android.view.View
import android.view.accessibility.AccessibilityEvent
import android.view.accessibility.AccessibilityManager
import android.view.accessibility.AccessibilityNodeInfo
import android.view.accessibility.AccessibilityNodeInfo.AccessibilityAction
import android.view.accessibility.AccessibilityNodeProvider

/**
 * What a drawn thing is to TalkBack. [bounds] are in its view's pixels; [more] are further texts
 * that it can type; [isKey] lets TalkBack type it when the finger is lifted.
 */
internal class Node(
    val bounds: Rect,
    val description: CharSequence,
    val more: List<String> = emptyList(),
    val isKey: Boolean = false,
)

/**
 * Shows parts of a drawn [host] to accessibility services, as androidx's ExploreByTouchHelper
 * would. The number of a node is its place in [nodes].
 */
internal class VirtualNodes(
    private val host: View,
    private val nodes: () -> List<Node>,
    private val click: (Int) -> Unit,
    private val chooseMore: (Int, String) -> Unit,
) : AccessibilityNodeProvider() {
    private val manager =
        host.context.getSystemService(Context.ACCESSIBILITY_SERVICE) as AccessibilityManager
    private var focused = NOTHING
    private var hovered = NOTHING

    override fun createAccessibilityNodeInfo(id: Int): AccessibilityNodeInfo? {
        if (id == HOST_VIEW_ID) return hostInfo()
        val node = nodes().getOrNull(id) ?: return null
        return info(id).apply {
            setParent(host)
            contentDescription = node.description
            className = if (node.isKey) KEY_CLASS else BUTTON_CLASS
            packageName = host.context.packageName
            place(this, node.bounds)
            isEnabled = true
            isVisibleToUser = host.isShown
            isFocusable = true
            isClickable = true
            isAccessibilityFocused = id == focused
            addAction(AccessibilityAction.ACTION_CLICK)
            addAction(
                if (id == focused) AccessibilityAction.ACTION_CLEAR_ACCESSIBILITY_FOCUS
                else AccessibilityAction.ACTION_ACCESSIBILITY_FOCUS
            )
            node.more.forEachIndexed { i, text ->
                addAction(AccessibilityAction(FIRST_MORE + i, text))
            }
            if (Build.VERSION.SDK_INT >= 29) isTextEntryKey = node.isKey
        }
    }

    override fun performAction(id: Int, action: Int, arguments: Bundle?): Boolean {
        if (id == HOST_VIEW_ID) return host.performAccessibilityAction(action, arguments)
        val node = nodes().getOrNull(id) ?: return false
        when (action) {
            AccessibilityNodeInfo.ACTION_CLICK -> {
                click(id)
                send(id, AccessibilityEvent.TYPE_VIEW_CLICKED)
            }
            AccessibilityNodeInfo.ACTION_ACCESSIBILITY_FOCUS -> focus(id)
            AccessibilityNodeInfo.ACTION_CLEAR_ACCESSIBILITY_FOCUS ->
                if (focused == id) focus(NOTHING)
            else -> chooseMore(id, node.more.getOrNull(action - FIRST_MORE) ?: return false)
        }
        return true
    }

    override fun findFocus(focus: Int): AccessibilityNodeInfo? =
        if (focus == AccessibilityNodeInfo.FOCUS_ACCESSIBILITY && focused != NOTHING) {
            createAccessibilityNodeInfo(focused)
        } else {
            null
        }

    /** A finger that explores; false if nobody listens. */
    fun onHover(event: MotionEvent): Boolean {
        if (!manager.isEnabled || !manager.isTouchExplorationEnabled) return false
        val isOut = event.actionMasked == MotionEvent.ACTION_HOVER_EXIT
        val now = if (isOut) NOTHING else at(event.x.toInt(), event.y.toInt())
        if (now != hovered) {
            val before = hovered
            hovered = now
            send(now, AccessibilityEvent.TYPE_VIEW_HOVER_ENTER)
            send(before, AccessibilityEvent.TYPE_VIEW_HOVER_EXIT)
        }
        return true
    }

    /** The nodes are others now, or are described otherwise. */
    fun changed() {
        if (!manager.isEnabled) return
        if (focused >= nodes().size) focused = NOTHING
        val event = newEvent(AccessibilityEvent.TYPE_WINDOW_CONTENT_CHANGED)
        event.contentChangeTypes = AccessibilityEvent.CONTENT_CHANGE_TYPE_SUBTREE
        host.parent?.requestSendAccessibilityEvent(host, event)
    }

    private fun at(x: Int, y: Int) = nodes().indexOfFirst { it.bounds.contains(x, y) }

    private fun focus(id: Int) {
        val before = focused
        focused = id
        host.invalidate()
        send(before, AccessibilityEvent.TYPE_VIEW_ACCESSIBILITY_FOCUS_CLEARED)
        send(id, AccessibilityEvent.TYPE_VIEW_ACCESSIBILITY_FOCUSED)
    }

    private fun send(id: Int, type: Int) {
        val node = nodes().getOrNull(id)
        if (node == null || !manager.isEnabled) return
        val event = newEvent(type)
        event.setSource(host, id)
        event.contentDescription = node.description
        event.className = if (node.isKey) KEY_CLASS else BUTTON_CLASS
        host.parent?.requestSendAccessibilityEvent(host, event)
    }

    private fun newEvent(type: Int): AccessibilityEvent {
        // Its successor is not there before SDK 30.
        @Suppress("DEPRECATION") val event = AccessibilityEvent.obtain(type)
        event.packageName = host.context.packageName
        return event
    }

    private fun hostInfo(): AccessibilityNodeInfo {
        @Suppress("DEPRECATION") val info = AccessibilityNodeInfo.obtain(host)
        host.onInitializeAccessibilityNodeInfo(info)
        nodes().indices.forEach { info.addChild(host, it) }
        return info
    }

    @Suppress("DEPRECATION") private fun info(id: Int) = AccessibilityNodeInfo.obtain(host, id)

    private fun place(info: AccessibilityNodeInfo, bounds: Rect) {
        // Services of before SDK 29 read these.
        @Suppress("DEPRECATION") info.setBoundsInParent(bounds)
        val corner = IntArray(2)
        host.getLocationOnScreen(corner)
        info.setBoundsInScreen(Rect(bounds).apply { offset(corner[0], corner[1]) })
    }

    private companion object {
        const val NOTHING = -2
        const val FIRST_MORE = 0x01000000
        const val KEY_CLASS = "android.inputmethodservice.Keyboard\$Key"
        const val BUTTON_CLASS = "android.widget.Button"
    }
}
