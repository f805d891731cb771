package org.pocketlm.keyboard

import android.app.Activity
import android.view.View

/** A view that the layout is known to have. */
internal fun <T : View> Activity.view(id: Int): T = checkNotNull(findViewById<T>(id))

internal fun <T : View> View.view(id: Int): T = checkNotNull(findViewById<T>(id))
