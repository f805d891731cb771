package org.pocketlm

import org.pocketlm.engine.EngineFactory
import org.pocketlm.engine.ExecuTorchEngine
import org.pocketlm.engine.HostNatives

/**
 * The engines that the golden cases are run on.
 *
 * @property absolute how far a probability may be from what Python's ExecuTorch runtime says,
 * @property relative or how far as a share of it.
 */
class TestEngine(
    val name: String,
    val absolute: Double,
    val relative: Double,
    private val factory: EngineFactory,
) : EngineFactory by factory {
    override fun toString() = name

    companion object {
        /** In Kotlin alone; its weights are not just those of the program. */
        val EAGER = TestEngine("eager", 0.0, 0.15, EagerGru)

        /** The one that phones run: the same kernels, built for this machine. */
        val EXECUTORCH = TestEngine("ExecuTorch", 1e-4, 1e-4) { program ->
            HostNatives.load()
            ExecuTorchEngine.open(program)
        }
        val hasNatives: Boolean get() = !System.getProperty("executorch.jni").isNullOrEmpty()
    }
}
