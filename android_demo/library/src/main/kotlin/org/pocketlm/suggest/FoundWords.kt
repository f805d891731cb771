package org.pocketlm.suggest

import kotlin.math.exp
import kotlin.math.ln1p
import org.pocketlm.text.fold

/** A word that was found: the ways to write it, and the log-probability of each and of all. */
internal class FoundWord {
    val ways = LinkedHashMap<String, Double>()
    var total = Double.NEGATIVE_INFINITY
        private set

    fun add(way: String, logProbability: Double) {
        ways[way] = logAdd(ways[way] ?: Double.NEGATIVE_INFINITY, logProbability)
        total = logAdd(total, logProbability)
    }
}

/** Words found for a list of suggestions, by what differs in more than case. */
internal class FoundWords {
    private val found = HashMap<String, FoundWord>()

    val words: Collection<FoundWord> get() = found.values

    /** Adds probability to one way to write a word. */
    fun add(word: String, logProbability: Double) {
        found.getOrPut(fold(word)) { FoundWord() }.add(word, logProbability)
    }

    /** The log-probability of the k-th likeliest word, -infinity if there are fewer. */
    fun kthBest(k: Int): Double {
        if (found.size < k) return Double.NEGATIVE_INFINITY
        val totals = DoubleArray(found.size)
        found.values.forEachIndexed { i, word -> totals[i] = word.total }
        totals.sort()
        return totals[totals.size - k]
    }
}

/** log(exp a + exp b). */
private fun logAdd(a: Double, b: Double): Double {
    val low = minOf(a, b)
    val high = maxOf(a, b)
    return if (low == Double.NEGATIVE_INFINITY) high else high + ln1p(exp(low - high))
}
