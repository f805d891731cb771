"""Generation side by side: what models write from the same prompts and seeds, judged by another.

    prompts x seeds -> generate -> texts -> judge: nats a word       how likely it finds them
                                         -> distinct-n               how varied they are

A model that writes the same likely words again and again pleases every judge: its distinct-n falls.
distinct-n is the share of different ones among all n-grams of words, of all texts of a model (Li et
al. 2016), here of as many words for each model, since it falls with the length of a text. The judge
is a model that writes nothing here. What people wrote, lines of a held-out text, is judged like the
texts of a model. Word perplexity is that of evaluate.py, each line from a fresh state; prompts are
judged with the rest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pocketlm.model.evaluate import evaluate
from pocketlm.model.generate import Sampling, generate
from pocketlm.model.predictor import Predictor

DISTINCT = (1, 2, 3)


@dataclass(frozen=True)
class Writing:
    """How texts are drawn."""

    sampling: Sampling
    seeds: int  # texts a prompt
    seed: int
    max_tokens: int


def write(
    predictor: Predictor,
    prompts: Sequence[str],
    writing: Writing,
    progress: Callable[[float], None] = lambda _: None,
) -> list[str]:
    """Texts from each prompt, seed after seed; the same seeds for every model."""
    texts = []
    for i, prompt in enumerate(prompts):
        for each in range(writing.seeds):
            seed = writing.seed + i * writing.seeds + each
            texts.append(generate(predictor, prompt, writing.sampling, seed, writing.max_tokens))
        progress((i + 1) / len(prompts))
    return texts


def judged(texts: Sequence[str], judge: Predictor, words: int) -> dict[str, Any]:
    """What a judge says of texts, and how varied their first words are.

    Args:
        texts: one line each.
        judge: any model.
        words: so many words of the texts are counted for distinct-n.
    """
    lines = [text for text in texts if text.strip()]
    found = evaluate(judge, [lines])
    counted = cut(lines, words)
    return {
        "texts": len(texts),
        "words": found.words,
        "words_a_text": found.words / len(texts),
        "judge_word_perplexity": found.word_perplexity,
        "judge_token_perplexity": found.token_perplexity,
        **{f"distinct_{n}": distinct(counted, n) for n in DISTINCT},
    }


def cut(texts: Sequence[str], words: int) -> list[list[str]]:
    """The words of texts, in their order, until there are so many."""
    taken: list[list[str]] = []
    for text in texts:
        taken.append(text.split()[: max(words, 0)])
        words -= len(taken[-1])
    return taken


def distinct(texts: Sequence[Sequence[str]], n: int) -> float:
    """The share of different ones among the n-grams of words; 0 where there are none."""
    grams = [tuple(t[i : i + n]) for t in texts for i in range(len(t) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0
