package org.pocketlm

import java.io.File

/** Bundles that scripts/test-android staged as the app's assets, and copies that a test may damage. */
object TestBundles {
    private val assets = File(requireNotNull(System.getProperty("pocketlm.assets")))

    fun folder(name: String): File = File(assets, "bundles/$name").also {
        check(it.isDirectory) { "$it is missing: run scripts/test-android, which stages it" }
    }

    fun copy(name: String, target: File): File {
        check(folder(name).copyRecursively(target, overwrite = true))
        return target
    }
}
