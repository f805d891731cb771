package org.pocketlm.engine

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Random // Kotlin's asks for Android's version, outside of Robolectric
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.BeforeClass
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder

/** The production engine over real programs; android/programs.py says what must come out. */
class ExecuTorchEngineTest {
    @get:Rule val folder = TemporaryFolder()

    @Test
    fun `logits are those of Python's runtime, bit for bit, from the memory-mapped weights`() =
        matchesPython("en-base")

    @Test
    fun `logits are those of Python's runtime, bit for bit, through XNNPACK`() =
        matchesPython("en-base-xnnpack")

    @Test
    fun `a caller goes back to an earlier state, and on from it twice`() = onEngine { engine ->
        val after = engine.step(1, engine.initialState()).state
        val kept = after.copyOf()
        val first = engine.step(300, after)
        engine.step(17, first.state)
        assertArrayEquals("a state fed is not changed", kept, after, 0f)
        assertArrayEquals(first.logits, engine.step(300, after).logits, 0f)
        assertFalse(first.logits.contentEquals(engine.step(301, after).logits))
    }

    @Test
    fun `what a step gave stays as it is while others run`() = onEngine { engine ->
        val step = engine.step(1, engine.initialState())
        val logits = step.logits.copyOf()
        val state = step.state.copyOf()
        engine.step(42, step.state)
        assertArrayEquals(logits, step.logits, 0f)
        assertArrayEquals(state, step.state, 0f)
    }

    @Test
    fun `the initial state is the caller's own copy`() = onEngine { engine ->
        val expected = engine.step(1, engine.initialState()).logits
        engine.initialState().fill(9f)
        assertArrayEquals(expected, engine.step(1, engine.initialState()).logits, 0f)
    }

    @Test
    fun `two engines of different programs do not touch each other`() {
        val expected = withEngine { it.step(1, it.initialState()).logits }
        withEngine { one ->
            withEngine("en-base-xnnpack") { other ->
                other.step(5, other.initialState())
                assertArrayEquals(expected, one.step(1, one.initialState()).logits, 0f)
            }
        }
    }

    @Test
    fun `a token or a state of another model is refused`() = onEngine { engine ->
        val state = engine.initialState()
        for (token in listOf(-1, engine.vocabularySize, Int.MAX_VALUE)) {
            assertOneLine("is not one of") { engine.step(token, state) }
        }
        assertOneLine("numbers, not 3") { engine.step(1, FloatArray(3)) }
        engine.step(engine.vocabularySize - 1, state)
    }

    @Test
    fun `after close nothing runs, and closing again does nothing`() {
        val engine = open("en-base")
        val state = engine.initialState()
        engine.close()
        engine.close()
        assertOneLine("destroyed") { engine.step(1, state) }
    }

    @Test
    fun `a missing, empty or foreign file is an error of one line`() {
        assertOneLine("missing.pte cannot be run") { openFile(File(folder.root, "missing.pte")) }
        assertOneLine("cannot be run") { openFile(folder.root) }
        assertOneLine("empty.pte cannot be run") { openFile(fileOf("empty.pte", ByteArray(0))) }
        for (size in listOf(1, 100, 100_000)) {
            val noise = ByteArray(size).also { Random(size.toLong()).nextBytes(it) }
            val random = fileOf("random.pte", noise)
            assertOneLine("random.pte cannot be run") { openFile(random) }
        }
    }

    @Test
    fun `a truncated program is an error of one line, wherever it ends`() {
        for (name in listOf("en-base", "en-base-xnnpack")) {
            val whole = program(name).readBytes()
            for (size in listOf(4, 40, 4_000, whole.size / 2, whole.size - 100_000)) {
                assertOneLine("cannot be run") { openFile(fileOf("cut.pte", whole.copyOf(size))) }
            }
        }
    }

    private fun matchesPython(name: String) {
        val golden = File(System.getProperty("pocketlm.golden"), "programs/$name")
        val tokens = littleEndian(File(golden, "tokens.bin")).asIntBuffer()
        val logits = littleEndian(File(golden, "logits.bin")).asFloatBuffer()
        withEngine(name) { engine ->
            assertEquals(tokens.remaining() * engine.vocabularySize, logits.remaining())
            val expected = FloatArray(engine.vocabularySize)
            var state = engine.initialState()
            while (tokens.hasRemaining()) {
                val step = engine.step(tokens.get(), state)
                logits.get(expected)
                assertTrue("at token ${tokens.position()}", expected.contentEquals(step.logits))
                state = step.state
            }
        }
    }

    private fun fileOf(name: String, content: ByteArray): File =
        File(folder.root, name).apply { writeBytes(content) }

    private fun assertOneLine(part: String, body: () -> Unit) {
        val message = assertThrows(EngineException::class.java) { body() }.message!!
        assertTrue(message, part in message)
        assertFalse(message, '\n' in message)
    }

    private fun openFile(file: File) = ExecuTorchEngine.open(file).close()

    companion object {
        @BeforeClass @JvmStatic
        fun natives() = HostNatives.load()

        private fun program(name: String) =
            File(System.getProperty("pocketlm.assets"), "bundles/$name/model.pte")

        private fun open(name: String) = ExecuTorchEngine.open(program(name))

        private fun <T> withEngine(name: String = "en-base", body: (ExecuTorchEngine) -> T): T =
            open(name).use(body)

        /** [withEngine] as a test's body, which has to give back nothing. */
        private fun onEngine(body: (ExecuTorchEngine) -> Unit) = withEngine(body = body)

        private fun littleEndian(file: File) =
            ByteBuffer.wrap(file.readBytes()).order(ByteOrder.LITTLE_ENDIAN)
    }
}
