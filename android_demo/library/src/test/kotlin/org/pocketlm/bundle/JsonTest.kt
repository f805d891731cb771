package org.pocketlm.bundle

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Test

class JsonTest {
    @Test
    fun `is written as Python's json dumps with sorted keys writes it`() {
        val text = """{"b": [1, -2.50, 1e-07, true, null], "a": {"ü\n\u0001\"\\/": "😀"}, "c": {}, "d": []}"""
        val canonical = """{"a": {"ü\n\u0001\"\\/": "😀"}, "b": [1, -2.50, 1e-07, true, null], "c": {}, "d": []}"""
        assertEquals(canonical, Json.parse(text).canonical())
    }

    @Test
    fun `white space makes no difference`() {
        assertEquals("""{"a": [1, 2]}""", Json.parse("\n{ \"a\" :\t[1 ,2 ] } ").canonical())
    }

    @Test
    fun `reads members`() {
        val json = Json.parse("""{"n": 12, "t": "\u00e9\t"}""")
        assertEquals(12L, json["n"].whole())
        assertEquals("é\t", json["t"].text())
        assertThrows(IllegalArgumentException::class.java) { json["missing"] }
        assertThrows(IllegalArgumentException::class.java) { json["t"].whole() }
        assertThrows(IllegalArgumentException::class.java) { json["n"].text() }
    }

    @Test
    fun `every text that is cut short is refused in one line`() {
        val text = """{"a": [1, {"b": "c\u00e9\n"}, true], "d": -1.5e+3}"""
        for (length in 0 until text.length) {
            val error = assertThrows(IllegalArgumentException::class.java) { Json.parse(text.take(length)) }
            assertEquals(1, error.message!!.lines().size)
        }
    }

    @Test
    fun `what JSON does not allow is refused`() {
        val wrong = listOf(
            "01", "+1", ".5", "1.", "1e", "NaN", "Infinity", "tru", "'a'", "{a: 1}", """{"a" 1}""", "[1,]",
            """{"a": 1,}""", "[1 2]", "[1]]", "\"\t\"", """"\x"""", """"\u12g4"""", """{"a": 1, "a": 2}""", "",
            "[".repeat(100_000),
        )
        for (text in wrong) assertThrows(text.take(20), IllegalArgumentException::class.java) { Json.parse(text) }
    }
}
