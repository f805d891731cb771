package org.pocketlm.suggest

import kotlin.math.exp
import org.pocketlm.text.Tokenizer
import org.pocketlm.text.WORD_START
import org.pocketlm.text.fold
import org.pocketlm.text.isBoundary
import org.pocketlm.text.isInner
import org.pocketlm.text.isLetter
import org.pocketlm.text.skip
import org.pocketlm.text.withoutApostrophes

/**
 * Every folded word of at most seven pieces and its probability, by the definition.
 *
 * @param starts whether the word begins with a piece that starts a word.
 */
internal class Exhaustive(
    private val engine: Bigram,
    private val tokenizer: Tokenizer,
    prefix: String,
    private val starts: Boolean,
) {
    private class Piece(val id: Int, val starts: Boolean, val text: String, val key: String)

    private val target = fold(prefix)
    private val pieces = (0 until tokenizer.vocabularySize).filter { tokenizer.isText(it) }.map {
        val text = tokenizer.piece(it).removePrefix("▁")
        Piece(it, tokenizer.piece(it)[0] == WORD_START, text, keyOf(text))
    }.filter { piece -> skip(piece.text, 0) { isInner(it) } == piece.text.length }
    private val boundaries = (0 until tokenizer.vocabularySize).filter { isBoundary(tokenizer, it) }
    private val probabilities = HashMap<Int, DoubleArray>()
    private val words = HashMap<String, Double>()

    fun from(last: Int): Map<String, Double> {
        visit("", "", last, 1.0, 0)
        return words
    }

    private fun visit(text: String, begun: String, token: Int, probability: Double, depth: Int) {
        val word = text.isNotEmpty() && isLetter(text[0].code) && isLetter(text.last().code)
        if (word && begun.startsWith(target)) {
            val whole = probability * boundaries.sumOf { after(token)[it] }
            words[fold(text)] = (words[fold(text)] ?: 0.0) + whole
        }
        if (depth == DEPTH) return
        for (piece in pieces) {
            val longer = begun + piece.key
            val fits = longer.startsWith(target) || target.startsWith(longer)
            if (piece.starts != (starts && depth == 0) || !fits) continue
            val step = probability * after(token)[piece.id]
            if (step > UNLIKELY) visit(text + piece.text, longer, piece.id, step, depth + 1)
        }
    }

    private fun after(token: Int): DoubleArray = probabilities.getOrPut(token) {
        val weights = engine.logits(token).map { exp(it.toDouble()) }
        DoubleArray(weights.size) { weights[it] / weights.sum() }
    }

    private fun keyOf(text: String) =
        if ('\'' in target) fold(text) else withoutApostrophes(fold(text))

    private companion object {
        const val DEPTH = 7
        const val UNLIKELY = 1e-7
    }
}
