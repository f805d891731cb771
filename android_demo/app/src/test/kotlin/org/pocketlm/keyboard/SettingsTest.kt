package org.pocketlm.keyboard

import android.app.AlertDialog
import android.content.ComponentName
import android.content.Intent
import android.content.pm.PackageManager
import android.graphics.Insets
import android.os.Looper
import android.provider.Settings
import android.view.View
import android.view.WindowInsets
import android.widget.RadioButton
import android.widget.RadioGroup
import android.widget.Switch
import android.widget.TextView
import java.time.Duration
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.pocketlm.session.Stats
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowAlertDialog

@RunWith(RobolectricTestRunner::class)
@Config(sdk = [26, 35], qualifiers = "w411dp-h891dp-xxhdpi")
class SettingsTest {
    private val application = RuntimeEnvironment.getApplication() as KeyboardApplication
    private val parts = FakeParts(FakeSuggestions(emptyList())).also { application.parts = it }
    private val preferences = Preferences(application)

    private fun open() =
        Robolectric.buildActivity(SettingsActivity::class.java).setup().windowFocusChanged(true)

    private fun SettingsActivity.text(id: Int) = "${view<TextView>(id).text}"

    @After
    fun forgetMeasurements() {
        Stats.step.clear()
        Stats.suggestion.clear()
    }

    @Test
    fun `the steps lead to the device's own settings`() {
        val activity = open().get()
        activity.view<View>(R.id.enable).performClick()
        assertEquals(
            Settings.ACTION_INPUT_METHOD_SETTINGS,
            shadowOf(activity).nextStartedActivity.action,
        )
        assertFalse("first things first", activity.view<View>(R.id.choose).isEnabled)
    }

    @Test
    fun `a chosen bundle is kept`() {
        val bundles = open().get().view<RadioGroup>(R.id.bundles)
        assertEquals(2, bundles.childCount)
        assertTrue("the first is the default", (bundles.getChildAt(0) as RadioButton).isChecked)
        bundles.getChildAt(1).performClick()
        assertEquals("large", preferences.bundle)
        val again = open().get().view<RadioGroup>(R.id.bundles)
        assertTrue((again.getChildAt(1) as RadioButton).isChecked)
    }

    @Test
    fun `a build without a model says so`() {
        assertEquals(View.GONE, open().get().view<View>(R.id.no_bundles).visibility)
        application.parts = NoParts
        assertEquals(View.VISIBLE, open().get().view<View>(R.id.no_bundles).visibility)
    }

    @Test
    fun `speed is shown every second while one looks`() {
        val controller = open()
        val activity = controller.get()
        assertEquals("–", activity.text(R.id.step))
        Stats.step.record(1_500_000)
        shadowOf(Looper.getMainLooper()).idleFor(Duration.ofSeconds(1))
        assertEquals("1.50 / 1.50 ms", activity.text(R.id.step))
        controller.pause()
        Stats.step.record(9_000_000)
        shadowOf(Looper.getMainLooper()).idleFor(Duration.ofSeconds(5))
        assertEquals("1.50 / 1.50 ms", activity.text(R.id.step))
    }

    @Test
    fun `switches are kept, and learning is off by default`() {
        val activity = open().get()
        val learn = activity.view<Switch>(R.id.learn)
        assertFalse(learn.isChecked)
        learn.performClick()
        assertTrue(preferences.learning && parts.personalWords.learning)
        activity.view<Switch>(R.id.offensive).performClick()
        assertTrue(preferences.offensive)
        activity.view<Switch>(R.id.haptics).performClick()
        assertFalse(preferences.haptics)
    }

    @Test
    fun `learnt words are wiped when one confirms it`() {
        parts.personalWords.words += "seven"
        val activity = open().get()
        for ((button, left) in
            listOf(AlertDialog.BUTTON_NEGATIVE to 1, AlertDialog.BUTTON_POSITIVE to 0)) {
            activity.view<View>(R.id.wipe).performClick()
            ShadowAlertDialog.getLatestAlertDialog().getButton(button).performClick()
            shadowOf(Looper.getMainLooper()).idle()
            assertEquals(left, parts.personalWords.words.size)
        }
    }

    @Test
    fun `the card opens`() {
        val activity = open().get()
        activity.view<View>(R.id.card).performClick()
        assertEquals(
            ComponentName(activity, CardActivity::class.java),
            shadowOf(activity).nextStartedActivity.component,
        )
        val card = Robolectric.buildActivity(CardActivity::class.java).setup().get()
        assertTrue("${card.view<TextView>(R.id.card).text}".isNotEmpty())
    }

    @Test
    fun `the app asks for no permission, and a keyboard is what it is`() {
        val manager = application.packageManager
        @Suppress("DEPRECATION")
        val info = manager.getPackageInfo(application.packageName, PackageManager.GET_PERMISSIONS)
        assertTrue(info.requestedPermissions.isNullOrEmpty())
        val intent = Intent("android.view.InputMethod")
        @Suppress("DEPRECATION")
        val service =
            manager.queryIntentServices(intent, PackageManager.GET_META_DATA).single().serviceInfo
        assertEquals("android.permission.BIND_INPUT_METHOD", service.permission)
        assertEquals(R.xml.method, service.metaData.getInt("android.view.im"))
    }

    @Test
    @Config(sdk = [35])
    fun `the keys keep clear of bars and cut-outs`() {
        val panel = Desk().panel
        val insets =
            WindowInsets.Builder()
                .setInsets(WindowInsets.Type.navigationBars(), Insets.of(0, 0, 0, 72))
                .setInsets(WindowInsets.Type.displayCutout(), Insets.of(90, 0, 0, 0))
                .build()
        panel.dispatchApplyWindowInsets(insets)
        assertEquals(90, panel.paddingLeft)
        assertTrue(panel.paddingBottom >= 72)
    }
}
