"""The words of our ARPA files: token ids, as kenlm.py spells them for KenLM.

Token 17 is "17"; the end token is "<s>" where a line begins and "</s>" where it ends. "<unk>" is
every token that a file does not list. Token 0, the tokenizer's own unknown piece, is that in our
files; in those of lmplz, which takes no "<unk>" in its text, it is "0" where it occurs at all.
"""

import numpy as np

from pocketlm.model.predictor import IntArray

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
UNKNOWN_TOKEN = 0
TOKENIZER_COMMENT = "# tokenizer SHA-256: "  # the first line of our files


class ArpaWords:
    """The words of V tokens, of which `end` is the end token.

    Attributes:
        ids: the token of each word; "<s>" is V and "<unk>" is V + 1 until the whole file's
            1-grams are known.
    """

    def __init__(self, vocabulary: int, end: int) -> None:
        self.end = end
        self._words = np.array([str(token) for token in range(vocabulary)], dtype=object)
        self._words[end] = END
        self.ids: dict[str, int] = {word: token for token, word in enumerate(self._words)}
        self.ids |= {BEGIN: vocabulary, UNKNOWN: vocabulary + 1}
        self._words[UNKNOWN_TOKEN] = UNKNOWN

    def of(self, tokens: IntArray) -> list[str]:
        """N-grams [B, n] as text; an n-gram of two tokens and more may begin a line."""
        words = self._words[tokens]
        if tokens.shape[1] > 1:
            words[tokens[:, 0] == self.end, 0] = BEGIN
        return [" ".join(row) for row in words.tolist()]
