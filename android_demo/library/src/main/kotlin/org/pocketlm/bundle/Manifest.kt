package org.pocketlm.bundle

import java.security.MessageDigest

/** What a bundle's `manifest.json` says of it (docs/bundle.md), checked against its own hash. */
class Manifest private constructor(
    val name: String,
    val recipe: String,
    val files: Map<String, FileEntry>,
    val vocabularySize: Int,
    val hidden: Int,
    val layers: Int,
    val parameters: Long,
    /** SHA-256 of the manifest's content: another bundle has another. */
    val sha256: String,
) {
    class FileEntry(val bytes: Long, val sha256: String)

    companion object {
        private const val FORMAT_VERSION = 1L
        private const val OWN_HASH = "manifest_sha256"
        private val HASH = Regex("[0-9a-f]{64}")
        private val KNOWN = setOf("model.pte", "tokenizer.model", "lexicon.bin", "weights.safetensors")
        private val NEEDED = listOf("model.pte", "tokenizer.model")

        /** Reads a manifest; [BundleException] with one line if it is damaged or of another format. */
        fun parse(text: String): Manifest = try {
            read(Json.parse(text))
        } catch (e: IllegalArgumentException) {
            throw BundleException("manifest.json: ${e.message}", e)
        }

        private fun read(json: Json): Manifest {
            require(json is Json.Object) { "a JSON object was expected" }
            val format = json["format_version"].whole()
            require(format == FORMAT_VERSION) { "format $format, this keyboard reads $FORMAT_VERSION" }
            val hash = sha256(Json.Object(json.members - OWN_HASH).canonical().toByteArray())
            require(json[OWN_HASH].text() == hash) { "it does not match its own hash" }
            val model = json["model"]
            val files = files(json["files"])
            return Manifest(
                json["name"].text(),
                json["recipe"].text(),
                files,
                model["vocabulary_size"].size(),
                model["hidden"].size(),
                model["layers"].size(),
                model["parameters"].whole(),
                hash,
            )
        }

        private fun files(json: Json): Map<String, FileEntry> {
            require(json is Json.Object) { "its files are no object" }
            for (name in NEEDED) require(name in json.members) { "it lists no $name" }
            // Names become paths, so only those that a bundle has are taken.
            for (name in json.members.keys) require(name in KNOWN) { "it lists a file that no bundle has" }
            return json.members.mapValues { (name, entry) ->
                val sha256 = entry["sha256"].text()
                require(HASH.matches(sha256)) { "the hash of $name is none" }
                FileEntry(entry["bytes"].whole(), sha256)
            }
        }

        private fun Json.size(): Int {
            val size = whole()
            require(size in 1..(1 shl 20)) { "a size of $size" }
            return size.toInt()
        }
    }
}

/** A bundle that cannot be used; the message is one line for the settings screen. */
class BundleException(message: String, cause: Throwable? = null) : Exception(message, cause)

internal fun sha256(bytes: ByteArray): String = hex(MessageDigest.getInstance("SHA-256").digest(bytes))

internal fun hex(bytes: ByteArray): String = bytes.joinToString("") { "%02x".format(it) }
