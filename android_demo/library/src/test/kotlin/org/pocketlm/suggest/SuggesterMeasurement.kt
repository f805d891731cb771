package org.pocketlm.suggest

import java.io.File
import org.junit.Assume.assumeTrue
import org.junit.Test
import org.pocketlm.TestEngine
import org.pocketlm.session.Durations
import org.pocketlm.text.fold

/**
 * Times lists of suggestions alone, one thread, for both recipes; it asserts none.
 *
 * `scripts/test-android -Dtest=SuggesterMeasurement -Dpocketlm.measure=TEXT`: as `bench typing`
 * does, it asks at each key of a word until the word is shown. The first typing is that of a JVM
 * that still compiles; each one has a suggester of its own, with nothing kept.
 */
class SuggesterMeasurement {
    @Test
    fun `lists of suggestions`() {
        val text = System.getProperty("pocketlm.measure").orEmpty()
        assumeTrue("pocketlm.measure names no text", text.isNotEmpty())
        val lines = File(text).readLines().filter { it.isNotBlank() }.take(LINES)
        for (bundle in listOf("en-base", "en-base-xnnpack")) {
            val typings = List(TYPINGS) { type(bundle, lines) }
            for ((number, times) in typings.withIndex()) {
                report("$bundle, typing ${number + 1}", times)
            }
            val warm = typings.drop(1)
            val middle = warm.size / 2
            val medians = LongArray(warm[0].size) { list -> warm.map { it[list] }.sorted()[middle] }
            report("$bundle, each list's median of the last ${warm.size}", medians)
        }
    }

    /** Nanoseconds of each list. */
    private fun type(bundle: String, lines: List<String>): LongArray {
        val program = File(System.getProperty("pocketlm.assets"), "bundles/$bundle/model.pte")
        val times = ArrayList<Long>()
        Shipped.open("en-base", TestEngine.EXECUTORCH, program).use { shipped ->
            for (line in lines) {
                var before = ""
                for (word in line.split(' ')) {
                    for (typed in word.indices) {
                        val began = System.nanoTime()
                        val shown = shipped.suggester.suggest(before + word.take(typed))
                        times += System.nanoTime() - began
                        if (shown.any { fold(it.word) == fold(word) }) break
                    }
                    before += "$word "
                }
            }
        }
        return times.toLongArray()
    }

    private fun report(what: String, nanoseconds: LongArray) {
        val durations = Durations(nanoseconds.size).apply { nanoseconds.forEach(::record) }
        val shares = listOf(0.5, 0.95, 0.99).map { durations.percentile(it)!! / 1e6 }
        println(
            "measured %s: %d lists, median %.2f ms, p95 %.2f ms, p99 %.2f ms"
                .format(what, nanoseconds.size, *shares.toTypedArray()),
        )
    }

    private companion object {
        const val LINES = 100
        const val TYPINGS = 6
    }
}
