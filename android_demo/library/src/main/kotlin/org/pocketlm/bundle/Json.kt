package org.pocketlm.bundle

/**
 * JSON as a bundle's manifest holds it, strictly read and written again as Python's `json.dumps` does.
 *
 * Numbers are kept as they are written: the manifest's own hash is over its text, and another
 * runtime's way to print 0.1 must not change it.
 */
sealed class Json {
    class Object(val members: Map<String, Json>) : Json()

    class Array(val items: List<Json>) : Json()

    class Text(val value: String) : Json()

    /** A number, or `true`, `false`, `null`. */
    class Literal(val text: String) : Json()

    /** The member of an object; [IllegalArgumentException] if this has none of that name. */
    operator fun get(name: String): Json =
        requireNotNull((this as? Object)?.members?.get(name)) { "no \"$name\" in it" }

    fun text(): String = requireNotNull((this as? Text)?.value) { "a text was expected" }

    fun whole(): Long = requireNotNull((this as? Literal)?.text?.toLongOrNull()) { "a whole number was expected" }

    /** Sorted keys, `", "` and `": "` between, nothing escaped that need not be. */
    fun canonical(): String = StringBuilder().also { write(it) }.toString()

    private fun write(out: StringBuilder) {
        when (this) {
            is Literal -> out.append(text)
            is Text -> quote(value, out)
            is Array -> items.joinWith(out, '[', ']') { it.write(out) }
            is Object -> members.toSortedMap().entries.joinWith(out, '{', '}') {
                quote(it.key, out)
                out.append(": ")
                it.value.write(out)
            }
        }
    }

    companion object {
        private const val DEEPEST = 32

        /** Reads one value; [IllegalArgumentException] with one line if `text` is none. */
        fun parse(text: String): Json = JsonReader(text, DEEPEST).document()

        private fun <T> Collection<T>.joinWith(out: StringBuilder, open: Char, close: Char, each: (T) -> Unit) {
            out.append(open)
            forEachIndexed { i, item ->
                if (i > 0) out.append(", ")
                each(item)
            }
            out.append(close)
        }

        private fun quote(value: String, out: StringBuilder) {
            out.append('"')
            for (c in value) {
                when (c) {
                    '"' -> out.append("\\\"")
                    '\\' -> out.append("\\\\")
                    '\n' -> out.append("\\n")
                    '\r' -> out.append("\\r")
                    '\t' -> out.append("\\t")
                    '\b' -> out.append("\\b")
                    '\u000c' -> out.append("\\f")
                    else -> if (c < ' ') out.append("\\u%04x".format(c.code)) else out.append(c)
                }
            }
            out.append('"')
        }
    }
}

private class JsonReader(private val text: String, private val deepest: Int) {
    private var at = 0

    fun document(): Json {
        val value = value(0)
        space()
        require(at == text.length) { "more text after the JSON value, at character $at" }
        return value
    }

    private fun value(depth: Int): Json {
        require(depth <= deepest) { "JSON nested deeper than $deepest" }
        space()
        return when (peek()) {
            '{' -> members(depth)
            '[' -> items(depth)
            '"' -> Json.Text(string())
            else -> literal()
        }
    }

    private fun members(depth: Int): Json {
        val members = LinkedHashMap<String, Json>()
        list('}') {
            space()
            val name = string()
            space()
            take(':')
            require(members.put(name, value(depth + 1)) == null) { "\"$name\" stands twice in an object" }
        }
        return Json.Object(members)
    }

    private fun items(depth: Int): Json {
        val items = ArrayList<Json>()
        list(']') { items += value(depth + 1) }
        return Json.Array(items)
    }

    private fun list(close: Char, item: () -> Unit) {
        at++
        space()
        if (peek() == close) {
            at++
            return
        }
        do {
            item()
            space()
            val more = peek() == ','
            if (more) at++ else take(close)
        } while (more)
    }

    private fun string(): String {
        take('"')
        val out = StringBuilder()
        while (true) {
            when (val c = next()) {
                '"' -> return out.toString()
                '\\' -> out.append(escaped())
                else -> {
                    require(c >= ' ') { "a control character in a string, at character $at" }
                    out.append(c)
                }
            }
        }
    }

    private fun escaped(): Char = when (val c = next()) {
        '"', '\\', '/' -> c
        'n' -> '\n'
        'r' -> '\r'
        't' -> '\t'
        'b' -> '\b'
        'f' -> '\u000c'
        'u' -> {
            require(at + 4 <= text.length) { "the JSON is cut short" }
            val code = text.substring(at, at + 4).toIntOrNull(16)
            at += 4
            requireNotNull(code) { "a bad \\u, at character $at" }.toChar()
        }
        else -> throw IllegalArgumentException("a bad escape, at character $at")
    }

    private fun literal(): Json {
        val start = at
        while (at < text.length && (text[at].isLetterOrDigit() || text[at] in "+-.")) at++
        val literal = text.substring(start, at)
        require(literal.matches(LITERAL)) { "no JSON value, at character $start" }
        return Json.Literal(literal)
    }

    private fun space() {
        while (at < text.length && text[at] in " \n\r\t") at++
    }

    private fun peek(): Char {
        require(at < text.length) { "the JSON is cut short" }
        return text[at]
    }

    private fun next(): Char = peek().also { at++ }

    private fun take(expected: Char) {
        require(next() == expected) { "'$expected' was expected, at character ${at - 1}" }
    }

    private companion object {
        val LITERAL = Regex("true|false|null|-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")
    }
}
