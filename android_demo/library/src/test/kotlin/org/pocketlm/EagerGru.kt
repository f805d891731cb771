package org.pocketlm

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel
import java.nio.file.StandardOpenOption
import kotlin.math.exp
import kotlin.math.tanh
import org.pocketlm.engine.Engine
import org.pocketlm.engine.EngineFactory
import org.pocketlm.engine.Step

/**
 * The network of `model/language_model.py` in plain Kotlin, for tests without native code.
 *
 * It reads the `weights.f32` beside a program: the shipped float16 weights, rounded to int8 as the
 * exporter rounds. The program's own were rounded from float32, so that the two differ by a little.
 */
class EagerGru private constructor(file: ByteBuffer) : Engine {
    override val vocabularySize = file.getInt()
    private val embeddingSize = file.getInt()
    private val hiddenSize = file.getInt()
    private val layers = file.getInt()
    private val projected = file.getInt() == 1
    private val initial = file.floats(layers * hiddenSize)
    private val fromInput = ArrayList<Matrix>()
    private val fromState = ArrayList<Matrix>()
    private val projection: Matrix
    private val embedding: Matrix

    init {
        for (layer in 0 until layers) {
            val inputs = if (layer == 0) embeddingSize else hiddenSize
            fromInput += Matrix(file, 3 * hiddenSize, inputs, bias = true)
            val read = if (projected) embeddingSize else hiddenSize
            fromState += Matrix(file, 3 * hiddenSize, read, bias = true)
        }
        projection = Matrix(file, embeddingSize, hiddenSize, bias = true)
        embedding = Matrix(file, vocabularySize, embeddingSize, bias = false)
        check(!file.hasRemaining()) { "the weights are longer than they say" }
    }

    override fun initialState(): FloatArray = initial.copyOf()

    override fun step(token: Int, state: FloatArray): Step {
        var x = embedding.row(token)
        val next = FloatArray(state.size)
        for (layer in 0 until layers) {
            val from = layer * hiddenSize
            val h = state.copyOfRange(from, from + hiddenSize)
            val read = if (projected) projection.times(h) else h
            x = advance(fromInput[layer].times(x), fromState[layer].times(read), h)
            x.copyInto(next, from)
        }
        return Step(embedding.times(projection.times(x)), next)
    }

    override fun close() = Unit

    /** The new state [H] from W x + b [3H], U h + c [3H] and h [H]; gates in the order r, z, n. */
    private fun advance(input: FloatArray, recurrent: FloatArray, h: FloatArray): FloatArray {
        val size = hiddenSize
        return FloatArray(size) { i ->
            val r = sigmoid(input[i] + recurrent[i])
            val z = sigmoid(input[size + i] + recurrent[size + i])
            val n = tanh(input[2 * size + i] + r * recurrent[2 * size + i])
            n + z * (h[i] - n)
        }
    }

    private fun sigmoid(x: Float): Float = 1 / (1 + exp(-x))

    /** A matrix [N, K] and, where it has one, its bias [N]. */
    private class Matrix(
        file: ByteBuffer,
        private val rows: Int,
        private val columns: Int,
        bias: Boolean,
    ) {
        private val weights = file.floats(rows * columns)
        private val bias = if (bias) file.floats(rows) else FloatArray(rows)

        fun row(i: Int): FloatArray = weights.copyOfRange(i * columns, (i + 1) * columns)

        fun times(x: FloatArray): FloatArray {
            check(x.size == columns && columns % 4 == 0)
            return FloatArray(rows) { bias[it] + dot(it * columns, x) }
        }

        /** In four sums, which a processor can make at the same time. */
        private fun dot(start: Int, x: FloatArray): Float {
            var a = 0f
            var b = 0f
            var c = 0f
            var d = 0f
            for (i in 0 until columns step 4) {
                a += weights[start + i] * x[i]
                b += weights[start + i + 1] * x[i + 1]
                c += weights[start + i + 2] * x[i + 2]
                d += weights[start + i + 3] * x[i + 3]
            }
            return a + b + (c + d)
        }
    }

    companion object : EngineFactory {
        /** Opens the `weights.f32` that lies beside a program. */
        override fun open(program: File): EagerGru {
            val weights = program.resolveSibling("weights.f32")
            FileChannel.open(weights.toPath(), StandardOpenOption.READ).use { channel ->
                val file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size())
                return EagerGru(file.order(ByteOrder.LITTLE_ENDIAN))
            }
        }

        private fun ByteBuffer.floats(count: Int): FloatArray {
            val values = FloatArray(count)
            asFloatBuffer().get(values)
            position(position() + 4 * count)
            return values
        }
    }
}
