package org.pocketlm.suggest

import java.security.MessageDigest
import kotlin.math.abs
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Assume.assumeTrue
import org.junit.Test
import org.pocketlm.Golden
import org.pocketlm.TestEngine
import org.pocketlm.engine.EngineFactory
import org.pocketlm.text.TextSoFar
import org.pocketlm.text.Tokenizer
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
        open(model, TestEngine.EXECUTORCH).use { opened ->
            for (case in cases) {
                opened.checkContext(case)
                val found = opened.suggester.suggest(case.text)
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
        open(model, TestEngine.EAGER).use { opened ->
            for (case in cases) {
                opened.checkContext(case)
                val expected = case.suggestions.first()
                val got = opened.suggester.suggest(case.text).first()
                // In one of two cases that are as likely either may be shown.
                assertEquals(case.text, fold(expected.word), fold(got.word))
                val least = NEAR * expected.probability
                assertEquals(case.text, expected.probability, got.probability, least)
            }
        }
    }

    private fun clear(shown: List<Suggestion>): Boolean =
        shown.isNotEmpty() && shown.drop(1).all { it.probability < 0.8 * shown[0].probability }

    private class Opened(
        val suggester: Suggester,
        private val tokenizer: Tokenizer,
        engine: AutoCloseable,
    ) : AutoCloseable by engine {
        fun checkContext(case: Golden.Case) {
            val context = TextSoFar.read(case.text, tokenizer).context
            assertEquals(case.text, case.contextTokens, suggester.contextTokens(context).toList())
        }
    }

    private fun open(model: String, engines: EngineFactory): Opened {
        val file = Golden.file("$model/tokenizer.model").readBytes()
        val tokenizer = Tokenizer.parse(file)
        val sha256 = MessageDigest.getInstance("SHA-256").digest(file)
        val lexicon = Golden.file("$model/lexicon.bin").readBytes()
        val engine = engines.open(Golden.file("$model/model.pte"))
        val suggester = Suggester(
            engine,
            tokenizer,
            Lexicon.parse(lexicon, sha256, tokenizer.vocabularySize),
            Blocklist.parse(Golden.file("offensive.txt").readText()),
        )
        return Opened(suggester, tokenizer, engine)
    }

    private companion object {
        const val EXACT = 1e-4 // of a probability
        const val NEAR = 0.15 // a share of it
        const val NEAR_CASES = 120
    }
}
