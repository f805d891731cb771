package org.pocketlm.session

import org.pocketlm.bundle.Bundle
import org.pocketlm.bundle.BundleException
import org.pocketlm.engine.Engine
import org.pocketlm.engine.EngineFactory
import org.pocketlm.engine.Step
import org.pocketlm.suggest.Lexicon
import org.pocketlm.suggest.Suggester
import org.pocketlm.suggest.Suggestion
import org.pocketlm.text.Tokenizer

/** The suggester over a bundle's network; see [WordSource] for its thread and lifetime. */
class ModelWords private constructor(private val engine: Engine, private val suggester: Suggester) : WordSource {
    override fun suggest(text: String, k: Int): List<Suggestion> = suggester.suggest(text, k)

    override fun forgetTexts() = suggester.forgetTexts()

    override fun close() = engine.close()

    companion object {
        /**
         * Opens a bundle whose files were checked.
         *
         * @throws BundleException the files do not belong together or are none of ours
         * @throws org.pocketlm.engine.EngineException the program cannot be run
         */
        fun open(bundle: Bundle, engines: EngineFactory, blocked: Set<String>): ModelWords {
            val (tokenizer, lexicon) = try {
                val tokenizer = Tokenizer.parse(bundle.tokenizer())
                tokenizer to bundle.lexicon()?.let {
                    Lexicon.parse(it, unhex(bundle.tokenizerSha256), tokenizer.vocabularySize)
                }
            } catch (e: IllegalArgumentException) {
                throw BundleException("${bundle.manifest.name}: ${e.message}", e)
            }
            val engine = Timed(engines.open(bundle.program))
            if (engine.vocabularySize != tokenizer.vocabularySize) {
                engine.close()
                throw BundleException("${bundle.manifest.name}: program and tokenizer differ in vocabulary")
            }
            return ModelWords(engine, Suggester(engine, tokenizer, lexicon, blocked))
        }

        private fun unhex(digits: String) =
            ByteArray(digits.length / 2) { digits.substring(2 * it, 2 * it + 2).toInt(16).toByte() }
    }

    /** Records what each step takes, for the settings screen. */
    private class Timed(private val engine: Engine) : Engine by engine {
        override fun step(token: Int, state: FloatArray): Step {
            val began = System.nanoTime()
            return engine.step(token, state).also { Stats.step.record(System.nanoTime() - began) }
        }
    }
}
