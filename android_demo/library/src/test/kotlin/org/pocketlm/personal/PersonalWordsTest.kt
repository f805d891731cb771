package org.pocketlm.personal

import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.pocketlm.suggest.Suggestion
import java.io.File
import java.nio.file.Files

class PersonalWordsTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private var day = 20_000
    private val file by lazy { File(temporary.root, "words") }

    private fun open() = PersonalWords(file) { day }

    private fun PersonalWords.counts() = fitting { true }.toMap()

    private fun PersonalWords.type(text: String) = text.split(' ').forEach(::learn)

    private fun mix(words: PersonalWords, prefix: String, vararg model: Suggestion, blocked: Set<String> = setOf()) =
        PersonalMixture.mix(model.toList(), words, prefix, false, false, blocked, 3)

    @Test
    fun `a word counts from its second use on`() {
        val words = open()
        words.type("zbrtk hello hello")
        assertEquals(mapOf("hello" to 2.0), words.counts())
    }

    @Test
    fun `codes, numbers and single letters are not learnt`() {
        val words = open()
        repeat(3) { words.type("hunter2 1234 a x' 'tis \uD83D\uDE00 ${"w".repeat(33)}") }
        assertEquals(0, words.size)
    }

    @Test
    fun `lower case wins over a capital that may be the sentence's`() {
        val words = open()
        words.type("Zora zora Zora McDoe mcdoe McDoe Berlin Berlin")
        assertEquals(setOf("zora", "McDoe", "Berlin"), words.counts().keys)
        words.type("ZORA BERLIN NATO NATO ZOE Zoe")
        assertEquals(setOf("zora", "McDoe", "Berlin", "NATO", "Zoe"), words.counts().keys)
    }

    @Test
    fun `a line of capitals is answered with capitals`() {
        val words = open()
        words.type("zora zora zoe zoe")
        fun loud(prefix: String) =
            PersonalMixture.mix(emptyList(), words, prefix, false, true, setOf(), 3).map { it.word }.toSet()
        assertEquals(setOf("ZORA", "ZOE"), loud(""))
        assertEquals(setOf("ZORA", "ZOE"), loud("Z"))
        assertEquals(emptySet<String>(), loud("ZOE"))
    }

    @Test
    fun `what was saved is there again`() {
        val words = open()
        words.type("zora zora don't don't")
        words.save()
        assertEquals(words.counts(), open().counts())
    }

    @Test
    fun `a count halves with its half-life`() {
        val words = open()
        repeat(8) { words.learn("zora") }
        day += PersonalWords.HALF_LIFE_DAYS.toInt()
        assertEquals(4.0, words.counts().getValue("zora"), 1e-9)
        words.learn("zora")
        assertEquals(5.0, words.counts().getValue("zora"), 1e-9)
    }

    @Test
    fun `forgetting leaves the file as if the word had never been typed`() {
        val without = open()
        without.type("hello hello there there there")
        without.save()
        val expected = file.readBytes()
        without.wipe()

        val words = open()
        words.type("hello Zora zora hello there there zora there")
        words.save()
        assertTrue(file.readText().contains("zora"))
        words.forget("ZORA")
        assertEquals(String(expected), file.readText())
        assertFalse("zora" in words)
        assertEquals(listOf("words"), temporary.root.list()!!.toList())
    }

    @Test
    fun `a forgotten word does not come back from what was typed before`() {
        val words = open()
        val typedIn = words.generation
        words.type("zora zora")
        words.forget("zora")
        words.learn("zora", typedIn)
        assertFalse("zora" in words)
        words.learn("zora")
        assertTrue("zora" in words)
    }

    @Test
    fun `where the file cannot be written anew forgetting removes it`() {
        val words = open()
        words.type("zora zora hello hello")
        words.save()
        assertTrue(File(temporary.root, "words.tmp").mkdir()) // in the temporary file's place
        File(temporary.root, "words.tmp/full").createNewFile()
        words.forget("zora")
        assertFalse(file.exists())
        assertTrue("hello" in words)
    }

    @Test
    fun `what a killed process left half-written is removed`() {
        File(temporary.root, "words.tmp").writeText("zora")
        open()
        assertEquals(0, temporary.root.list()!!.size)
    }

    @Test
    fun `wiping removes the file`() {
        val words = open()
        words.type("zora zora")
        words.save()
        words.wipe()
        words.save()
        assertFalse(file.exists())
        assertEquals(0, open().size)
    }

    @Test
    fun `it stays bounded, and the least used go first`() {
        val words = open()
        repeat(3) { words.learn("kept") }
        for (i in 0 until PersonalWords.MOST_WORDS + 500) words.learn("w" + letters(i))
        assertEquals(PersonalWords.MOST_WORDS, words.size)
        assertTrue("kept" in words)
        words.save()
        assertTrue(file.length() < 100_000)
    }

    @Test
    fun `a file that is damaged or not ours is read as far as it makes sense`() {
        file.writeText("pocketlm personal words 1\n20000 2.0 zora\nnonsense\n20000 NaN nan\n20000 -1 minus\n1 2 3 4\n")
        assertEquals(setOf("zora"), open().counts().keys)
        file.writeText("something else\n20000 2.0 zora\n")
        assertEquals(0, open().size)
        Files.write(file.toPath(), ByteArray(1 shl 20))
        assertEquals(0, open().size)
    }

    @Test
    fun `where it cannot be written the keyboard goes on`() {
        val words = PersonalWords(File(temporary.root, "missing/words")) { day }
        words.type("zora zora")
        words.save()
        assertEquals(setOf("zora"), words.counts().keys)
    }

    @Test
    fun `own words join the model's, the more the more was learnt`() {
        val words = open()
        words.type("Zora Zora Zora zoo zoo")
        val few = mix(words, "zo", Suggestion("zone", 0.002), Suggestion("zoo", 0.001))
        assertEquals(setOf("zone", "zoo", "Zora"), few.map { it.word }.toSet())
        repeat(500) { words.learn("Zora") }
        assertEquals("Zora", mix(words, "zo", Suggestion("zone", 0.002))[0].word)
    }

    @Test
    fun `the mixture is one distribution`() {
        val words = open()
        words.type("zora zora zora there")
        val share = PersonalMixture.MOST * 4 / (4 + PersonalMixture.PRIOR)
        val mixed = mix(words, "", Suggestion("there", 0.6), Suggestion("zora", 0.4)).associate { it.word to it.probability }
        // "there", typed once, is no word of one's own yet.
        assertEquals((1 - share) * 0.6, mixed.getValue("there"), 1e-12)
        assertEquals((1 - share) * 0.4 + share * 0.75, mixed.getValue("zora"), 1e-12)
    }

    @Test
    fun `own words follow the prefix in case and apostrophes, and the blocklist`() {
        val words = open()
        words.type("zora's zora's")
        assertEquals(listOf("zora's"), mix(words, "zoras").map { it.word })
        assertEquals(listOf("Zora's"), mix(words, "Zo").map { it.word })
        assertEquals(listOf("ZORA'S"), mix(words, "ZO").map { it.word })
        assertEquals(emptyList<Suggestion>(), mix(words, "zo", blocked = setOf("zora's")))
        assertEquals(emptyList<Suggestion>(), mix(words, "zora's"))
        assertEquals("it is there already", emptyList<Suggestion>(), mix(words, "Zora's"))
    }

    private fun letters(number: Int): String = number.toString().map { 'a' + (it - '0') }.joinToString("")
}
