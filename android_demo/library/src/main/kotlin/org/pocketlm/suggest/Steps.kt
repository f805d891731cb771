package org.pocketlm.suggest

import kotlin.math.exp
import kotlin.math.ln
import org.pocketlm.engine.Engine
import org.pocketlm.engine.EngineException
import org.pocketlm.engine.Step

/**
 * The distribution of the next token, from a network's logits.
 *
 * @param boundaries which tokens finish a word.
 */
internal class Distribution(private val logits: FloatArray, boundaries: BooleanArray) {
    private val logSum: Double

    /** The natural log-probability that the word is finished here. */
    val logBoundary: Double

    init {
        var largest = logits[0]
        for (logit in logits) if (logit > largest) largest = logit
        var sum = 0.0
        var ending = 0.0
        for (token in logits.indices) {
            val share = exp((logits[token] - largest).toDouble())
            sum += share
            if (boundaries[token]) ending += share
        }
        if (sum.isNaN() || largest.isInfinite()) {
            throw EngineException("the network's output is not finite")
        }
        logSum = largest + ln(sum)
        logBoundary = ln(ending / sum)
    }

    /** The natural log-probability of a token, in single precision as in Python. */
    fun log(token: Int): Float = (logits[token] - logSum).toFloat()
}

/**
 * States and distributions after tokens, the most recently used of them kept.
 *
 * A keyboard asks after each key, mostly for a context that it has just asked for, or for one that
 * begins alike: a letter deleted, a word changed in the middle, the cursor put back. What is
 * answered does not depend on what was kept.
 *
 * Thread: the engine's.
 */
internal class Steps(
    private val engine: Engine,
    private val endToken: Int,
    private val boundaries: BooleanArray,
    private val most: Int = KEPT_STEPS,
) {
    private val start: Kept by lazy(LazyThreadSafetyMode.NONE) {
        Kept(IntArray(0), 0, engine.step(endToken, engine.initialState()))
    }
    private val kept = ArrayList<Kept>() // the one used last at the end

    /** The distribution after the tokens of a text; the array has to stay as it is. */
    fun after(tokens: IntArray): Distribution {
        var step = longestKept(tokens) ?: start
        for (count in step.length + 1..tokens.size) {
            step = Kept(tokens, count, engine.step(tokens[count - 1], step.state))
            if (kept.size == most) kept.removeAt(0)
            kept.add(step)
        }
        return step.distribution
    }

    /** Drops all that is kept of texts. */
    fun clear() = kept.clear()

    private fun longestKept(tokens: IntArray): Kept? {
        var longest = -1
        for (i in kept.indices.reversed()) {
            val known = if (longest < 0) 0 else kept[longest].length
            if (kept[i].length > known && kept[i].begins(tokens)) longest = i
        }
        if (longest < 0) return null
        return kept.removeAt(longest).also { kept.add(it) }
    }

    /** A step of the network: some 37 KiB, a hidden state and the logits. */
    private inner class Kept(private val tokens: IntArray, val length: Int, step: Step) {
        val state = step.state

        /** Made when it is asked for, as for most tokens of a context it never is. */
        val distribution by lazy(LazyThreadSafetyMode.NONE) {
            Distribution(step.logits, boundaries)
        }

        fun begins(text: IntArray): Boolean {
            if (length > text.size) return false
            // From the end, where ways to go on from the same context differ.
            for (i in length - 1 downTo 0) if (tokens[i] != text[i]) return false
            return true
        }
    }

    companion object {
        const val KEPT_STEPS = 64
    }
}
