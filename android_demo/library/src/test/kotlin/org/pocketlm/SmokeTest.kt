package org.pocketlm
import org.junit.Assert.assertEquals
import org.junit.Test
class SmokeTest { @Test fun one() = assertEquals(1, 1) }
