package org.pocketlm.engine

import com.facebook.soloader.nativeloader.NativeLoader
import com.facebook.soloader.nativeloader.NativeLoaderDelegate
import java.io.File

/**
 * ExecuTorch's native methods on this machine: the library of `android_demo/native`.
 *
 * A library belongs to one class loader, and each SDK level of Robolectric has its own: every loader
 * loads a copy. The classes' own requests for a library of Android's are answered with "it is there".
 */
object HostNatives {
    init {
        NativeLoader.initIfUninitialized(AllThere)
        val library = File(System.getProperty("executorch.jni"))
        val copy = File.createTempFile("executorch_jni", ".so")
        library.copyTo(copy, overwrite = true)
        System.load(copy.path)
        copy.delete() // it is mapped, which is enough
    }

    /** To be called before the first class of ExecuTorch is used. */
    fun load() = Unit

    private object AllThere : NativeLoaderDelegate {
        override fun loadLibrary(shortName: String, flags: Int): Boolean = true

        override fun getLibraryPath(libName: String): String? = null

        override fun getSoSourcesVersion(): Int = 0
    }
}
