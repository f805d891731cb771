"""Networks that a benchmark trains itself: trained, trained on, or found finished.

settings -> nothing there? train; unfinished? resume; finished? check -> a run folder -> predictor
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import UserError
from pocketlm.model.files import read_json
from pocketlm.model.progress import PlainProgress, Progress
from pocketlm.model.run_folder import CHECKPOINT, CONFIG, RECORD, TrainConfig, config_from_json
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.train import resume, train


def trained_run(
    folder: Path,
    config: TrainConfig,
    corpus: Corpus,
    tokenizer: Tokenizer,
    notify: Callable[[str], None],
    progress: Progress | None = None,
) -> Path:
    """The folder of a finished training with these settings.

    Args:
        folder: the run's.
        config: its settings.
        corpus: the text that they name.
        tokenizer: the one that they name.
        notify: told that a training begins.
        progress: told of each step; lines on standard error without one.

    Raises:
        UserError: the folder holds another training.
    """
    progress = progress or PlainProgress()
    if not (folder / CHECKPOINT).is_file():
        bound = f"{config.max_steps:,} steps" if config.max_steps else "to its bound"
        notify(f"training {folder.name}, {bound}")
        train(config, folder, progress)
    elif not (folder / RECORD).is_file():
        resume(folder, progress)
    found = config_from_json(read_json(folder / CONFIG, "run's config"), str(folder / CONFIG))
    record = read_json(folder / RECORD, "run record")
    found = replace(found, corpus=config.corpus, tokenizer=config.tokenizer)  # by content, below
    hashes = (record["corpus"]["sha256"], record["tokenizer_sha256"])
    if found != config or hashes != (corpus.sha256, tokenizer.sha256):
        raise UserError(f"{folder} was trained with other settings: delete it")
    return folder
