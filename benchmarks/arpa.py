"""ARPA files: read into an n-gram folder, written from one, in a stream of lines.

    FILE.arpa -> import_arpa: arpa_reader.py -> folder of a BackoffTable
    folder of a BackoffTable -> export_arpa: write_arpa -> FILE.arpa

Words are those of arpa_words.py. After a head with the number of n-grams of each order, a line is

    log10 probability TAB words TAB log10 backoff

where the backoff may be left out if it is 0; the highest order has none. A token that the 1-grams
do not list has the numbers of "<unk>". What is read: an optional head of comments (#), logarithms
that are at most 0, finite backoffs, as many n-grams as the head says, each once and with its
context (all its tokens but the last) in the order below; its suffix need not be there. Numbers are
written with nine digits, which give the same float32 again; of "<s>", which never comes, -99. A
comment in the head says which tokenizer the ids are of; a file without it is taken at its word.

Sources: ngram-format(5) of SRILM, Stolcke 2002; KenLM's reader, Heafield 2011.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pocketlm.benchmarks.arpa_reader import read_arpa
from pocketlm.benchmarks.arpa_words import BEGIN, TOKENIZER_COMMENT, ArpaWords
from pocketlm.benchmarks.backoff_table import BackoffTable
from pocketlm.benchmarks.ngram import ARPA, MANIFEST, finish_folder, open_ngram
from pocketlm.model.errors import UserError
from pocketlm.model.files import atomic_folder, atomic_path, sha256_file
from pocketlm.model.tokenizer import Tokenizer

_BLOCK_NGRAMS = 1 << 16
_NEVER = "-99"


def import_arpa(path: Path, tokenizer: Tokenizer, out: Path) -> dict[str, Any]:
    """Make an n-gram folder of an ARPA file, whole or not at all.

    Args:
        path: the file.
        tokenizer: that of the tokens which its words are.
        out: the folder.

    Returns:
        The manifest.

    Raises:
        UserError: the file is not an ARPA file over these tokens, is cut short, or says what
            cannot be.
    """
    with atomic_folder(out, MANIFEST) as folder:
        counts = read_arpa(path, tokenizer, folder)
        return finish_folder(
            folder,
            tokenizer,
            kind=ARPA,
            order=len(counts),
            structure="",
            details={"counts": counts, "arpa": {"name": path.name, "sha256": sha256_file(path)}},
        )


def export_arpa(folder: Path, out: Path) -> None:
    """Write an n-gram folder's ARPA file, whole or not at all.

    Raises:
        UserError: it is no sound n-gram folder, or not a backoff table.
    """
    table = open_ngram(folder)
    if not isinstance(table, BackoffTable):
        raise UserError(f"{folder} is a {table.kind}: ARPA files are of kneser-ney and arpa models")
    if out.is_dir():
        raise UserError(f"{out} is a folder: --out is a file")
    write_arpa(table, out)


def write_arpa(table: BackoffTable, target: Path) -> None:
    """Write a table's ARPA file; all V tokens are listed."""
    sizes = [table.vocabulary + 1, *map(len, table.keys.arrays)]  # one more for <s>
    with atomic_path(target) as temporary, temporary.open("w", encoding="ascii") as file:
        file.write(f"{TOKENIZER_COMMENT}{table.tokenizer.sha256}\n\\data\\\n")
        file.writelines(f"ngram {order}={size}\n" for order, size in enumerate(sizes, start=1))
        for order in range(1, table.order + 1):
            file.write(f"\n\\{order}-grams:\n")
            file.writelines(_lines(table, order))
        file.write("\n\\end\\\n")


def _lines(table: BackoffTable, order: int) -> Iterator[str]:
    """The lines of one order, by rank."""
    words, end = ArpaWords(table.vocabulary, table.tokenizer.end_id), table.tokenizer.end_id
    highest = order == table.order
    if order == 1:
        yield f"{_NEVER}\t{BEGIN}" + ("\n" if highest else f"\t{table.backoffs[0][end]:.9g}\n")
    size = len(table.probabilities[order - 1])
    for first in range(0, size, _BLOCK_NGRAMS):
        ranks = np.arange(first, min(first + _BLOCK_NGRAMS, size))
        texts = words.of(table.keys.tokens(order, ranks))
        probabilities = table.probabilities[order - 1][ranks].tolist()
        if highest:
            rows = zip(probabilities, texts, strict=True)
            yield "".join([f"{probability:.9g}\t{text}\n" for probability, text in rows])
            continue
        backoffs = table.backoffs[order - 1][ranks]
        if order == 1:
            backoffs[end] = 0  # of </s>: the table's is that of <s>
        triples = zip(probabilities, texts, backoffs.tolist(), strict=True)
        yield "".join([f"{p:.9g}\t{text}\t{backoff:.9g}\n" for p, text, backoff in triples])
