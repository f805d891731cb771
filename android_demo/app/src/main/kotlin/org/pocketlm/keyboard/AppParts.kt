package org.pocketlm.keyboard

import android.content.Context
import android.os.Handler
import android.os.Looper
import org.pocketlm.bundle.BundleException
import org.pocketlm.bundle.BundleStore
import org.pocketlm.engine.EngineFactory
import org.pocketlm.engine.ExecuTorchEngine
import org.pocketlm.personal.PersonalLearning
import org.pocketlm.personal.PersonalWords
import org.pocketlm.session.ModelWords
import org.pocketlm.session.SuggestionWorker
import org.pocketlm.session.Suggestions
import org.pocketlm.suggest.Blocklist
import java.io.File
import java.io.IOException
import java.util.concurrent.TimeUnit

/**
 * The parts as the app has them: bundles of its assets, run by ExecuTorch, and the user's own words
 * in one file, where Android neither backs up nor transfers. See [Parts] for the thread.
 */
internal class AppParts(
    private val context: Context,
    private val engines: EngineFactory = ExecuTorchEngine,
) : Parts {
    private val store = BundleStore(context.assets, context.noBackupFilesDir)
    private val main = Handler(Looper.getMainLooper())

    override val personalWords: PersonalLearning by lazy {
        PersonalLearning(PersonalWords(File(context.noBackupFilesDir, "personal-words"), ::today), learning = false)
    }

    override val bundles = object : BundleChoices {
        override fun all() = store.names().map { BundleChoice(it, description(it)) }
    }

    override fun suggestions(preferences: Preferences): Suggestions {
        val blocked = if (preferences.offensive) emptySet() else offensiveWords()
        val chosen = preferences.bundle
        return SuggestionWorker({ open(chosen, blocked) }, { main.post(it) }, personalWords, blocked)
    }

    /** The chosen bundle, or the first where none was chosen or an update has taken it away. */
    private fun open(chosen: String?, blocked: Set<String>): ModelWords {
        val names = store.names()
        val name = names.find { it == chosen } ?: names.firstOrNull()
            ?: throw BundleException(context.getString(R.string.no_bundles))
        return ModelWords.open(store.install(name), engines, blocked)
    }

    private fun description(name: String): String {
        val manifest = store.manifest(name)
        val bytes = manifest.files.values.sumOf { it.bytes }
        return context.getString(R.string.bundle_description, manifest.recipe, manifest.parameters / 1e6, bytes / 1e6)
    }

    /** A build whose assets were not staged has no models either, so that nothing is let through. */
    private fun offensiveWords(): Set<String> = try {
        Blocklist.parse(context.assets.open("offensive.txt").bufferedReader().use { it.readText() })
    } catch (_: IOException) {
        emptySet()
    }

    private fun today(): Int = TimeUnit.MILLISECONDS.toDays(System.currentTimeMillis()).toInt()
}
