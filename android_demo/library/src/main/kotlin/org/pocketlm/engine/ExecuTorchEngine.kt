package org.pocketlm.engine

import java.io.File
import java.nio.FloatBuffer
import java.nio.LongBuffer
import org.pytorch.executorch.DType
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor

/**
 * A program run by ExecuTorch, on the calling thread alone.
 *
 *     initial_state() -> state float32 [L, 1, H]
 *     forward(token int64 [1, 1], state float32 [L, 1, H]) -> (logits float32 [1, V], state)
 *
 * The file is mapped, so that its weights are pages that Android may drop and read again; it must
 * stay as it is until [close]. What a step is fed lies in buffers outside of the Java heap that all
 * steps share. Every failure is an [EngineException] of one line.
 */
class ExecuTorchEngine private constructor(private val module: Module, file: File) : Engine {
    private val name = file.path
    private val initial: FloatArray
    private val stateShape: LongArray // [L, 1, H]
    private val tokenInput: LongBuffer = Tensor.allocateLongBuffer(1)
    private val stateInput: FloatBuffer
    private val token = EValue.from(Tensor.fromBlob(tokenInput, longArrayOf(1, 1)))
    private val state: EValue

    override val vocabularySize: Int

    init {
        val start = floatTensor(execute(INITIAL_STATE, 1)[0], "the initial state")
        stateShape = start.shape()
        if (stateShape.size != 3 || stateShape[1] != 1L) {
            throw EngineException("$name: its initial state is not of shape [L, 1, H]")
        }
        initial = start.dataAsFloatArray
        stateInput = Tensor.allocateFloatBuffer(initial.size)
        state = EValue.from(Tensor.fromBlob(stateInput, stateShape))
        // A step that is thrown away: it says how many tokens there are, and that the program runs.
        vocabularySize = forward(0, initial).logits.size
    }

    override fun initialState(): FloatArray = initial.copyOf()

    override fun step(token: Int, state: FloatArray): Step {
        if (token !in 0 until vocabularySize) {
            throw EngineException("token $token is not one of $name's $vocabularySize")
        }
        if (state.size != initial.size) {
            throw EngineException("a state of $name has ${initial.size} numbers, not ${state.size}")
        }
        return forward(token, state)
    }

    /** Gives the mapped file and the program's memory back; a second call does nothing. */
    override fun close() = module.destroy()

    private fun forward(token: Int, state: FloatArray): Step {
        tokenInput.put(0, token.toLong())
        stateInput.clear()
        stateInput.put(state)
        val outputs = execute(FORWARD, 2, this.token, this.state)
        val logits = floatTensor(outputs[0], "the logits")
        val next = floatTensor(outputs[1], "the state")
        val shape = logits.shape()
        if (shape.size != 2 || shape[0] != 1L || !next.shape().contentEquals(stateShape)) {
            throw EngineException("$name: $FORWARD gives other shapes than [1, V] and the state's")
        }
        // Copies: the outputs lie in the program's own memory, which the next step overwrites.
        return Step(logits.dataAsFloatArray, next.dataAsFloatArray)
    }

    private fun execute(method: String, outputs: Int, vararg inputs: EValue): Array<EValue> {
        val found = orEngineException(name) { module.execute(method, *inputs) }
        if (found.size != outputs) {
            throw EngineException("$name: $method gives ${found.size} values, not $outputs")
        }
        return found
    }

    private fun floatTensor(value: EValue, what: String): Tensor {
        if (!value.isTensor || value.toTensor().dtype() != DType.FLOAT) {
            throw EngineException("$name: $what is not a tensor of float32")
        }
        return value.toTensor()
    }

    companion object : EngineFactory {
        private const val INITIAL_STATE = "initial_state"
        private const val FORWARD = "forward"

        override fun open(program: File): ExecuTorchEngine {
            val module =
                orEngineException(program.path) {
                    Module.load(program.path, Module.LOAD_MODE_MMAP, 1)
                }
            try {
                return ExecuTorchEngine(module, program)
            } catch (failure: EngineException) {
                module.destroy()
                throw failure
            }
        }
    }
}

/** Runs [body]; what ExecuTorch throws, also where its library is missing, becomes one line. */
private inline fun <T> orEngineException(name: String, body: () -> T): T {
    try {
        return body()
    } catch (failure: RuntimeException) {
        throw engineException(name, failure)
    } catch (failure: LinkageError) {
        throw engineException(name, failure)
    }
}

private fun engineException(name: String, cause: Throwable): EngineException {
    val reason = (cause.message ?: cause.javaClass.simpleName).replace(Regex("\\s+"), " ").trim()
    return EngineException("$name cannot be run: $reason", cause)
}
