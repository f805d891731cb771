package org.pocketlm.suggest

import org.pocketlm.text.fold
import org.pocketlm.text.isSpace
import org.pocketlm.text.skip

/** Words that are never suggested. They may be typed, and then are context like any other. */
object Blocklist {
    private const val POSSESSIVE = "'s"

    /** The words of a text, between white space, folded. */
    fun parse(text: String): Set<String> {
        val words = HashSet<String>()
        var start = skip(text, 0) { isSpace(it) }
        while (start < text.length) {
            val stop = skip(text, start) { !isSpace(it) }
            words.add(fold(text.substring(start, stop)))
            start = skip(text, stop) { isSpace(it) }
        }
        return words
    }

    /** Whether a folded word, or what it is the possessive of, is among the blocked ones. */
    internal fun isBlocked(folded: String, blocked: Set<String>): Boolean =
        folded in blocked || folded.removeSuffix(POSSESSIVE) in blocked
}
