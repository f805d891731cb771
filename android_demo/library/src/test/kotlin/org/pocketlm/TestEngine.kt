package org.pocketlm

import org.pocketlm.engine.EngineFactory
import org.pocketlm.engine.ExecuTorchEngine
import org.pocketlm.engine.HostNatives

/** The engines that the golden cases are run on. */
object TestEngine {
    /** In Kotlin alone; its weights are not just those of the program. */
    val EAGER: EngineFactory = EagerGru

    /** The one that phones run: the same kernels, built for this machine. */
    val EXECUTORCH = EngineFactory { program ->
        HostNatives.load()
        ExecuTorchEngine.open(program)
    }

    /** Whether there is a library to run [EXECUTORCH] with. */
    val hasNatives: Boolean get() = !System.getProperty("executorch.jni").isNullOrEmpty()
}
