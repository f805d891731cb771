package org.pocketlm.keyboard

import org.pocketlm.session.PersonalWordsControl
import org.pocketlm.session.Suggestions
import org.pocketlm.suggest.Suggestion

/** A build without a model: the keyboard types, and says why it suggests nothing. */
internal object NoParts : Parts {
    override val bundles =
        object : BundleChoices {
            override fun all(): List<BundleChoice> = emptyList()
        }

    override val personalWords =
        object : PersonalWordsControl {
            override var learning = false

            override var forgotten: (() -> Unit)? = null

        override fun knows(word: String) = false

            override fun forget(word: String) = Unit

            override fun wipe() = Unit
        }

    override fun suggestions(preferences: Preferences) =
        object : Suggestions {
            override val state = Suggestions.State.FAILED
            override val failure = "no model in this build"

            override fun request(
                textBefore: String,
                privateSession: Boolean,
                answer: (List<Suggestion>) -> Unit,
            ) = Unit

            override fun cancel() = Unit

            override fun finished(word: String, privateSession: Boolean) = Unit

            override fun close() = Unit
        }
}
