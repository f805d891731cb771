package org.pocketlm.keyboard

import android.app.Activity
import android.os.Bundle
import android.view.MenuItem
import android.widget.TextView
import java.io.IOException

/** What the models are and may be used for, and the licences of all that the app carries. */
class CardActivity : Activity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.card)
        actionBar?.setDisplayHomeAsUpEnabled(true)
        view<TextView>(R.id.card).text = asset("card.txt") ?: getString(R.string.no_card)
        view<TextView>(R.id.licences).text =
            asset("licences.txt") ?: getString(R.string.no_licences)
    }

    override fun onOptionsItemSelected(item: MenuItem): Boolean {
        if (item.itemId != android.R.id.home) return super.onOptionsItemSelected(item)
        finish()
        return true
    }

    private fun asset(name: String): String? =
        try {
            assets.open(name).bufferedReader().use { it.readText() }
        } catch (_: IOException) {
            // A build made without it.
            null
        }
}
