package org.pocketlm.bundle

import android.content.res.AssetManager
import java.io.File
import java.io.FileOutputStream
import java.io.IOException

/**
 * The bundles in the app's assets, copied out once so that the program can be memory-mapped.
 *
 *     assets/bundles/NAME/ -> files/bundles/NAME-HASH/
 *
 * An asset is no file, and only a file can be mapped without becoming private memory. HASH is that
 * of the manifest, so that an app's update with another model copies again, and then removes the
 * earlier copy. A copy appears under its name whole or not at all. Thread: any; copies wait
 * for each other.
 */
class BundleStore(private val assets: AssetManager, private val files: File) {
    /** The names of all bundles in the assets, sorted. */
    fun names(): List<String> = assets.list(BUNDLES).orEmpty()
        .map { it.substringBefore('/') } // Robolectric lists what is inside folders too
        .distinct().filter { manifestOrNull(it) != null }.sorted()

    /** What a bundle in the assets is; [BundleException] if its manifest is missing or damaged. */
    fun manifest(name: String): Manifest = Manifest.parse(text("$BUNDLES/$name/${Bundle.MANIFEST}"))

    /**
     * The bundle as files, each checked; a copy that is damaged is made anew once.
     *
     * [BundleException] if there is none of that name, it is damaged, or there is no space.
     */
    fun install(name: String): Bundle = synchronized(COPYING) {
        val manifest = manifest(name)
        val target = File(folder(), "$name-${manifest.sha256.take(HASH_DIGITS)}")
        if (target.isDirectory) {
            try {
                return@synchronized Bundle.open(target)
            } catch (_: BundleException) {
                target.deleteRecursively()
            }
        }
        copy(name, manifest, target)
        removeOthers(name, target)
        Bundle.open(target)
    }

    private fun copy(name: String, manifest: Manifest, target: File) {
        val temporary = File(folder(), ".$name.tmp")
        try {
            temporary.deleteRecursively()
            if (!temporary.mkdirs()) throw IOException("no folder can be made for it")
            for (file in manifest.files.keys - Bundle.WEIGHTS + Bundle.MANIFEST) {
                assets.open("$BUNDLES/$name/$file").use { input ->
                    FileOutputStream(File(temporary, file)).use { output ->
                        input.copyTo(output)
                        output.fd.sync()
                    }
                }
            }
            if (!temporary.renameTo(target)) throw IOException("its folder cannot be renamed")
        } catch (e: IOException) {
            throw BundleException("the bundle $name cannot be copied: ${e.message}", e)
        } finally {
            temporary.deleteRecursively()
        }
    }

    private fun removeOthers(name: String, kept: File) {
        val copies = Regex(Regex.escape(name) + "-[0-9a-f]{$HASH_DIGITS}")
        folder().listFiles().orEmpty()
            .filter { it != kept && it.name.matches(copies) }
            .forEach { it.deleteRecursively() }
    }

    private fun folder() = File(files, BUNDLES)

    private fun manifestOrNull(name: String): Manifest? = try {
        manifest(name)
    } catch (_: BundleException) {
        null
    }

    private fun text(path: String): String = try {
        assets.open(path).use { it.readBytes().toString(Charsets.UTF_8) }
    } catch (e: IOException) {
        throw BundleException("$path is not in the app", e)
    }

    private companion object {
        const val BUNDLES = "bundles"
        const val HASH_DIGITS = 16
        val COPYING = Any() // one at a time in a process
    }
}
