package org.pocketlm.suggest

/** A whole word, and its probability after what was typed before it. */
data class Suggestion(val word: String, val probability: Double)
