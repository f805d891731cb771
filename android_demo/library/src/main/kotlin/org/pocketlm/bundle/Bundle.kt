package org.pocketlm.bundle

import java.io.File
import java.io.IOException
import java.security.MessageDigest

/**
 * A folder that an export made, every file of it checked against the manifest's SHA-256.
 *
 * The check is for damage, before the runtime maps the program; whoever can change a file can write
 * its hash too, which is why an app keeps its bundles where only it can write.
 */
class Bundle private constructor(val folder: File, val manifest: Manifest) {
    /** The program, to be memory-mapped. */
    val program: File get() = File(folder, "model.pte")

    fun tokenizer(): ByteArray = read("tokenizer.model")

    val tokenizerSha256: String get() = manifest.files.getValue("tokenizer.model").sha256

    /** The words that may be suggested; null where the bundle has no list of them. */
    fun lexicon(): ByteArray? = if ("lexicon.bin" in manifest.files) read("lexicon.bin") else null

    private fun read(name: String): ByteArray = try {
        File(folder, name).readBytes()
    } catch (e: IOException) {
        throw BundleException("$name cannot be read: ${e.message}", e)
    }

    companion object {
        const val MANIFEST = "manifest.json"
        private const val LARGEST_MANIFEST = 1 shl 20
        internal const val WEIGHTS = "weights.safetensors" // to train on from; no phone needs them

        /** Opens a bundle once all of it is checked; [BundleException] if a part is missing or damaged. */
        fun open(folder: File): Bundle {
            val manifest = Manifest.parse(manifestText(File(folder, MANIFEST)))
            for ((name, entry) in manifest.files) {
                if (name != WEIGHTS) check(File(folder, name), entry)
            }
            return Bundle(folder, manifest)
        }

        private fun manifestText(file: File): String {
            if (file.length() > LARGEST_MANIFEST) throw BundleException("$MANIFEST is too large")
            return try {
                file.readText()
            } catch (e: IOException) {
                throw BundleException("$MANIFEST cannot be read: ${e.message}", e)
            }
        }

        private fun check(file: File, expected: Manifest.FileEntry) {
            if (!file.isFile) throw BundleException("${file.name} is missing")
            if (file.length() != expected.bytes) {
                throw BundleException("${file.name} has ${file.length()} bytes, the manifest says ${expected.bytes}")
            }
            if (sha256(file) != expected.sha256) {
                throw BundleException("${file.name} does not match the SHA-256 in the manifest")
            }
        }

        private fun sha256(file: File): String {
            val digest = MessageDigest.getInstance("SHA-256")
            val buffer = ByteArray(1 shl 16)
            try {
                file.inputStream().use { input ->
                    while (true) {
                        val read = input.read(buffer)
                        if (read < 0) return hex(digest.digest())
                        digest.update(buffer, 0, read)
                    }
                }
            } catch (e: IOException) {
                throw BundleException("${file.name} cannot be read: ${e.message}", e)
            }
        }
    }
}
