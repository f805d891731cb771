package org.pocketlm.keyboard

import org.pocketlm.session.PersonalWordsControl
import org.pocketlm.session.Suggestions
import org.pocketlm.suggest.Suggestion
import org.pocketlm.text.splitContext

/**
 * Suggestions of a few words, the earlier the likelier, that go on the word being typed. When
 * [slow], answers wait for [answer].
 */
internal class FakeSuggestions(var words: List<String>) : Suggestions {
    override var state = Suggestions.State.READY
    override var failure: String? = null
    var slow = false
    var isClosed = false
    val asked = ArrayList<Pair<String, Boolean>>()
    val finished = ArrayList<Pair<String, Boolean>>()
    private var waiting: (() -> Unit)? = null

    override fun request(
        textBefore: String,
        privateSession: Boolean,
        answer: (List<Suggestion>) -> Unit,
    ) {
        check(!isClosed)
        asked += textBefore to privateSession
        val prefix = splitContext(textBefore).second
        val fitting = words.filter { it.startsWith(prefix, ignoreCase = true) }
        val give = { answer(fitting.take(3).map { Suggestion(it, 0.25) }) }
        if (slow) waiting = give else give()
    }

    /** The model has got round to the newest request. */
    fun answer() {
        waiting?.invoke()
        waiting = null
    }

    override fun cancel() {
        waiting = null
    }

    override fun finished(word: String, privateSession: Boolean) {
        finished += word to privateSession
    }

    override fun close() {
        isClosed = true
    }
}

internal class FakePersonalWords : PersonalWordsControl {
    override var learning = false
    val words = mutableSetOf<String>()

    override fun knows(word: String) = word in words

    override var forgotten: (() -> Unit)? = null

    override fun forget(word: String) {
        words -= word
        forgotten?.invoke()
    }

    override fun wipe() {
        words.clear()
        forgotten?.invoke()
    }
}

internal class FakeParts(val fake: FakeSuggestions) : Parts {
    override var bundles =
        object : BundleChoices {
            override fun all() =
                listOf(
                    BundleChoice("small", "English, 5 MB, for old phones"),
                    BundleChoice("large", "English, 21 MB, better suggestions"),
                )
        }
    override val personalWords = FakePersonalWords()
    var opened = 0

    override fun suggestions(preferences: Preferences): Suggestions {
        opened++
        fake.isClosed = false
        return fake
    }
}
