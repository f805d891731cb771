package org.pocketlm.suggest

import java.util.Random
import kotlin.math.ln
import org.pocketlm.SentencePieceWriter
import org.pocketlm.engine.Engine
import org.pocketlm.engine.Step
import org.pocketlm.text.Tokenizer
import org.pocketlm.text.WORD_START

/** A random distribution after each token, in which most words end soon. The state is the token. */
internal class Bigram(private val tokenizer: Tokenizer, seed: Long) : Engine {
    override val vocabularySize = tokenizer.vocabularySize
    var steps = 0
    private val table: Array<FloatArray>

    init {
        val random = Random(seed)
        table = Array(vocabularySize) {
            FloatArray(vocabularySize) { next ->
                val ends = next == tokenizer.endId || tokenizer.piece(next)[0] == WORD_START
                (2.5 * random.nextGaussian() + if (ends) 3 else 0).toFloat()
            }
        }
    }

    fun logits(token: Int): FloatArray = table[token]

    override fun initialState() = FloatArray(1)

    override fun step(token: Int, state: FloatArray): Step {
        steps++
        return Step(table[token].copyOf(), floatArrayOf(token.toFloat()))
    }

    override fun close() = Unit
}

/**
 * Says the same after every text: some words, likeliest first, each spelt letter by letter. The
 * state is the number of a text that was read.
 */
internal class Spoken(
    private val tokenizer: Tokenizer,
    private val words: Map<String, Double>,
) : Engine {
    override val vocabularySize = tokenizer.vocabularySize
    private val texts = ArrayList<String>()
    val steps get() = texts.size

    override fun initialState() = floatArrayOf(-1f)

    override fun step(token: Int, state: FloatArray): Step {
        val before = texts.getOrNull(state[0].toInt())
        texts += if (before == null) "" else read(before, token)
        return Step(logits(texts.last()), floatArrayOf(texts.size - 1f))
    }

    private fun read(before: String, token: Int): String {
        val text = before + tokenizer.piece(token).replace(WORD_START, ' ')
        return if (text.startsWith(" ")) text else " $text"
    }

    /** All that may follow the last word of the text, by the words that begin with it. */
    private fun logits(text: String): FloatArray {
        val begun = text.substringAfterLast(' ')
        val goingOn = words.filterKeys { it.startsWith(begun) && it != begun }
        val weights = DoubleArray(vocabularySize) { 1e-9 }
        if (text.isNotEmpty()) {
            for ((word, weight) in goingOn) weights[id(word[begun.length].toString())] += weight
        }
        if (begun in words || goingOn.isEmpty() || text.isEmpty()) {
            weights[id(WORD_START.toString())] += words[begun] ?: 1.0
        }
        return FloatArray(vocabularySize) { ln(weights[it]).toFloat() }
    }

    private fun id(piece: String) = (0 until vocabularySize).first { tokenizer.piece(it) == piece }

    override fun close() = Unit
}

/** Says these pieces, whatever went before. */
internal class Constant(
    private val tokenizer: Tokenizer,
    private val pieces: Map<String, Double>,
) : Engine {
    override val vocabularySize = tokenizer.vocabularySize

    override fun initialState() = FloatArray(1)

    override fun step(token: Int, state: FloatArray) = Step(
        FloatArray(vocabularySize) { ln(pieces[tokenizer.piece(it)] ?: 1e-9).toFloat() },
        state,
    )

    override fun close() = Unit
}

internal object Vocabularies {
    /** Every letter, with and without a space before it, and some longer pieces. */
    val letters: Tokenizer = Tokenizer.parse(
        SentencePieceWriter.of(
            listOf("▁") + "etaoinshrdlucmfwypvbgkjqxz'.IDPT".map { it.toString() },
        ),
    )
    val pieces: Tokenizer = Tokenizer.parse(
        SentencePieceWriter.of(
            ("▁the ▁you ▁I ▁a ▁see ▁to ▁w ▁t ▁s ▁Let ▁don ▁it ▁The ▁ e t a o i n s h r d l u w " +
                "y ' ing ou hat en re 't 's ll om You . , ? - see don Do ee").split(" "),
        ),
    )
}
