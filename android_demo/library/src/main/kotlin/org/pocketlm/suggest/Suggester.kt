package org.pocketlm.suggest

import kotlin.math.exp
import kotlin.math.ln
import org.pocketlm.engine.Engine
import org.pocketlm.text.TextSoFar
import org.pocketlm.text.Tokenizer
import org.pocketlm.text.capitaliseSentences
import org.pocketlm.text.fold
import org.pocketlm.text.isApostrophe
import org.pocketlm.text.isLetter
import org.pocketlm.text.skip
import org.pocketlm.text.startsSentence

/**
 * Whole words for the text so far, from a network: the same algorithm as `model/suggest.py`, where
 * it is argued for, with the same results.
 *
 *     text so far -> Reading.kt -> context (finished) + prefix (the word being typed)
 *                 -> best-first search over pieces from the context's state -> k likeliest words
 *
 * A word's probability is that of its pieces and of what follows not being part of it, over the
 * ways to write it, which differ in case only. The probability of the pieces alone bounds that of
 * each word that begins with them; what is looked into is chosen by estimates.
 *
 * Thread: one, the engine's; not even [forgetTexts] may be called from another. Lifetime: no call
 * after the engine is closed, which is the caller's to do. Memory: the last 64 steps of the network
 * (some 34 KiB each, with 8192 tokens and 512 units), so that typing on, deleting and jumping back
 * cost what is new; what is suggested does not depend on them.
 *
 * @param lexicon the words that may be suggested, and the share of endings; without one every run
 *   of letters may be, and an ending is taken for as likely as not.
 * @param blocked folded words that are never suggested.
 * @param expansions steps of the network that one list may cost, the finished word's among them,
 *   or as many as words are asked for.
 * @param thorough look into all that may be likelier than the words found, by the bound, not only
 *   into what may be so by the estimates: with many expansions the search is exhaustive. A finished
 *   word's steps are not counted then.
 */
class Suggester(
    engine: Engine,
    private val tokenizer: Tokenizer,
    private val lexicon: Lexicon?,
    private val blocked: Set<String>,
    private val expansions: Int = EXPANSIONS,
    private val thorough: Boolean = false,
) {
    private val pieces = WordPieces(tokenizer)
    private val steps = Steps(engine, tokenizer.endId, pieces.boundaries)
    private val endings = Endings(lexicon)
    private var lastContext = ""
    private var lastTokens = IntArray(0)

    /** Whether the text that the network learnt hardly begins a line in lower case. */
    private val beginsWithCapitals by lazy(LazyThreadSafetyMode.NONE) {
        val first = steps.after(IntArray(0))
        fun share(of: BooleanArray) =
            of.indices.sumOf { if (of[it]) exp(first.log(it).toDouble()) else 0.0 }
        share(pieces.beginsLower) < LOWER_STARTS * share(pieces.beginsUpper)
    }

    init {
        require(engine.vocabularySize == tokenizer.vocabularySize) {
            "the network has ${engine.vocabularySize} tokens, the tokenizer " +
                "${tokenizer.vocabularySize}: they do not belong together"
        }
    }

    /**
     * The k likeliest words, best first: completions of the prefix, or next words if it is "".
     *
     * Case and apostrophes need not be typed: "dont" finds "don't" and "par" finds "Paris". The
     * prefix itself, just as it was typed, is no suggestion.
     *
     * @throws org.pocketlm.engine.EngineException the network failed.
     */
    fun suggest(text: String, k: Int = 3): List<Suggestion> {
        if (k < 1) return emptyList()
        val read = TextSoFar.read(text, tokenizer)
        val found = Search(Target.of(read), k).run(tokensOf(read.context))
        val sentence = startsSentence(read.context)
        val share = fittingShare(read.context, read.prefix)
        val shown = ArrayList<Pair<String, Double>>()
        for (word in found.words) {
            wayToWrite(word, read, sentence, share)?.let { shown.add(Pair(it, word.total)) }
        }
        shown.sortWith(compareByDescending<Pair<String, Double>> { it.second }.thenBy { it.first })
        val least = (shown.firstOrNull() ?: return emptyList()).second + LOG_LEAST_SHARE
        return shown.take(k).filter { it.second >= least }
            .map { (word, logProbability) -> Suggestion(word, exp(logProbability)) }
    }

    /** Drops all that is kept of the texts seen so far. */
    fun forgetTexts() {
        steps.clear()
        lastContext = ""
        lastTokens = IntArray(0)
    }

    /**
     * The tokens of a context, as [TextSoFar] has it: an end token after each finished line, none
     * after the last.
     *
     * Where its text begins hardly a line in lower case, a sentence that is typed so is read with
     * the capital that it would have there.
     */
    internal fun contextTokens(context: String): IntArray {
        val read = if (beginsWithCapitals) capitaliseSentences(context) else context
        val lines = read.trimEnd(' ').split('\n')
        var tokens = IntArray(0)
        for (line in lines.dropLast(1)) tokens += tokenizer.encode(line) + tokenizer.endId
        return tokens + tokenizer.encode(lines.last())
    }

    /** The context stays the same while a word is typed. */
    private fun tokensOf(context: String): IntArray {
        if (context != lastContext) {
            lastTokens = contextTokens(context)
            lastContext = context
        }
        return lastTokens
    }

    /** One search for the likeliest words that fit a target, and some more. */
    private inner class Search(private val target: Target, private val k: Int) {
        private val words = FoundWords()
        private val open = OpenBeginnings()
        private val largest =
            Largest(CONTINUATIONS_A_STEP * expansions + CONTINUATIONS_A_WORD * k)

        fun run(context: IntArray): FoundWords {
            push(Beginning("", 0, context, 0f), Double.NEGATIVE_INFINITY)
            for (look in 0 until mostLooks(context)) {
                val least = leastToLookInto()
                val taken = open.take { (if (thorough) it.score.toDouble() else it.fit) > least }
                if (taken == null && thorough) return words
                val beginning = extend(taken ?: break)
                if (completes(beginning)) {
                    val ending = steps.after(beginning.tokens).logBoundary
                    words.add(beginning.text, beginning.logProbability + ending)
                }
                push(beginning, least + LOG_FITTING_SHARE)
            }
            completeAll(context.size)
            return words
        }

        /**
         * How many beginnings may be looked into.
         *
         * After a finished word its pieces are steps of this list too, but one is always left.
         */
        private fun mostLooks(context: IntArray): Int {
            val most = maxOf(expansions, k)
            if (thorough || target.typed > 0) return most
            return maxOf(1, most - pieces.ofLastWord(context))
        }

        /**
         * What is no likelier cannot change which words are the k best.
         *
         * One word more than asked for may be the prefix itself.
         */
        private fun leastToLookInto(): Double {
            if (thorough) return words.kthBest(k + 1)
            val likeliest = Largest(if (target.typed > 0) k + 1 else k)
            open.forEachWord(likeliest::offer)
            for (word in words.words) likeliest.offer(word.total)
            return likeliest.threshold
        }

        /** Adds what open beginnings are by estimate, and once letters are typed may become. */
        private fun completeAll(contextSize: Int) {
            val least = least()
            add(open.filter { it.word > least }.map { Pair(it.word, textOf(it)) })
            if (target.typed == 0 || lexicon == null) return
            val leastLonger = least() - LOG_FITTING_SHARE
            val longer = ArrayList<Pair<Double, String>>()
            val likely = open.filter { it.score > leastLonger }
            for ((parent, entries) in likely.groupBy { it.parent }) {
                val begun = parent.tokens.copyOfRange(contextSize, parent.tokens.size)
                for (each in thoseThatGoOn(entries, begun, lexicon, leastLonger)) {
                    addLonger(each, asWords(begun + each.token), lexicon, leastLonger, longer)
                }
            }
            add(longer)
        }

        /** Of the pieces after one beginning those that words of the lexicon may go on with. */
        private fun thoseThatGoOn(
            entries: List<Open>,
            begun: IntArray,
            lexicon: Lexicon,
            least: Double,
        ): List<Open> {
            if (begun.isEmpty()) {
                return entries.filter { it.score + logMostAfter(lexicon, it.token) > least }
            }
            val next = nextPieces(lexicon, asWords(begun))
            return entries.filter { it.token in next }
        }

        /** The pieces of a beginning as the lexicon has them: after a space. */
        private fun asWords(begun: IntArray): IntArray =
            begun.copyOf().also { it[0] = pieces.afterSpace[it[0]] }

        /** No less than what a word that goes on after a first piece has of its probability. */
        private fun logMostAfter(lexicon: Lexicon, token: Int): Double {
            val first = pieces.afterSpace[token]
            return ln(lexicon.longer.mostOf(first).toDouble()) + endings.logGoingOn(first)
        }

        /** What stands after some pieces in the words that begin with them. */
        private fun nextPieces(lexicon: Lexicon, begun: IntArray): Set<Int> {
            val found = HashSet<Int>()
            lexicon.longer.forEach(begun[0]) { word, size, _ ->
                val at = begun.size - 1
                if (size > at && beginsWith(word, size, begun)) found.add(word[at])
            }
            return found
        }

        /** Whether the pieces after a word's first one go on as those of a beginning. */
        private fun beginsWith(word: IntArray, size: Int, begun: IntArray): Boolean =
            (1 until begun.size).all { it <= size && word[it - 1] == begun[it] }

        /** Adds words by their log-probabilities until what is left cannot matter. */
        private fun add(estimates: List<Pair<Double, String>>) {
            var least = least()
            val likeliest = compareByDescending<Pair<Double, String>> { it.first }
            for ((score, text) in estimates.sortedWith(likeliest.thenBy { it.second })) {
                if (score <= least) return
                if (mayBeSuggested(text)) {
                    words.add(text, score)
                    least = least()
                }
            }
        }

        /**
         * The words that a beginning may become, and their log-probabilities above [least].
         *
         * @param begun its pieces after the context, as the lexicon has them.
         */
        private fun addLonger(
            entry: Open,
            begun: IntArray,
            lexicon: Lexicon,
            least: Double,
            found: MutableList<Pair<Double, String>>,
        ) {
            val rest = target.rest(keyLength(entry.parent, entry.token))
            val texts = ArrayList<Pair<Double, String>>()
            var sum = 0.0
            lexicon.longer.forEach(begun[0]) { word, size, count ->
                if (beginsWith(word, size, begun)) {
                    sum += count
                    val from = begun.size - 1
                    if (size > from && pieces.begin(rest, word, from, size, target.apostrophes)) {
                        val text = (from until size).joinToString("") { pieces.text(word[it]) }
                        texts.add(Pair(count, text))
                    }
                }
            }
            val goingOn = if (begun.size == 1) endings.logGoingOn(begun[0]) else 0.0
            for ((count, text) in texts) {
                val log = ln(count / sum) + goingOn
                if (log > least - entry.score) found.add(Pair(entry.score + log, textOf(entry) + text))
            }
        }

        private fun textOf(entry: Open): String = entry.parent.text + pieces.text(entry.token)

        /** What is no likelier is neither shown nor a way to write what is. */
        private fun least(): Double {
            val leastShown = words.kthBest(1) + LOG_LEAST_SHARE
            return LOG_FITTING_SHARE + maxOf(words.kthBest(k + 1), leastShown + LOG_FITTING_SHARE)
        }

        /** Opens the likeliest pieces after a beginning, above what can matter at least. */
        private fun push(parent: Beginning, least: Double) {
            val following = steps.after(parent.tokens)
            val rest = target.rest(parent.keyLength)
            val candidates = pieces.continuations(rest, target.apostrophes)
            val upper = target.capital && !hasLetter(parent.text)
            // In single precision, as Python adds them.
            fun score(token: Int): Float {
                val score = parent.logProbability + following.log(token)
                return if (upper && pieces.beginsLower[token]) score + LOG_CAPITAL_SHARE else score
            }
            largest.clear()
            candidates.forEach { token, fit ->
                val score = score(token)
                if (score > least) largest.offer(score + fit)
            }
            val threshold = largest.threshold
            var ties = largest.ties
            candidates.forEach { token, fit ->
                val score = score(token)
                val fitting = score + fit
                if (score > least && (fitting > threshold || fitting == threshold && ties-- > 0)) {
                    open.add(opened(parent, token, score, fitting))
                }
            }
        }

        private fun opened(parent: Beginning, token: Int, score: Float, fitting: Double): Open {
            val whole = keyLength(parent, token) >= target.key.size
            val word = if (whole) score + endings.logEnding(token) else Double.NEGATIVE_INFINITY
            return Open(parent, token, score, fitting, fitting + endings.logGoingOn(token), word)
        }

        private fun keyLength(parent: Beginning, token: Int): Int =
            parent.keyLength + pieces.keyLength(token, target.apostrophes)

        private fun extend(entry: Open) = Beginning(
            textOf(entry),
            keyLength(entry.parent, entry.token),
            entry.parent.tokens + entry.token,
            entry.score,
        )

        /** Whether a beginning is a word that may be suggested, and has all of the prefix. */
        private fun completes(beginning: Beginning): Boolean =
            beginning.keyLength >= target.key.size && mayBeSuggested(beginning.text)
    }

    private fun mayBeSuggested(word: String): Boolean =
        word.isNotEmpty() && isLetter(word.codePointAt(0)) && !isApostrophe(word.last().code) &&
            !Blocklist.isBlocked(fold(word), blocked) && (lexicon == null || word in lexicon)

    private fun hasLetter(text: String): Boolean = skip(text, 0) { !isLetter(it) } < text.length

    companion object {
        /**
         * Steps of the network that one list may cost: one for each piece of the word that was just
         * finished, and one for each beginning of a word that is looked into.
         */
        const val EXPANSIONS = 4

        // Of one beginning only so many longer ones matter: for each step, for each word asked for.
        private const val CONTINUATIONS_A_STEP = 11
        private const val CONTINUATIONS_A_WORD = 2

        // A word that is so much less likely than the first is no suggestion.
        private val LOG_LEAST_SHARE = ln(1e-4)

        // A text that begins so few lines in lower case, beside those with a capital, never means it.
        private const val LOWER_STARTS = 0.02

        // How often a word that the text writes without a capital is begun with one in a sentence.
        private val LOG_CAPITAL_SHARE = ln(3e-3).toFloat()
    }
}
