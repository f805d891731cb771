package org.pocketlm.bundle

import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.pocketlm.TestBundles
import java.io.File
import java.io.RandomAccessFile

class BundleTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private fun copy(): File = TestBundles.copy("en-base", temporary.newFolder())

    private fun refusal(folder: File): String {
        val message = assertThrows(BundleException::class.java) { Bundle.open(folder) }.message!!
        assertFalse(message, message.contains('\n'))
        return message
    }

    @Test
    fun `an exported bundle opens, and says what it is`() {
        val bundle = Bundle.open(TestBundles.folder("en-base"))
        assertEquals("en-base", bundle.manifest.name)
        assertEquals("zero-copy", bundle.manifest.recipe)
        assertEquals(8192, bundle.manifest.vocabularySize)
        assertTrue(bundle.program.isFile)
        assertNotNull(bundle.lexicon())
        assertFalse("no phone needs the weights", "weights.safetensors" in bundle.manifest.files)
    }

    @Test
    fun `one changed bit anywhere is seen`() {
        for (name in listOf("manifest.json", "model.pte", "tokenizer.model", "lexicon.bin")) {
            val folder = copy()
            RandomAccessFile(File(folder, name), "rw").use {
                it.seek(it.length() / 2)
                val byte = it.read()
                it.seek(it.length() / 2)
                it.write(byte xor 1)
            }
            assertTrue(refusal(folder).contains(name))
        }
    }

    @Test
    fun `a file that is cut short or missing is named`() {
        val folder = copy()
        RandomAccessFile(File(folder, "model.pte"), "rw").use { it.setLength(it.length() - 1) }
        assertTrue(refusal(folder).startsWith("model.pte has"))
        File(folder, "model.pte").delete()
        assertEquals("model.pte is missing", refusal(folder))
        File(folder, "manifest.json").delete()
        assertTrue(refusal(folder).startsWith("manifest.json cannot be read"))
    }

    @Test
    fun `a manifest that names a path outside is refused even if its hash is right`() {
        val folder = copy()
        val manifest = File(folder, "manifest.json")
        val json = Json.parse(manifest.readText()) as Json.Object
        val files = (json["files"] as Json.Object).members
        val entry = files.getValue("lexicon.bin")
        manifest.writeText(signed(json.members + ("files" to Json.Object(files + ("../../other" to entry)))))
        assertEquals("manifest.json: it lists a file that no bundle has", refusal(folder))
    }

    @Test
    fun `another format and a size out of range are refused`() {
        val folder = copy()
        val manifest = File(folder, "manifest.json")
        val members = (Json.parse(manifest.readText()) as Json.Object).members
        manifest.writeText(signed(members + ("format_version" to Json.Literal("2"))))
        assertEquals("manifest.json: format 2, this keyboard reads 1", refusal(folder))
        val model = (members.getValue("model") as Json.Object).members
        val huge = Json.Object(model + ("hidden" to Json.Literal("99999999999")))
        manifest.writeText(signed(members + ("model" to huge)))
        assertEquals("manifest.json: a size of 99999999999", refusal(folder))
    }

    private fun signed(members: Map<String, Json>): String {
        val content = members - "manifest_sha256"
        val hash = sha256(Json.Object(content).canonical().toByteArray())
        return Json.Object(content + ("manifest_sha256" to Json.Text(hash))).canonical()
    }
}
