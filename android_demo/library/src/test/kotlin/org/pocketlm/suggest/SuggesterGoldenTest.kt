package org.pocketlm.suggest

import kotlin.math.abs
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Assume.assumeTrue
import org.junit.Test
import org.pocketlm.Golden
import org.pocketlm.TestEngine
import org.pocketlm.text.TextSoFar
import org.pocketlm.text.fold

/** The shipped models suggest what Python's suggester does with them. */
class SuggesterGoldenTest {
    @Test
    fun `en-base by ExecuTorch`() = exact("en-base")

    @Test
    fun `en-small by ExecuTorch`() = exact("en-small")

    @Test
    fun `en-base by its weights`() = near("en-base")

    @Test
    fun `en-small by its weights`() = near("en-small")

    /** The same words in the same order, and the same probabilities. */
    private fun exact(model: String) {
        assumeTrue("executorch.jni names no library", TestEngine.hasNatives)
        val cases = Golden.suggestions(model)
        assertTrue(cases.size > 300)
        var largest = 0.0
        Shipped.open(model, TestEngine.EXECUTORCH).use { shipped ->
            for (case in cases) {
                checkContext(shipped, case)
                val found = shipped.suggester.suggest(case.text)
                assertEquals(case.text, case.suggestions.map { it.word }, found.map { it.word })
                for ((expected, got) in case.suggestions zip found) {
                    val error = abs(expected.probability - got.probability)
                    assertTrue("${case.text}: $expected, $got", error <= EXACT)
                    largest = maxOf(largest, error)
                }
            }
        }
        println("$model: ${cases.size} cases, probabilities differ by at most $largest")
    }

    /** A first word that is much likelier than the second is found, about as likely. */
    private fun near(model: String) {
        val cases = Golden.suggestions(model).take(NEAR_CASES).filter { clear(it.suggestions) }
        assertTrue(cases.size > NEAR_CASES / 2)
        Shipped.open(model, TestEngine.EAGER).use { shipped ->
            for (case in cases) {
                checkContext(shipped, case)
                val expected = case.suggestions.first()
                val got = shipped.suggester.suggest(case.text).first()
                // In one of two cases that are as likely either may be shown.
                assertEquals(case.text, fold(expected.word), fold(got.word))
                val least = NEAR * expected.probability
                assertEquals(case.text, expected.probability, got.probability, least)
            }
        }
    }

    private fun clear(shown: List<Suggestion>): Boolean =
        shown.isNotEmpty() && shown.drop(1).all { it.probability < 0.8 * shown[0].probability }

    private fun checkContext(shipped: Shipped, case: Golden.Case) {
        val context = TextSoFar.read(case.text, shipped.tokenizer).context
        val tokens = shipped.suggester.contextTokens(context).toList()
        assertEquals(case.text, case.contextTokens, tokens)
    }

    private companion object {
        const val EXACT = 1e-4 // of a probability
        const val NEAR = 0.15 // a share of it
        const val NEAR_CASES = 120
    }
}
