package org.pocketlm.suggest

import java.io.File
import java.security.MessageDigest
import org.pocketlm.Golden
import org.pocketlm.engine.EngineFactory
import org.pocketlm.text.Tokenizer

/** A shipped model's suggester, over an engine of its program. */
internal class Shipped(
    val suggester: Suggester,
    val tokenizer: Tokenizer,
    engine: AutoCloseable,
) : AutoCloseable by engine {
    companion object {
        /** @param program the shipped one, or that of another recipe. */
        fun open(
            model: String,
            engines: EngineFactory,
            program: File = Golden.file("$model/model.pte"),
        ): Shipped {
            val file = Golden.file("$model/tokenizer.model").readBytes()
            val tokenizer = Tokenizer.parse(file)
            val sha256 = MessageDigest.getInstance("SHA-256").digest(file)
            val lexicon = Golden.file("$model/lexicon.bin").readBytes()
            val engine = engines.open(program)
            val suggester = Suggester(
                engine,
                tokenizer,
                Lexicon.parse(lexicon, sha256, tokenizer.vocabularySize),
                Blocklist.parse(Golden.file("offensive.txt").readText()),
            )
            return Shipped(suggester, tokenizer, engine)
        }
    }
}
