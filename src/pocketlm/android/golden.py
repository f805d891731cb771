"""Golden files for the tests of the Android library, which run on a JVM.

    shipped models, texts -> tokens, words and suggestions by the Python code -> OUT_FOLDER

    python -m pocketlm.android.golden OUT_FOLDER

    words.jsonl                what model/words.py makes of texts
    offensive.txt              the list of words that are never suggested
    small/tokenizer.model      a tokenizer of 400 pieces of our own text, which spells much in bytes
    small/tokens.jsonl
    en-base/tokens.jsonl       {"text", "tokens"} a line, 10,000 lines of corpora and some hard ones
    .../reading.jsonl          what model/reading.py makes of texts for these tokenizers
    MODEL/suggestions.json     the cases of pocketlm.golden, and CASES more from lines cut anywhere
    MODEL/weights.f32          the int8 weights of the program as float32, for a network in Kotlin
    MODEL/...                  model.pte, tokenizer.model and lexicon.bin, as shipped

Each line of a `.jsonl` file is a JSON object in ASCII, so that lone surrogates survive as \\uXXXX.
The texts are drawn with a seed from the test splits of keyboard-en and the multilingual corpora
where POCKETLM_CORPORA has them, else from the text that PocketLM writes itself and from its words;
they are made anew for each run of the tests and kept nowhere. `weights.f32`, little endian: u32 V,
E, H, L and whether there is a recurrent projection, then float32: the initial state [L, H], for
each layer W, b, U, c, then the projection with its bias and the tied embedding [V, E] (names and
shapes as in model/language_model.py).
"""

import json
import random
import shutil
import struct
import sys
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from pocketlm.benchmarks.typed_as import typed_as
from pocketlm.golden import SUGGESTIONS, TEXTS, cases_of, golden_cases
from pocketlm.model import words
from pocketlm.model.corpus import EMBEDDED, corpus_roots, open_corpus
from pocketlm.model.errors import UserError
from pocketlm.model.files import atomic_path, write_json, write_text
from pocketlm.model.reading import read
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.module_command import run_module

SEED = 7
LINES = 10_000
CASES = 300
SMALL_VOCABULARY = 400
RECENT = 16  # characters, for recent()
# A suggestion from a text cut anywhere is compared where the next one is less likely by this share.
TIE = 0.001

HARD_LINES = (
    *("", " ", "  ", "a", " a", "a ", "  a  b  ", "▁", "▁▁", " ▁ ", "a▁", "▁a", "a▁b", "a ▁ b"),
    *("a\tb", "\t", "a\nb", "\r\n", "a\u00a0b", "a\u2003\u3000b", "\u200b", "\ufeffa", "\x01\x1f"),
    *("😀", "great 😀😀", "👨‍👩‍👧‍👦 family", "🏳️‍🌈", "👍🏽 ok", "🇩🇪🇫🇷", "❤️", "a😀b", "1️⃣ 2️⃣"),
    *("cafe\u0301", "e\u0301\u0302\u0303", "\u0301", "na\u0308ive", "x\u20dd", "Z̸̡̢͔a̴l̷g̵o̶"),
    *("שלום עולם", "مرحبا بالعالم", "نص \u200fمختلط\u200e mixed", "\u202eabc"),
    *("日本語のテキスト", "中文，测试。"),
    *("한국어 텍스트", "ไทย", "हिन्दी में", "Ελληνικά ΣΑΣ ς", "привет, мир", "ქართული", "Ⅷ ² ½ ①"),
    *("𝒜𝓑𝔠 𝟙𝟚", "𐐀𐐨 𐐁𐐩", "𠮷野家", "𝔘𝔫𝔦", "\U0010ffff", "\uffff", "\ufffd"),
    *("\ud83d", "\ude00", "a\ud83db", "\ude00\ud83d", "\ud83d\ud83d\ude00", "x\udfff y"),
    *("İstanbul ı I i", "ǅ ǆ Ǆ", "STRASSE Straße ẞ", "ﬁne ﬂow", "K Å Ω", "ŉ ŉ", "ᾳ ᾼ"),
    *("don't", "don’t", "'tis", "''", "rock-n-roll", "o'clock's'", "l’été d'or", "I'’d", "ain't''"),
    *("<unk>", "</s>", "<0x41>", "<s> a </s>", "<0x", "\\u0041", "%s", "a_b", "C:\\x"),
    *("http://x.y/z?q=1", "me@home.org"),
    *("3.14", "1,000,000", "10:30", "$5", "a+b=c", "#tag @name", "...", "…", "—–-", "“q” ‘q’ «q»"),
    *("a" * 300, "supercalifragilisticexpialidocious" * 9, "xqzv" * 50, "ha" * 200, "ÿ" * 100),
    *(" " * 500, ("a" + " " * 9) * 40, "😀" * 100, "the " * 700, "word" + "▁" * 50, "▁" * 50 + "w"),
    "The quick brown fox said: «¿Qué tal, größer?» 日本 😀 don’t \u0301 " * 180,  # some 10 kB
)
# Made lines join these at random.
FRAGMENTS = (
    *("the", "ing", "s", "I", "don't", "é", "ß", "zz", "qu", "▁", "▁the", "\u0301", "😀", "日"),
    *(" ", " ", " ", "  ", "\t", ".", ",", "!?", "'", "’", "-", "0", "42", "𝒜", "й", "\u00a0"),
    "\ud83d",
)
_SHIPPED_FILES = ("model.pte", "tokenizer.model", "lexicon.bin")


def made_lines(count: int, generator: random.Random) -> Iterator[str]:
    """Lines of fragments of text that hardly ever stand beside each other."""
    for _ in range(count):
        yield "".join(generator.choices(FRAGMENTS, k=generator.randint(1, 20)))


def corpus_lines(count: int, generator: random.Random) -> list[str]:
    """So many lines: half of English, half of other languages where both are there.

    Where there are not as many different ones, the rest is made of their words.
    """
    found = [name for name in _corpora() if _exists(name)] or [EMBEDDED]
    english, other = found[:1], found[1:]
    lines: list[str] = []
    for names in (other, english):
        split = "train" if EMBEDDED in names else "test"
        pool = sorted({line for name in names for line in open_corpus(name).lines(split) if line})
        wanted = count // 2 if names is other else count - len(lines)
        lines += generator.sample(pool, min(wanted, len(pool)))
    parts = sorted({part for line in lines for part in line.split(" ")})
    while len(lines) < count:
        lines.append(" ".join(generator.choices(parts, k=generator.randint(2, 12))))
    generator.shuffle(lines)
    return lines


def write_tokens(path: Path, tokenizer: Tokenizer, lines: Iterable[str]) -> int:
    """Each line with its tokens; returns how many there are."""
    texts = list(lines)
    tokens = tokenizer.encode_batch(texts)
    return _write_lines(
        path, ({"text": t, "tokens": ids} for t, ids in zip(texts, tokens, strict=True))
    )


def write_words(path: Path, texts: Iterable[str]) -> int:
    """What model/words.py makes of each text; returns how many there are."""
    return _write_lines(path, map(_words_case, texts))


def write_reading(path: Path, tokenizer: Tokenizer, texts: Iterable[str]) -> int:
    """What model/reading.py makes of each text, and in capitals; returns how many there are."""
    ways = ("written", "capitals", "capital-words")
    every = (typed_as([_joined(text)], way, SEED)[0] for text in texts for way in ways)
    return _write_lines(path, (_reading_case(text, tokenizer) for text in every))


def write_weights(path: Path, model: Path) -> None:
    """The network of a bundle with weights, as the module's docstring says."""
    import numpy as np

    from pocketlm.export.quantise import quantise_rows
    from pocketlm.export.step_graphs import named_matrices
    from pocketlm.models import open_network

    network, _ = open_network(model)
    config = network.config
    if config.cell != "gru":
        raise UserError(f"{model} is no GRU")
    parts = [network.initial_state.detach().numpy()]
    for weight, bias in named_matrices(network).values():
        parts.append(quantise_rows(weight).dequantised().numpy())
        parts += [] if bias is None else [bias.numpy()]
    sizes = (
        config.vocabulary_size,
        config.embedding,
        config.hidden,
        config.layers,
        config.recurrent_projection,
    )
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(struct.pack("<5I", *sizes))
        for part in parts:
            file.write(part.astype(np.dtype("<f4")).tobytes())


def suggestion_cases(
    model: Path, lines: Iterable[str], generator: random.Random
) -> list[dict[str, Any]]:
    """The golden cases of a shipped model, and those of lines cut anywhere, without near-ties."""
    from pocketlm.model.blocklist import offensive_words
    from pocketlm.text_entries import open_suggester

    suggester = open_suggester(model, offensive_words())
    cases: list[dict[str, Any]] = list(golden_cases(model)["cases"])
    cut = (line[: generator.randint(0, len(line))] for line in lines)
    return [*cases, *cases_of(suggester, cut, TIE)]


def write_all(folder: Path) -> dict[str, int]:
    """Write all files; returns what was made, and how many of each."""
    from pocketlm.models import open_tokenizer, resolve_model, shipped_models

    generator = random.Random(SEED)
    hard = [*HARD_LINES, *TEXTS, *made_lines(1000, generator)]
    lines = corpus_lines(LINES, generator)
    counts = {"words.jsonl": write_words(folder / "words.jsonl", [*hard, *lines[:1000]])}
    offensive = (files("pocketlm.model") / "offensive.txt").read_text("utf-8")
    write_text(folder / "offensive.txt", offensive)
    small = Tokenizer.train(open_corpus(EMBEDDED).lines("train"), SMALL_VOCABULARY)
    small.save(folder / "small" / "tokenizer.model")
    tokenizers = {"small": small, "en-base": open_tokenizer(Path("en-base"))}
    for name, tokenizer in tokenizers.items():
        path = folder / name / "tokens.jsonl"
        counts[f"{name}/tokens.jsonl"] = write_tokens(path, tokenizer, [*hard, *lines])
        path = folder / name / "reading.jsonl"
        counts[f"{name}/reading.jsonl"] = write_reading(path, tokenizer, [*hard, *lines[:1000]])
    for name in shipped_models():
        target, model = folder / name, Path(name)
        write_weights(target / "weights.f32", model)
        cases = suggestion_cases(model, lines[:CASES], generator)
        write_json(target / "suggestions.json", {"slots": SUGGESTIONS, "cases": cases})
        counts[f"{name}/suggestions.json"] = len(cases)
        for file in _SHIPPED_FILES:
            shutil.copyfile(resolve_model(model) / file, target / file)
    return counts


def _corpora() -> Iterator[str]:
    yield "keyboard-en"
    for root in corpus_roots():
        for train in sorted((root / "multilingual").glob("*/train.txt")):
            yield f"multilingual/{train.parent.name}"


def _exists(name: str) -> bool:
    return any((root / name / "test.txt").is_file() for root in corpus_roots())


def _words_case(text: str) -> dict[str, Any]:
    context, prefix = words.split_context(text)
    return {
        "text": text,
        "folded": words.fold(text),
        "words": list(words.words_of(text)),
        "context": context,
        "prefix": prefix,
        "spaces": words.plain_spaces(text),
        "recent": words.recent(text, RECENT),
        "starts_sentence": words.starts_sentence(text),
        "capitalised": words.capitalise_sentences(text),
    }


def _reading_case(text: str, tokenizer: Tokenizer) -> dict[str, Any]:
    context, prefix, capitals = read(text, tokenizer)
    return {"text": text, "context": context, "prefix": prefix, "capitals": capitals.value}


def _joined(text: str) -> str:
    """Halves of a surrogate pair that stand together as the character, which they are in Java."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _write_lines(path: Path, cases: Iterable[dict[str, Any]]) -> int:
    count = 0
    with atomic_path(path) as temporary, temporary.open("w", encoding="ascii") as file:
        for case in cases:
            file.write(json.dumps(case) + "\n")
            count += 1
    return count


def _write(folder: str) -> None:
    for name, count in write_all(Path(folder)).items():
        print(f"{folder}/{name}: {count}")  # noqa: T201


def main(arguments: list[str]) -> int:
    """The command line of the module's docstring."""
    return run_module("pocketlm.android.golden OUT_FOLDER", arguments, _write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
