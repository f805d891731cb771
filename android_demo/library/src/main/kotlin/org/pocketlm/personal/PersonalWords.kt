package org.pocketlm.personal

import org.pocketlm.text.fold
import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import kotlin.math.pow

/**
 * How often the user typed which words, in one small file on the device and nowhere else.
 *
 * A word counts less as it gets older: its count halves every [HALF_LIFE_DAYS] days. At most
 * [MOST_WORDS] are kept, the least used go first. Each word's entry stands by itself, so that
 * [forget] leaves nothing of it: neither the file nor any other number depends on it any more.
 * (What a flash chip keeps of overwritten blocks is beyond an app's reach.)
 *
 * Only runs of letters and apostrophes are learnt: no digits, hence no codes, numbers and few
 * passwords. A word is suggested from its [LEAST_COUNT]nd use on, so that a slip is not.
 *
 * Thread: any; each call locks. Disk: [save] writes a temporary file and renames it.
 */
class PersonalWords(private val file: File, private val today: () -> Int) {
    /** The way a word is written, its count on `day`, and that day (since 1970). */
    private class Entry(val word: String, val count: Double, val day: Int)

    private val entries = HashMap<String, Entry>()
    private var changed = false

    /** Another one after each [forget] and [wipe]; see [learn]. Reading it waits for no [save]. */
    @Volatile
    var generation = 0
        private set

    init {
        temporary().delete() // of a process that was killed
        read()
    }

    val size: Int @Synchronized get() = entries.size

    /**
     * Counts one use of a word; what is not a plain word is ignored, and what was typed in an earlier
     * [generation], so that nothing comes back that was forgotten meanwhile.
     */
    @Synchronized
    fun learn(word: String, typedIn: Int = generation) {
        if (typedIn != generation) return
        val key = key(word) ?: return
        val known = entries[key]
        entries[key] = Entry(spelling(known?.word, word), (known?.let(::now) ?: 0.0) + 1, today())
        if (entries.size > MOST_WORDS) dropLeast()
        changed = true
    }

    /**
     * Removes a word in all its spellings, from the file too; where that cannot be written anew, it is
     * removed as a whole, and written when there is space again.
     */
    @Synchronized
    fun forget(word: String) {
        generation++
        if (entries.remove(fold(word)) != null) changed = true
        if (!save()) file.delete()
    }

    /** Removes everything, and the file. */
    @Synchronized
    fun wipe() {
        generation++
        entries.clear()
        changed = false
        file.delete()
        temporary().delete()
    }

    @Synchronized
    operator fun contains(word: String): Boolean = fold(word) in entries

    /** The sum of all counts as of today. */
    @Synchronized
    fun total(): Double = entries.values.sumOf(::now)

    /** Words that were used often enough and fit, each with its count as of today. */
    @Synchronized
    fun fitting(fits: (String) -> Boolean): List<Pair<String, Double>> =
        entries.values.mapNotNull { entry ->
            val count = now(entry)
            if (count >= LEAST_COUNT - DECAY_TOLERANCE && fits(entry.word)) entry.word to count else null
        }

    /** Writes what changed. False if it cannot: then the file is as it was, and nothing is lost. */
    @Synchronized
    fun save(): Boolean {
        if (!changed) return true
        val lines = entries.values.sortedBy { it.word }
            .joinToString("\n", "$HEADER\n", "\n") { "${it.day} ${it.count} ${it.word}" }
        try {
            FileOutputStream(temporary()).use {
                it.write(lines.toByteArray())
                it.fd.sync()
            }
            if (temporary().renameTo(file)) changed = false
        } catch (_: IOException) {
            // Said by the result.
        } finally {
            temporary().delete()
        }
        return !changed
    }

    private fun now(entry: Entry): Double {
        val age = (today() - entry.day).coerceAtLeast(0)
        return entry.count * 0.5.pow(age / HALF_LIFE_DAYS)
    }

    private fun dropLeast() {
        entries.remove(entries.entries.minByOrNull { now(it.value) }!!.key)
    }

    private fun read() {
        val lines = try {
            if (file.length() > LARGEST_FILE) emptyList() else file.readLines()
        } catch (_: IOException) {
            emptyList()
        }
        if (lines.firstOrNull() != HEADER) return
        for (line in lines.drop(1).take(MOST_WORDS)) {
            val (day, count, word) = line.split(' ').takeIf { it.size == FIELDS } ?: continue
            val entry = Entry(word, count.toDoubleOrNull() ?: continue, day.toIntOrNull() ?: continue)
            if (entry.count.isFinite() && entry.count > 0) key(word)?.let { entries[it] = entry }
        }
    }

    private fun temporary() = File(file.path + ".tmp")

    companion object {
        const val MOST_WORDS = 2000
        const val HALF_LIFE_DAYS = 60.0
        const val LEAST_COUNT = 2
        private const val DECAY_TOLERANCE = 0.5 // so that two uses count for some weeks
        private const val HEADER = "pocketlm personal words 1"
        private const val FIELDS = 3
        private const val LARGEST_FILE = 1L shl 18
        private val LENGTHS = 2..32

        private fun key(word: String): String? =
            fold(word).takeIf {
                word.length in LENGTHS && word.all { c -> c.isLetter() || c == '\'' } &&
                    word.first().isLetter() && word.last().isLetter()
            }

        /** Capitals may be those of a sentence or of a line: what was seen with fewer wins. */
        private fun spelling(known: String?, word: String): String = when {
            known == null || known == known.uppercase() -> word
            word.first().isUpperCase() && word.drop(1) == word.drop(1).lowercase() -> known
            word == word.uppercase() -> known
            else -> word
        }
    }
}
