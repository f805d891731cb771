package org.pocketlm.personal

import org.pocketlm.suggest.Blocklist
import org.pocketlm.suggest.Suggestion
import org.pocketlm.text.fold

/**
 * The model's suggestions and the user's own words as one distribution.
 *
 *     p(word) = (1 - s) p_model(word | text) + s count(word) / total,   s = MOST total / (total + PRIOR)
 *
 * The linear mixture of Jelinek and Mercer (1980), whose share `s` grows with what was learnt. Of a
 * word that is not among the model's suggestions the model's part is not known and taken for 0, so
 * that its probability is a lower bound.
 */
object PersonalMixture {
    const val MOST = 0.3
    const val PRIOR = 300.0

    /**
     * The k likeliest of the model's suggestions and the user's words.
     *
     * @param prefix the word being typed; '' for the next word
     * @param sentence whether the word begins a sentence
     * @param capitals whether its line is typed in capitals
     */
    fun mix(
        model: List<Suggestion>,
        personal: PersonalWords,
        prefix: String,
        sentence: Boolean,
        capitals: Boolean,
        blocked: Set<String>,
        k: Int,
    ): List<Suggestion> {
        val total = personal.total()
        if (total <= 0.0) return model.take(k)
        val share = MOST * total / (total + PRIOR)
        val words = LinkedHashMap<String, Suggestion>()
        for (each in model) words[fold(each.word)] = Suggestion(each.word, (1 - share) * each.probability)
        fun shown(word: String) = if (capitals) word.uppercase() else shown(word, prefix, sentence)
        val own = personal.fitting {
            fits(it, prefix) && shown(it) != prefix && !Blocklist.isBlocked(fold(it), blocked)
        }
        for ((word, count) in own) {
            val known = words[fold(word)]
            val probability = (known?.probability ?: 0.0) + share * count / total
            words[fold(word)] = Suggestion(known?.word ?: shown(word), probability)
        }
        return words.values.sortedByDescending { it.probability }.take(k)
    }

    private fun fits(word: String, prefix: String): Boolean =
        word.startsWith(prefix, ignoreCase = true) ||
            word.replace("'", "").startsWith(prefix, ignoreCase = true)

    private fun shown(word: String, prefix: String, sentence: Boolean): String = when {
        prefix.length > 1 && prefix == prefix.uppercase() -> word.uppercase()
        prefix.firstOrNull()?.isUpperCase() ?: sentence -> word.replaceFirstChar { it.uppercaseChar() }
        else -> word
    }
}
