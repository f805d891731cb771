package org.pocketlm.suggest

import java.util.Random
import kotlin.math.exp
import kotlin.math.ln
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pocketlm.text.TextSoFar
import org.pocketlm.text.fold
import org.pocketlm.text.isInner
import org.pocketlm.text.skip
import org.pocketlm.text.splitContext
import org.pocketlm.text.withoutApostrophes

/** The suggester on what people type; `tests/test_suggest.py` says the same of Python's. */
class SuggesterTest {
    private fun shown(
        words: Map<String, Double>,
        text: String,
        blocked: Set<String> = emptySet(),
    ): List<String> {
        val engine = Spoken(Vocabularies.letters, words)
        val suggester = Suggester(engine, Vocabularies.letters, null, blocked, expansions = 300)
        return suggester.suggest(text).filter { it.probability > 1e-4 }.map { it.word }
    }

    private fun bigrams(): Suggester = bigrams(7, 1, thorough = false)

    private fun bigrams(expansions: Int, seed: Long, thorough: Boolean): Suggester {
        val pieces = Vocabularies.pieces
        return Suggester(Bigram(pieces, seed), pieces, null, emptySet(), expansions, thorough)
    }

    @Test
    fun `case is what a person expects`() {
        val names = mapOf("Paris" to 3.0, "park" to 2.0, "I" to 6.0, "it" to 1.0)
        val words = names + mapOf("the" to 5.0, "The" to 4.0)
        assertEquals(listOf("Paris", "park"), shown(words, "in par"))
        assertEquals(listOf("Paris", "Park"), shown(words, "in Par"))
        assertEquals(listOf("Paris", "Park"), shown(words, "Par"))
        // A capital within a sentence asks for names; at its start it may be the start's.
        val more = mapOf("Paris" to 1.0, "park" to 50.0)
        assertEquals(listOf("park", "Paris"), shown(more, "in par"))
        assertEquals(listOf("Paris", "Park"), shown(more, "in Par"))
        assertEquals(listOf("Park", "Paris"), shown(more, "Par"))
        val given = mapOf("Don" to 3.0, "don" to 1.0, "Ida" to 1.0, "ida" to 3.0)
        assertEquals(listOf("don"), shown(given, "in do")) // nobody has used a capital so far
        assertEquals(listOf("Don"), shown(given, "I in do"))
        assertEquals(listOf("ida"), shown(given, "I in id")) // mostly written so
        assertEquals(listOf("PARIS", "PARK"), shown(words, "in PAR"))
        assertEquals(listOf("the"), shown(words, "th"))
        assertEquals(listOf("The"), shown(words, "Th"))
        assertEquals(listOf("I", "it"), shown(words, "so i"))
        val both = mapOf("i" to 3.0, "I" to 2.0, "it" to 1.0)
        assertEquals(listOf("I", "it"), shown(both, "so i")) // also where many write "i"
        assertEquals(emptyList<String>(), shown(mapOf("it" to 3.0, "It" to 0.1), "so it"))
        assertEquals(listOf("DePend"), shown(mapOf("depend" to 1.0), "DeP"))
        assertEquals("the", shown(words, "so ").first()) // 5 + 4 in two cases, once on the strip
        // A sentence starts with a capital, unless the text never does so.
        assertEquals(listOf("The", "I"), shown(words, "").take(2))
        assertEquals("Paris", shown(words, "so. ")[2])
        assertTrue("park" in shown(mapOf("park" to 1.0), ""))
    }

    @Test
    fun `apostrophes need not be typed`() {
        val words = mapOf("don't" to 3.0, "done" to 1.0, "I'll" to 2.0, "ill" to 1.0)
        assertEquals(listOf("don't", "done"), shown(words, "we don"))
        assertEquals(listOf("don't"), shown(words, "we dont"))
        assertEquals(emptyList<String>(), shown(words, "we don't"))
        assertEquals(listOf("don't"), shown(words, "we don’"))
        assertEquals(listOf("I'll"), shown(words, "so ill"))
    }

    @Test
    fun `blocked words are not suggested but may be context`() {
        val words = mapOf("park" to 3.0, "part" to 2.0)
        assertEquals(listOf("part"), shown(words, "par", blocked = setOf("park")))
        assertEquals("part", shown(words, "park ", blocked = setOf("park")).first())
    }

    @Test
    fun `what was asked before does not matter`() {
        val long = "see you ".repeat(300)
        val texts = listOf(
            "", "s", "se", "see", "see ", "see y", "see yo", "see y", "see ", "sea ",
            "see.\nYou to", long, "see", long + "th", "so 😀", "'", "",
        )
        val one = bigrams()
        for (text in texts + texts.reversed()) {
            assertEquals(bigrams().suggest(text), one.suggest(text))
        }
        one.forgetTexts()
        assertEquals(bigrams().suggest(long), one.suggest(long))
    }

    @Test
    fun `a key costs no more steps than it may, and the same text again none`() {
        val engine = Bigram(Vocabularies.pieces, 1)
        val suggester = Suggester(engine, Vocabularies.pieces, null, emptySet())
        suggester.suggest("") // the start of a line
        val texts = listOf(
            "see", "see ", "see y", "see yo", "see you", "see you ", "see you stationmax ", "see ",
        )
        for (text in texts) {
            val finished = if (text.endsWith(" ")) text.trim().split(' ').last() else ""
            val before = engine.steps
            suggester.suggest(text)
            val most = maxOf(4, Vocabularies.pieces.encode(finished).size + 1)
            assertTrue(engine.steps - before <= most)
            val after = engine.steps
            suggester.suggest(text)
            assertEquals(after, engine.steps)
        }
        suggester.forgetTexts()
        val before = engine.steps
        suggester.suggest("see ")
        assertTrue(engine.steps > before)
    }

    @Test
    fun `what cannot be among the best by its estimate costs no step`() {
        val words = mapOf("a" to 9.0, "o" to 6.0, "t" to 4.0, "i" to 0.1, "n" to 0.1)
        fun steps(thorough: Boolean): Int {
            val engine = Spoken(Vocabularies.letters, words)
            Suggester(engine, Vocabularies.letters, null, emptySet(), 5, thorough).suggest("")
            return engine.steps
        }
        // The line's start, the sign of a word's start, and letters.
        assertEquals(1 + 4, steps(thorough = false))
        assertEquals(1 + 5, steps(thorough = true))
    }

    @Test
    fun `suggestions are whole words that begin with the prefix, best first, whatever the text`() {
        val random = Random(3)
        val signs = "see you the I'’dont.,?!- \t\n\ud83d\ude00é\u0301日▁(\"A1"
        val suggester = bigrams()
        repeat(500) {
            val text = String(CharArray(random.nextInt(12)) { signs[random.nextInt(signs.length)] })
            val found = suggester.suggest(text, 5)
            val prefix = TextSoFar.read(text, Vocabularies.pieces).prefix
            assertEquals(found.sortedByDescending { it.probability }, found)
            assertEquals(found.size, found.map { fold(it.word) }.toSet().size)
            for ((word, probability) in found) {
                assertTrue(bare(word).startsWith(bare(prefix)))
                assertEquals(word.length, skip(word, 0) { isInner(it) })
                assertTrue(probability in 0.0..1.0)
            }
        }
    }

    @Test
    fun `as many words as are asked for are found`() {
        assertEquals(90, bigrams().suggest("", 90).size)
        assertEquals(emptyList<Suggestion>(), bigrams().suggest("", 0))
    }

    @Test
    fun `finished lines end with the end token`() {
        val tokens = bigrams().contextTokens("see\n\nyou")
        val pieces = tokens.map { Vocabularies.pieces.piece(it) }
        assertEquals(listOf("▁see", "</s>", "</s>", "▁you"), pieces)
    }

    @Test
    fun `a sentence typed without its capital is read with it if all text has it`() {
        val pieces = Vocabularies.pieces
        for (lower in listOf(0.01, 0.03)) {
            val first = mapOf("▁The" to 1 - lower, "▁the" to lower)
            val suggester = Suggester(Constant(pieces, first), pieces, null, emptySet())
            val read = if (lower < 0.02) "The you. Don" else "the you. don"
            assertEquals(pieces.encode(read).toList(), suggester.contextTokens("the you. don ").toList())
        }
    }

    @Test
    fun `a network of another vocabulary is refused`() {
        val engine = Bigram(Vocabularies.pieces, 1)
        assertThrows(IllegalArgumentException::class.java) {
            Suggester(engine, Vocabularies.letters, null, emptySet())
        }
    }

    @Test
    fun `it finds what an exhaustive search finds`() {
        for (seed in 1L..3L) {
            val engine = Bigram(Vocabularies.pieces, seed)
            for (text in listOf("", "see you ", "t", "see yo", "wha", "dont", "Let'", "a-s")) {
                val (context, prefix) = splitContext(text)
                val last = Vocabularies.pieces.encode(context).lastOrNull() ?: 1
                val starts = context.isEmpty() || context.endsWith(" ")
                val all = Exhaustive(engine, Vocabularies.pieces, prefix, starts).from(last)
                val best = all.entries.sortedByDescending { it.value }
                val expected = best.filter { it.key != prefix }.take(3)
                // Of the prefix itself only another way to write it may be shown.
                val found = bigrams(300, seed, thorough = true).suggest(text, 4)
                    .filter { fold(it.word) != fold(prefix) }.take(expected.size)
                assertEquals(text, expected.map { it.key }, found.map { fold(it.word) })
                for ((suggestion, word) in found zip expected) {
                    // The search also sums spellings of more pieces, and drops hopeless ones.
                    assertEquals(word.value, suggestion.probability, 0.05 * word.value)
                }
            }
        }
    }

    private fun bare(word: String) = withoutApostrophes(fold(word))
}

class LargestTest {
    @Test
    fun `the threshold is the smallest of the largest`() {
        val random = Random(4)
        repeat(200) {
            val most = 1 + random.nextInt(50)
            val values = DoubleArray(random.nextInt(200)) { ln(1.0 + random.nextInt(60)) }
            val largest = Largest(most)
            values.forEach { largest.offer(it) }
            val best = values.sortedDescending().take(most)
            if (values.size < most) {
                assertEquals(Double.NEGATIVE_INFINITY, largest.threshold, 0.0)
            } else {
                assertEquals(best.last(), largest.threshold, 0.0)
                assertEquals(best.count { it == best.last() }, largest.ties)
            }
        }
    }
}

class FoundWordsTest {
    @Test
    fun `ways to write a word are added up`() {
        val words = FoundWords()
        words.add("The", ln(0.25))
        words.add("the", ln(0.125))
        words.add("the", ln(0.125))
        words.add("a", ln(0.3))
        assertEquals(0.5, exp(words.kthBest(1)), 1e-12)
        assertEquals(0.3, exp(words.kthBest(2)), 1e-12)
        assertEquals(Double.NEGATIVE_INFINITY, words.kthBest(3), 0.0)
        assertEquals(setOf("The", "the"), words.words.first { it.ways.size == 2 }.ways.keys)
    }
}
