package org.pocketlm.suggest

import kotlin.math.exp
import kotlin.math.ln
import org.pocketlm.text.SortedKeys
import org.pocketlm.text.Tokenizer
import org.pocketlm.text.Utf8
import org.pocketlm.text.WORD_START
import org.pocketlm.text.fold
import org.pocketlm.text.isBoundary
import org.pocketlm.text.isInner
import org.pocketlm.text.isLetter
import org.pocketlm.text.skip
import org.pocketlm.text.withoutApostrophes

/**
 * Which pieces of a tokenizer may stand where in a word.
 *
 * A prefix and the pieces are compared by keys: the UTF-8 of their folded text, and where the
 * prefix has no apostrophe, without apostrophes. All is in arrays of numbers, 40 bytes a piece.
 *
 * Thread: any; it does not change.
 */
internal class WordPieces(private val tokenizer: Tokenizer) {
    private val ids = (0 until tokenizer.vocabularySize).filter { isInWord(it) }
    private val folded = keysOf { fold(tokenizer.piece(it)) }
    private val bare = keysOf { withoutApostrophes(fold(tokenizer.piece(it))) }
    private val inner = ids.filter { tokenizer.piece(it)[0] != WORD_START }.toIntArray()
    private val innerShare = innerShares() // [V]

    /** The same text after a space, for each piece, itself where there is none [V]. */
    val afterSpace = afterSpaces()

    /** What follows a complete word [V]. */
    val boundaries = BooleanArray(tokenizer.vocabularySize) { isBoundary(tokenizer, it) }

    /** Whether the first letter is lower case [V]. */
    val beginsLower = firstLetters { Character.isLowerCase(it) }

    /** Whether the first letter is upper case [V]. */
    val beginsUpper = firstLetters { Character.isUpperCase(it) }

    /** The piece without the sign for the space before it. */
    fun text(token: Int): String = tokenizer.piece(token).removePrefix(WORD_START.toString())

    /** How many tokens there are from the last one that starts a word; all if none does. */
    fun ofLastWord(tokens: IntArray): Int {
        val start = tokens.indexOfLast { tokenizer.piece(it).startsWith(WORD_START) }
        return tokens.size - maxOf(0, start)
    }

    /** Bytes of what is compared with a prefix that has, or has not, apostrophes. */
    fun keyLength(token: Int, apostrophes: Boolean): Int = keys(apostrophes).length(token)

    /**
     * Whether the keys of some pieces begin with [rest], or are it.
     *
     * @param from of [pieces] those before [to] are meant, from here on.
     */
    fun begin(rest: ByteArray, pieces: IntArray, from: Int, to: Int, apostrophes: Boolean): Boolean {
        val keys = keys(apostrophes)
        var at = 0
        for (i in from until to) {
            if (at >= rest.size) return true
            if (!keys.agrees(pieces[i], rest, at)) return false
            at += keys.length(pieces[i])
        }
        return at >= rest.size
    }

    /**
     * Pieces that are a part of [rest] from its start, or [rest] and more of a word.
     *
     * @param rest what the word's key still lacks, in UTF-8.
     */
    fun continuations(rest: ByteArray, apostrophes: Boolean): Continuations {
        if (rest.isEmpty()) return Continuations(inner).apply { add(0, inner.size, 1.0) }
        val keys = keys(apostrophes)
        val fits = fits(rest, keys)
        val found = Continuations(keys.sorted)
        // An apostrophe alone has an empty key; no word begins with it.
        if (!beginsWord(rest)) found.add(0, keys.lower(0, keys.sorted.size, 0, 0), fits[0])
        walk(keys, rest, 0, { stop, from, to -> found.add(from, to, fits[stop]) }) { from, to ->
            found.add(from, to, 1.0)
        }
        return found
    }

    /**
     * For each end of [rest], the share of ways to go on inside a word that spell it, by the
     * tokenizer's own unigram model. At i stands the share for what begins there; none is 0.
     */
    private fun fits(rest: ByteArray, keys: SortedKeys): DoubleArray {
        val shares = DoubleArray(rest.size)
        for (start in rest.indices.reversed()) {
            if (!Utf8.isStart(rest[start])) continue
            var share = 0.0
            walk(keys, rest, start, { stop, from, to ->
                share += shareOf(keys, from, to) * shares[stop]
            }) { from, to -> share += shareOf(keys, from, to) }
            shares[start] = maxOf(share, SMALLEST_FIT)
        }
        return shares
    }

    /**
     * Looks up [text] from [start] on.
     *
     * @param part gets each place after a character where some keys end, and their ranks.
     * @param whole gets the ranks of the keys that begin with all of it.
     */
    private inline fun walk(
        keys: SortedKeys,
        text: ByteArray,
        start: Int,
        part: (Int, Int, Int) -> Unit,
        whole: (Int, Int) -> Unit,
    ) {
        var from = 0
        var to = keys.sorted.size
        for (stop in start + 1..text.size) {
            val depth = stop - 1 - start
            val byte = text[stop - 1].toInt() and 0xFF
            from = keys.lower(from, to, depth, byte)
            to = keys.lower(from, to, depth, byte + 1)
            if (from == to) return
            if (stop < text.size && Utf8.isStart(text[stop])) {
                val longer = keys.lower(from, to, depth + 1, 0)
                if (longer > from) part(stop, from, longer)
            }
        }
        whole(from, to)
    }

    private fun shareOf(keys: SortedKeys, from: Int, to: Int): Double {
        var share = 0.0
        for (rank in from until to) share += innerShare[keys.sorted[rank]]
        return share
    }

    private fun innerShares(): DoubleArray {
        val largest = inner.maxOfOrNull { tokenizer.score(it) } ?: 0f
        var sum = 0.0
        for (id in inner) sum += exp((tokenizer.score(id) - largest).toDouble())
        val all = if (inner.isEmpty()) Double.POSITIVE_INFINITY else largest + ln(sum)
        return DoubleArray(tokenizer.vocabularySize) { exp(tokenizer.score(it) - all) }
    }

    private fun afterSpaces(): IntArray {
        val known = ids.associateBy { tokenizer.piece(it) }
        return IntArray(tokenizer.vocabularySize) {
            known[WORD_START + tokenizer.piece(it)] ?: it
        }
    }

    private fun keysOf(key: (Int) -> String): SortedKeys {
        val bytes = Utf8(8 * tokenizer.vocabularySize)
        val offsets = IntArray(tokenizer.vocabularySize + 1)
        var next = 0
        for (id in ids) {
            while (next <= id) offsets[next++] = bytes.size
            bytes.append(key(id))
        }
        while (next < offsets.size) offsets[next++] = bytes.size
        return SortedKeys(bytes.toByteArray(), offsets, ids)
    }

    private fun keys(apostrophes: Boolean) = if (apostrophes) folded else bare

    private fun isInWord(id: Int): Boolean {
        if (!tokenizer.isText(id)) return false
        val text = text(id)
        return skip(text, 0) { isInner(it) } == text.length
    }

    /** Of which pieces that are part of a word the first letter is such a one [V]. */
    private fun firstLetters(such: (Int) -> Boolean): BooleanArray {
        val found = BooleanArray(tokenizer.vocabularySize)
        for (id in ids) {
            val text = text(id)
            val letter = skip(text, 0) { !isLetter(it) }
            found[id] = letter < text.length && such(text.codePointAt(letter))
        }
        return found
    }

    private fun beginsWord(rest: ByteArray): Boolean =
        WORD_START_BYTES.indices.all { it < rest.size && rest[it] == WORD_START_BYTES[it] }

    private companion object {
        const val SMALLEST_FIT = 1e-12
        val WORD_START_BYTES = WORD_START.toString().toByteArray(Charsets.UTF_8)
    }
}

/** Pieces that may go on, as ranges of [ids] that fit equally well. */
internal class Continuations(private val ids: IntArray) {
    private var ranges = IntArray(2 * 8)
    private var logFits = DoubleArray(8)
    private var count = 0

    /** Adds pieces that so large a share of ways to go on fit. */
    fun add(from: Int, to: Int, fit: Double) {
        if (count == logFits.size) {
            ranges = ranges.copyOf(4 * count)
            logFits = logFits.copyOf(2 * count)
        }
        ranges[2 * count] = from
        ranges[2 * count + 1] = to
        logFits[count++] = ln(fit)
    }

    /** All pieces, each with the logarithm of how well it fits. */
    inline fun forEach(visit: (Int, Double) -> Unit) {
        for (range in 0 until count) {
            for (i in ranges[2 * range] until ranges[2 * range + 1]) visit(ids[i], logFits[range])
        }
    }
}
