package org.pocketlm.bundle

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import java.io.File

@RunWith(RobolectricTestRunner::class)
@Config(sdk = [26, 35])
class BundleStoreTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private val store by lazy { BundleStore(RuntimeEnvironment.getApplication().assets, temporary.root) }

    private fun copies() = File(temporary.root, "bundles").list().orEmpty().sorted()

    @Test
    fun `lists the bundles in the app`() {
        assertTrue(store.names().containsAll(listOf("en-base", "en-base-xnnpack")))
    }

    @Test
    fun `a bundle is copied once`() {
        val program = store.install("en-base").program
        val copied = program.lastModified()
        program.setLastModified(copied - 60_000)
        assertEquals(copied - 60_000, store.install("en-base").program.lastModified())
        assertEquals(1, copies().size)
    }

    @Test
    fun `a damaged copy is made anew`() {
        val program = store.install("en-base").program
        program.writeText("damaged")
        assertEquals(store.manifest("en-base").files.getValue("model.pte").bytes, store.install("en-base").program.length())
    }

    @Test
    fun `an earlier version's copy is removed, another bundle's stays`() {
        val old = File(temporary.root, "bundles/en-base-0123456789abcdef").apply { mkdirs() }
        val other = store.install("en-base-xnnpack").folder
        val now = store.install("en-base").folder
        assertEquals(listOf(now.name, other.name).sorted(), copies())
        assertTrue(!old.exists())
    }

    @Test
    fun `what is not in the app is refused in one line`() {
        val message = assertThrows(BundleException::class.java) { store.install("../en-base") }.message!!
        assertTrue(message, message.endsWith("is not in the app"))
    }

    @Test
    fun `where there is no space nothing is left behind`() {
        val blocked = File(temporary.root, "bundles").apply { writeText("a file in the folder's place") }
        assertThrows(BundleException::class.java) { store.install("en-base") }
        assertTrue(blocked.isFile)
    }
}
