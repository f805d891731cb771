package org.pocketlm.keyboard

/** What a key does. */
sealed class Action {
    /** Types text; on a shifted board in upper case. */
    data class Type(val text: String) : Action()

    /** Shows another board. */
    data class Show(val board: Board) : Action()

    object Shift : Action()

    object Backspace : Action()

    object Enter : Action()

    object Space : Action()

    /** Goes to the next keyboard of the device. */
    object NextKeyboard : Action()
}

/**
 * A key. [width] is in tenths of the board's width; [more] are the characters that a long press
 * offers, the likeliest first; [gap] tenths are left free before it.
 */
data class Key(
    val action: Action,
    val width: Float = 1f,
    val more: List<String> = emptyList(),
    val gap: Float = 0f,
) {
    /** What it types, or null. */
    val text: String?
        get() = (action as? Action.Type)?.text
}

enum class Board {
    LETTERS,
    SYMBOLS,
    MORE_SYMBOLS,
    NUMBER,
    PHONE,
}

/** The two keys beside the space bar change with what a field takes. */
enum class Extras(val left: String, val right: String) {
    TEXT(",", "."),
    EMAIL("@", "."),
    URI("/", "."),
}

/**
 * The boards, as rows of keys.
 *
 * The letters are English QWERTY, with the accents of the languages around it on long press; the
 * digit that comes first on the letters of the top row is the row of digits.
 */
object Layouts {
    private val accents =
        mapOf(
                "e" to "é è ê ë ē ę ė",
                "r" to "ř",
                "t" to "þ ť",
                "y" to "ý ÿ",
                "u" to "ü ú ù û ū ů",
                "i" to "í ì î ï ī į",
                "o" to "ö ó ò ô õ ø œ ō",
                "a" to "ä á à â ã å æ ā ą",
                "s" to "ß ś š ş",
                "d" to "ð ď",
                "g" to "ğ",
                "l" to "ł ĺ",
                "z" to "ž ź ż",
                "c" to "ç ć č",
                "n" to "ñ ń ň",
            )
            .mapValues { it.value.split(" ") }

    private val signs =
        mapOf(
                "." to "! ? … : ; ' \"",
                "," to "; : ' \" ! ?",
                "-" to "– — _ ·",
                "'" to "’ ‘ ‚ ‹ ›",
                "\"" to "” “ „ « »",
                "?" to "¿ ‽",
                "!" to "¡",
                "$" to "€ £ ¥ ¢",
                "&" to "§",
                "%" to "‰ ℅",
                "+" to "±",
                "*" to "★ † ‡",
                "(" to "[ { <",
                ")" to "] } >",
                "/" to ": \\",
                "1" to "¹ ½ ⅓ ¼",
                "2" to "² ⅔",
                "3" to "³ ¾",
                "0" to "° ∅",
                "=" to "≠ ≈",
                "<" to "≤ «",
                ">" to "≥ »",
            )
            .mapValues { it.value.split(" ") }

    fun rows(board: Board, extras: Extras, nextKeyboard: Boolean): List<List<Key>> =
        when (board) {
            Board.LETTERS -> letters(extras, nextKeyboard)
            Board.SYMBOLS -> symbols(extras, nextKeyboard)
            Board.MORE_SYMBOLS -> moreSymbols(extras, nextKeyboard)
            Board.NUMBER -> pad("-", ",", ".", listOf("+", "="))
            Board.PHONE -> pad("+", "*", "#", listOf("(", ")"))
        }

    private fun letters(extras: Extras, nextKeyboard: Boolean) =
        listOf(
            "qwertyuiop".mapIndexed { i, letter -> letterKey(letter, listOf("${(i + 1) % 10}")) },
            "asdfghjkl"
                .mapIndexed { i, letter -> letterKey(letter, gap = if (i == 0) 0.5f else 0f) },
            listOf(Key(Action.Shift, 1.5f)) + "zxcvbnm".map { letterKey(it) } + backspace(),
            bottom(Key(Action.Show(Board.SYMBOLS), 1.5f), extras, nextKeyboard),
        )

    private fun symbols(extras: Extras, nextKeyboard: Boolean) =
        listOf(
            signKeys("1234567890"),
            signKeys("@#$%&-+()/"),
            listOf(Key(Action.Show(Board.MORE_SYMBOLS), 1.5f)) + signKeys("*\"':;!?") + backspace(),
            bottom(Key(Action.Show(Board.LETTERS), 1.5f), extras, nextKeyboard),
        )

    private fun moreSymbols(extras: Extras, nextKeyboard: Boolean) =
        listOf(
            signKeys("~`|•√π÷×¶∆"),
            signKeys("£¥€¢^°={}\\"),
            listOf(Key(Action.Show(Board.SYMBOLS), 1.5f)) + signKeys("_<>[]©®") + backspace(),
            bottom(Key(Action.Show(Board.LETTERS), 1.5f), extras, nextKeyboard),
        )

    private fun bottom(first: Key, extras: Extras, nextKeyboard: Boolean): List<Key> {
        val globe = if (nextKeyboard) listOf(Key(Action.NextKeyboard)) else emptyList()
        val space = Key(Action.Space, if (nextKeyboard) 4f else 5f)
        val left = signKey(extras.left)
        return listOf(first, left) + globe + listOf(space, signKey(extras.right), enter(1.5f))
    }

    /** Digits as on a telephone; four columns, the last one for what is not a digit. */
    private fun pad(
        sign: String,
        left: String,
        right: String,
        others: List<String>,
    ): List<List<Key>> {
        fun key(text: String) = Key(Action.Type(text), PAD_KEY)
        fun digits(text: String) = text.map { key(it.toString()) }
        return listOf(
            digits("123") + key(sign).copy(more = others),
            digits("456") + Key(Action.Space, PAD_KEY),
            digits("789") + Key(Action.Backspace, PAD_KEY),
            listOf(key(left), key("0"), key(right), enter(PAD_KEY)),
        )
    }

    private fun letterKey(letter: Char, first: List<String> = emptyList(), gap: Float = 0f) =
        Key(Action.Type("$letter"), more = first + accents["$letter"].orEmpty(), gap = gap)

    private fun signKeys(all: String) = all.map { signKey("$it") }

    private fun signKey(sign: String) = Key(Action.Type(sign), more = signs[sign].orEmpty())

    private fun backspace() = Key(Action.Backspace, 1.5f)

    private fun enter(width: Float) = Key(Action.Enter, width)

    private const val PAD_KEY = 2.5f
}
