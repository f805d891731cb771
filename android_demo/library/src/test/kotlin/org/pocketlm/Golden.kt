package org.pocketlm

import java.io.File
import org.pocketlm.bundle.Json
import org.pocketlm.suggest.Suggestion

/** What the Python code says, as `python -m pocketlm.android.golden` wrote it. */
object Golden {
    private val folder = File(requireNotNull(System.getProperty("pocketlm.golden")))

    fun file(name: String): File = File(folder, name).also {
        check(it.isFile) { "$it is missing: python -m pocketlm.android.golden $folder writes it" }
    }

    /** The objects of a `.jsonl` file. */
    fun lines(name: String): List<Json> = file(name).readLines().map { Json.parse(it) }

    class Case(val text: String, val contextTokens: List<Int>, val suggestions: List<Suggestion>)

    /** The cases of a shipped model's suggestions, each of three at most. */
    fun suggestions(model: String): List<Case> {
        val cases = Json.parse(file("$model/suggestions.json").readText())["cases"]
        return cases.items().map { case ->
            val shown = case["suggestions"].items()
            Case(
                case["text"].text(),
                case["context_tokens"].numbers(),
                shown.map { Suggestion(it["word"].text(), it["probability"].number()) },
            )
        }
    }
}

fun Json.items(): List<Json> = (this as Json.Array).items

fun Json.numbers(): List<Int> = items().map { it.whole().toInt() }

fun Json.texts(): List<String> = items().map { it.text() }

fun Json.number(): Double = (this as Json.Literal).text.toDouble()

fun Json.truth(): Boolean = (this as Json.Literal).text.toBooleanStrict()
