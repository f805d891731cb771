"""Two columns of text: train.tsv, valid.tsv and test.tsv of a folder, by its name or path."""

from pathlib import Path

from pocketlm.model.corpus import SPLITS, corpus_roots
from pocketlm.model.errors import UserError
from pocketlm.model.files import read_lines

Pair = tuple[str, str]


def read_pairs(data: str) -> dict[str, list[Pair]]:
    """The rows of each split.

    Args:
        data: a folder, or the name of one below $POCKETLM_CORPORA or the user's data directory.

    Raises:
        UserError: there is no such folder, a split is missing or empty, or a line has not two
            columns.
    """
    folder = pairs_folder(data)
    return {split: _read(folder / f"{split}.tsv") for split in SPLITS}


def pairs_folder(data: str) -> Path:
    """The folder of a data set of pairs; UserError says where was looked."""
    folders = [Path(data), *(root / data for root in corpus_roots())]
    for folder in folders:
        if (folder / "train.tsv").is_file():
            return folder
    roots = ", ".join(str(root) for root in corpus_roots())
    raise UserError(
        f"no data {data!r}: not a folder with train.tsv, valid.tsv and test.tsv, and not below "
        f"{roots} (POCKETLM_CORPORA names the folder of corpora)"
    )


def _read(path: Path) -> list[Pair]:
    pairs = []
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        columns = [" ".join(column.split()) for column in line.split("\t")]
        if len(columns) != 2 or not all(columns):
            raise UserError(f"{path}, line {number}: two columns with a tab between were expected")
        pairs.append((columns[0], columns[1]))
    if not pairs:
        raise UserError(f"{path} is empty")
    return pairs
