"""Golden cases: what the suggester says with a shipped model, for every runtime to match.

    texts so far -> suggester over a shipped model -> tests/golden/MODEL.json

    python -m pocketlm.golden en-base tests/golden/en-base.json

The file names the model's program by its hash, and gives for each text the tokens of its context
and the suggestions; a runtime has to find the same words in the same order, and probabilities that
agree to 1 % (processors sum in different orders). Near-ties are left out: their order is not safe.
"""

import itertools
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pocketlm.module_command import run_module

if TYPE_CHECKING:
    from pocketlm.model.suggest import Suggester

FORMAT_VERSION = 1
SUGGESTIONS = 3
TIE = 0.02  # two probabilities closer than this share of the larger may change places
TEXTS = (
    # the next word
    *("", "see you ", "Thank you for your ", "I would like to ", "What time ", "How are "),
    *("The weather is ", "I don't ", "it's ", "Can we meet at ", "we could go to the ", "do you "),
    # completions
    *("s", "see you tom", "I don't kn", "Good m", "happy birth", "what are you d", "the restau"),
    *("i was wonder", "please call m", "it is rain", "we are go", "that was a bea", "an umbr"),
    # case: sentence starts, names, capitals, all lower case
    *("w", "W", "Yes. W", "i live in lon", "I live in lon", "I live in Lon", "I live in LON"),
    *("in Par", "on mon", "MEET ME ", "I CAN'T WAIT TO S", "OK. SEE YOU TOM", "Happy Birthday To "),
    *("THANK Y", "Th", "is i", "and I", "New Y", "my friend Ma", "his name is j"),
    # apostrophes, typed or not
    *(
        "dont",
        "i dont",
        "I can",
        "we cant",
        "it does",
        "that's w",
        "let’s g",
        "youre w",
        "don't",
        "I'",
    ),
    # punctuation, numbers, brackets, hyphens, line breaks
    *("Hello, how ", "hello,how ", "(see y", 'He said "t', "I have 2 ", "at 5 o", "well-kn", "a-"),
    *("I am inconv", "(inconven", "Unprofess", "that is unbel", "so unb"),
    *("Ok.\nw", "Ok.\n", "really? ", "no!!! ", "it costs $5 a", "3", "e.g. ", "see you at 10:3"),
    # emoji, other scripts, odd characters
    *(
        "great 😀 ",
        "great 😀",
        "😀 th",
        "my café is ",
        "naïve id",
        "привет ",
        "日本 ",
        "a\tb",
        "  see y",
    ),
    *("I’m on my ", "so happy 😂😂 th", "he said “it’s ", "wait… ", "a cup of tea — or co"),
    # what no model has seen
    *("xqzv", "my name is Zbrtk and I ", "asdfgh ", "'", "--", "fuck", "what the f"),
    # long contexts
    "I went to the shop this morning to buy some bread, and when I came back the door was ",
    "Dear all, thank you for coming to the meeting yesterday. I will send you the notes to",
)


def golden_cases(model: Path) -> dict[str, Any]:
    """The cases of a shipped model (or any other bundle), by the suggester as it is now."""
    from pocketlm.export.bundle import read_manifest
    from pocketlm.model.blocklist import offensive_words
    from pocketlm.model.text_entry import EXPANSIONS
    from pocketlm.models import resolve_model
    from pocketlm.text_entries import open_suggester

    suggester = open_suggester(model, offensive_words())
    files = read_manifest(resolve_model(model))["files"]
    return {
        "format_version": FORMAT_VERSION,
        "model": str(model),
        "files": {name: files[name]["sha256"] for name in files},
        "offensive_words": "blocked",
        "expansions": EXPANSIONS,
        "slots": SUGGESTIONS,
        "cases": list(cases_of(suggester, TEXTS, TIE)),
    }


def cases_of(suggester: "Suggester", texts: Iterable[str], tie: float) -> Iterator[dict[str, Any]]:
    """The cases of texts so far, without those where words come closer than by a share."""
    for text in texts:
        found = suggester.suggest(text, SUGGESTIONS + 1)
        probabilities = [each.probability for each in found]
        if any(b > (1 - tie) * a for a, b in itertools.pairwise(probabilities)):
            continue
        # The search looks a little further for four words than for three.
        shown = [asdict(each) for each in suggester.suggest(text, SUGGESTIONS)]
        tokens = list(suggester.context_tokens(text))
        yield {"text": text, "context_tokens": tokens, "suggestions": shown}


def _write(model: str, out: str) -> None:
    from pocketlm.model.files import write_json

    golden = golden_cases(Path(model))
    write_json(Path(out), golden)
    print(f"{out}: {len(golden['cases'])} cases of {len(TEXTS)}")  # noqa: T201


def main(arguments: list[str]) -> int:
    """The command line of the module's docstring."""
    return run_module("pocketlm.golden MODEL OUT.json", arguments, _write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
