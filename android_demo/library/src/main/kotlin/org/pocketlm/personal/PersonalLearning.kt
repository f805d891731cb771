package org.pocketlm.personal

import org.pocketlm.session.PersonalWordsControl

/** The words a person taught, and whether more are learnt; see [PersonalWordsControl]. */
class PersonalLearning(internal val words: PersonalWords, learning: Boolean) : PersonalWordsControl {
    @Volatile
    override var learning: Boolean = learning

    override fun knows(word: String): Boolean = word in words

    override var forgotten: (() -> Unit)? = null

    override fun forget(word: String) {
        words.forget(word)
        forgotten?.invoke()
    }

    override fun wipe() {
        words.wipe()
        forgotten?.invoke()
    }
}
