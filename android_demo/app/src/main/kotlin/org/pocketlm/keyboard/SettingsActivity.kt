package org.pocketlm.keyboard

import android.app.Activity
import android.app.AlertDialog
import android.content.Context
import android.content.Intent
import android.os.Bundle
import android.provider.Settings
import android.view.View
import android.view.inputmethod.InputMethodManager
import android.widget.Button
import android.widget.CompoundButton
import android.widget.RadioButton
import android.widget.RadioGroup
import android.widget.Switch
import android.widget.Toast

/**
 * The launcher's screen: sets the keyboard up, chooses its model, shows what it costs, and forgets.
 */
class SettingsActivity : Activity() {
    private lateinit var preferences: Preferences
    private lateinit var parts: Parts
    private lateinit var panel: MeasurementsPanel

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.settings)
        preferences = Preferences(this)
        parts = KeyboardApplication.parts(this)
        panel = MeasurementsPanel(view<View>(R.id.settings))
        press(R.id.enable) { startActivity(Intent(Settings.ACTION_INPUT_METHOD_SETTINGS)) }
        press(R.id.choose) { inputMethods().showInputMethodPicker() }
        press(R.id.wipe) { askToWipe() }
        press(R.id.card) { startActivity(Intent(this, CardActivity::class.java)) }
        switch(R.id.learn, preferences.learning) {
            preferences.learning = it
            parts.personalWords.learning = it
        }
        switch(R.id.offensive, preferences.offensive) { preferences.offensive = it }
        switch(R.id.haptics, preferences.haptics) { preferences.haptics = it }
        showBundles()
    }

    override fun onResume() {
        super.onResume()
        panel.start()
    }

    override fun onPause() {
        panel.stop()
        super.onPause()
    }

    /** The picker is a window above this one: when it goes, the keyboard may have been chosen. */
    override fun onWindowFocusChanged(hasFocus: Boolean) {
        super.onWindowFocusChanged(hasFocus)
        if (hasFocus) showSteps()
    }

    private fun showSteps() {
        val isOn = inputMethods().enabledInputMethodList.any { it.packageName == packageName }
        val chosen =
            Settings.Secure.getString(contentResolver, Settings.Secure.DEFAULT_INPUT_METHOD)
        val isChosen = chosen?.startsWith("$packageName/") == true
        view<Button>(R.id.enable)
            .setText(if (isOn) R.string.is_enabled else R.string.enable_keyboard)
        view<Button>(R.id.choose).apply {
            setText(if (isChosen) R.string.is_chosen else R.string.choose_keyboard)
            isEnabled = isOn
        }
    }

    private fun showBundles() {
        val group = view<RadioGroup>(R.id.bundles)
        val all = parts.bundles.all()
        view<View>(R.id.no_bundles).visibility = if (all.isEmpty()) View.VISIBLE else View.GONE
        val chosen = all.indexOfFirst { it.name == preferences.bundle }.coerceAtLeast(0)
        all.forEachIndexed { i, bundle ->
            val button =
                RadioButton(this).apply {
                    id = View.generateViewId()
                    text = getString(R.string.bundle_line, bundle.name, bundle.description)
                    minHeight = resources.getDimensionPixelSize(R.dimen.touch)
                    setOnClickListener { preferences.bundle = bundle.name }
                }
            group.addView(
                button,
                RadioGroup.LayoutParams.MATCH_PARENT,
                RadioGroup.LayoutParams.WRAP_CONTENT,
            )
            if (i == chosen) group.check(button.id)
        }
    }

    private fun askToWipe() {
        AlertDialog.Builder(this)
            .setMessage(R.string.wipe_question)
            .setNegativeButton(android.R.string.cancel, null)
            .setPositiveButton(R.string.wipe_now) { _, _ ->
                parts.personalWords.wipe()
                Toast.makeText(this, R.string.wiped, Toast.LENGTH_SHORT).show()
            }
            .show()
    }

    private fun press(id: Int, act: () -> Unit) = view<View>(id).setOnClickListener { act() }

    private fun switch(id: Int, isOn: Boolean, set: (Boolean) -> Unit) {
        val switch = view<Switch>(id)
        switch.isChecked = isOn
        switch.setOnCheckedChangeListener { _: CompoundButton, checked -> set(checked) }
    }

    private fun inputMethods() =
        getSystemService(Context.INPUT_METHOD_SERVICE) as InputMethodManager
}
