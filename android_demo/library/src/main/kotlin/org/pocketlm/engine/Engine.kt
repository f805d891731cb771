package org.pocketlm.engine

import java.io.File

/**
 * A recurrent network that reads one token at a time.
 *
 * Thread: an engine belongs to the thread that opened it; all calls and [close] come from there.
 * Lifetime: no call after [close]. State: the engine keeps none between calls, so that a caller may
 * go back to an earlier state, or go on from one twice. Nothing that is fed is stored or sent.
 */
interface Engine : AutoCloseable {
    val vocabularySize: Int

    /** The state before anything is read; the first token to feed is the end token. */
    fun initialState(): FloatArray

    /** The logits of the next token and the new state; both arrays are the caller's. */
    fun step(token: Int, state: FloatArray): Step

    override fun close()
}

class Step(val logits: FloatArray, val state: FloatArray)

/** Opens `model.pte`, memory-mapped. Throws [EngineException] if it cannot be run. */
fun interface EngineFactory {
    fun open(program: File): Engine
}

class EngineException(message: String, cause: Throwable? = null) : Exception(message, cause)
