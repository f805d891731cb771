package org.pocketlm.engine

import java.io.File
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config

/** The engine where each version of Android has a class loader, and so its own copy of the library. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [26, 35])
class ExecuTorchEngineOnAndroidTest {
    @Test
    fun `it runs`() {
        HostNatives.load()
        val program = File(System.getProperty("pocketlm.assets"), "bundles/en-base/model.pte")
        ExecuTorchEngine.open(program).use { engine ->
            val step = engine.step(1, engine.initialState())
            assertTrue(step.logits.all { it.isFinite() })
        }
    }
}
