package org.pocketlm.keyboard

import android.app.Activity
import android.graphics.Bitmap
import android.graphics.Canvas
import android.text.InputType
import android.view.View
import android.view.inputmethod.EditorInfo
import java.io.File
import org.junit.After
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.pocketlm.session.Stats
import org.pocketlm.session.Suggestions
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode

/** Draws the keyboard as a device would, into the folder `pocketlm.pictures`, to be looked at. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], qualifiers = "en-rGB-w411dp-h891dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class KeyboardPicturesTest {
    private val folder = File(System.getProperty("pocketlm.pictures") ?: "target/pictures")
    private val sentences = Desk.TEXT or InputType.TYPE_TEXT_FLAG_CAP_SENTENCES

    @Before
    fun somethingMeasured() {
        for (i in 1..200) {
            Stats.step.record(1_000_000L + 4_000L * i)
            Stats.suggestion.record(9_000_000L + 60_000L * i)
        }
    }

    @After
    fun nothingMeasured() {
        Stats.step.clear()
        Stats.suggestion.clear()
    }

    @Test fun light() = keyboard("light", Desk().apply { type("se") })

    @Test
    @Config(qualifiers = "+night")
    fun dark() =
        keyboard("dark", Desk(inputType = sentences, imeOptions = EditorInfo.IME_ACTION_SEND))

    @Test
    fun pressed() {
        val desk = Desk().apply { type("se") }
        desk.down(desk.key("o"))
        keyboard("pressed", desk)
    }

    @Test
    @Config(qualifiers = "+night")
    fun accents() {
        val desk = Desk().apply { type("caf") }
        desk.down(desk.key("e"))
        desk.pause(600)
        desk.slide(desk.key("r").face.centerX(), 0f)
        keyboard("accents", desk)
    }

    @Test
    @Config(qualifiers = "w891dp-h411dp-land-xhdpi")
    fun landscape() =
        keyboard(
            "landscape",
            Desk(imeOptions = EditorInfo.IME_ACTION_SEARCH).apply { type("the se") },
        )

    @Test fun symbols() = keyboard("symbols", Desk().apply { tap(Action.Show(Board.SYMBOLS)) })

    @Test
    fun moreSymbols() =
        keyboard(
            "more-symbols",
            Desk(imeOptions = EditorInfo.IME_ACTION_DONE).apply {
                tap(Action.Show(Board.SYMBOLS))
                tap(Action.Show(Board.MORE_SYMBOLS))
            },
        )

    @Test
    fun capsLock() =
        keyboard(
            "caps-lock",
            Desk().apply {
                service.otherKeyboards = true
                focus()
                tap(Action.Shift)
                tap(Action.Shift)
            },
        )

    @Test
    fun numbers() =
        keyboard(
            "numbers",
            Desk(inputType = InputType.TYPE_CLASS_NUMBER, imeOptions = EditorInfo.IME_ACTION_NEXT),
        )

    @Test
    fun phone() =
        keyboard(
            "phone",
            Desk(inputType = InputType.TYPE_CLASS_PHONE, imeOptions = EditorInfo.IME_ACTION_GO),
        )

    @Test
    fun longSuggestions() =
        keyboard(
            "long-suggestions",
            Desk(
                    words =
                        listOf(
                            "incomprehensibilities",
                            "incomprehensible",
                            "Inkompatibilitätserklärungsversuche",
                        )
                )
                .apply { type("in") },
        )

    @Test
    fun forgetting() {
        val desk = Desk().apply { type("se") }
        desk.parts.personalWords.words += "seven"
        desk.hold("seven")
        keyboard("forget", desk)
    }

    @Test
    fun failed() {
        val desk = Desk()
        desk.suggestions.state = Suggestions.State.FAILED
        desk.suggestions.failure = "model.pte is not what its manifest says"
        desk.type("se")
        keyboard("failed", desk)
    }

    @Test
    @Config(qualifiers = "ar-ldrtl-w411dp-h891dp-xhdpi")
    fun rightToLeftArabic() = rightToLeft("rtl-arabic", listOf("مرحبا", "السلام عليكم", "شكرا"))

    @Test
    @Config(qualifiers = "iw-ldrtl-w411dp-h891dp-night-xhdpi")
    fun rightToLeftHebrew() = rightToLeft("rtl-hebrew", listOf("שלום", "תודה", "בוקר"))

    @Test fun settings() = activity("settings", SettingsActivity::class.java)

    @Test
    @Config(qualifiers = "de-rDE-w411dp-h891dp-night-xhdpi")
    fun settingsDark() = activity("settings-dark-german", SettingsActivity::class.java)

    @Test fun card() = activity("card", CardActivity::class.java)

    private fun rightToLeft(name: String, words: List<String>) {
        val desk = Desk(words = words)
        desk.panel.layoutDirection = View.LAYOUT_DIRECTION_RTL
        desk.pause(1)
        keyboard(name, desk)
    }

    private fun keyboard(name: String, desk: Desk) = picture(name, desk.panel)

    private fun <T : Activity> activity(name: String, type: Class<T>) {
        val desk = Desk()
        check(RuntimeEnvironment.getApplication() === desk.service.application)
        picture(
            name,
            Robolectric.buildActivity(type).setup().windowFocusChanged(true).get().window.decorView,
        )
    }

    private fun picture(name: String, view: View) {
        val picture = Bitmap.createBitmap(view.width, view.height, Bitmap.Config.ARGB_8888)
        view.draw(Canvas(picture))
        folder.mkdirs()
        val file = File(folder, "$name.png")
        file.outputStream().use { picture.compress(Bitmap.CompressFormat.PNG, 100, it) }
        val colours =
            (0 until picture.width step 7)
                .flatMap { x ->
                    (0 until picture.height step 7).map { y -> picture.getPixel(x, y) }
                }
                .toSet()
        assertTrue("$name is one colour", colours.size > 3)
    }
}
