package org.pocketlm.suggest

import org.junit.Assert.assertTrue
import org.junit.Test
import org.pocketlm.engine.Engine
import org.pocketlm.engine.Step

/** The Java heap that suggestions take: beyond the model file, at most 4 MB. */
class HeapTest {
    /** Gives steps of the size of en-base's, of which many words come out. */
    private class Sized : Engine {
        override val vocabularySize = 8192

        override fun initialState() = FloatArray(512)

        override fun step(token: Int, state: FloatArray) =
            Step(FloatArray(vocabularySize) { ((it * 7 + token) % 31) / 4f }, FloatArray(512))

        override fun close() = Unit
    }

    @Test
    fun `tokenizer, lexicon, tables and kept steps take at most 4 MB`() {
        hold() // classes are loaded, and code that is compiled is there
        val taken = (1..5).minOf {
            val before = used()
            val held = hold()
            (used() - before).also { check(held.suggester.suggest("", 1).size <= 1) }
        }
        println("Java heap of the suggester, all steps kept: ${taken / 1024} KiB")
        assertTrue("$taken bytes", taken in 2_000_000..4_000_000)
    }

    private fun hold(): Shipped {
        val shipped = Shipped.open("en-base", { Sized() })
        shipped.suggester.suggest("I would like to know what you think of it ".repeat(60), 3)
        return shipped
    }

    private fun used(): Long {
        val runtime = Runtime.getRuntime()
        return (1..4).minOf {
            System.gc()
            runtime.totalMemory() - runtime.freeMemory()
        }
    }
}
