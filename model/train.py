"""Training: windows of text through the network, AdamW, a finished schedule, resumable.

    WindowStream -> Segments -> RecurrentLanguageModel.packed -> tied_softmax_loss -> AdamW
                                     |                                           |
                      valid: word perplexity by line and by document     checkpoint.safetensors

A run ends after `epochs`, `max_steps` or `max_minutes`, or when validation stops improving; the
learning rate is warmed up and follows a cosine over whichever bound comes first, so that a bounded
run still ends with a finished schedule. Needs only torch, sentencepiece, numpy and safetensors:

    python -m pocketlm.model.train CONFIG.json RUN     (`pocketlm train --print-config` writes one)
    torchrun --nproc-per-node 2 -m pocketlm.model.train CONFIG.json RUN
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from pocketlm.model.corpus import Corpus, open_corpus
from pocketlm.model.errors import InterruptedRunError, UserError
from pocketlm.model.files import read_json, write_json
from pocketlm.model.language_model import RecurrentLanguageModel
from pocketlm.model.lexicon import LEXICON, Lexicon
from pocketlm.model.progress import PlainProgress, Progress
from pocketlm.model.ranks import Ranks, open_ranks
from pocketlm.model.run_folder import (
    BOUNDS,
    CONFIG,
    RECORD,
    TOKENIZER,
    TrainConfig,
    check_new,
    check_resumable,
    config_from_json,
    config_to_json,
    locked_run,
    run_config,
)
from pocketlm.model.signals import caught_signals
from pocketlm.model.teacher import check_tokens
from pocketlm.model.tokenizer import Tokenizer
from pocketlm.model.trainer import Trainer
from pocketlm.models import open_network, open_tokenizer


def train(
    config: TrainConfig, folder: Path, progress: Progress, tokenizer: Tokenizer | None = None
) -> dict[str, Any]:
    """Train into a new run folder and return the run record (empty but for rank 0, ranks.py).

    Args:
        config: the settings.
        folder: the run folder.
        progress: told of each step.
        tokenizer: used instead of the one that the settings ask for.

    Raises:
        UserError: the folder is in use or holds another training, the corpus is unusable, or the
            loss stopped being finite.
        InterruptedRunError: SIGINT or SIGTERM; a checkpoint was written.
    """
    with open_ranks(config.device) as ranks:
        with ranks.leader_first():
            corpus = open_corpus(config.corpus, config.seed)
        corpus.path("valid")  # missing: say so before anything is written
        initial = open_network(Path(config.initial)) if config.initial else None
        teachers = {model: open_network(Path(model))[1] for model in config.teachers}  # the same
        with _held(folder, ranks):
            with ranks.leader_first():
                if ranks.leads:
                    check_new(folder)
                    config, tokenizer = _completed(config, corpus, progress, tokenizer, initial)
                    for model, tokens in teachers.items():
                        check_tokens(model, tokens, tokenizer)
                    tokenizer.save(folder / TOKENIZER)
                    write_json(folder / CONFIG, config_to_json(config))
            config, tokenizer = run_config(folder), Tokenizer.load(folder / TOKENIZER)
            trainer = Trainer(config, folder, progress, corpus, tokenizer, ranks)
            if initial:
                trainer.begin_from(initial[0])
            return _finish(trainer)


def _completed(
    config: TrainConfig,
    corpus: Corpus,
    progress: Progress,
    tokenizer: Tokenizer | None,
    initial: tuple[RecurrentLanguageModel, Tokenizer] | None,
) -> tuple[TrainConfig, Tokenizer]:
    """The settings with the sizes of what the training begins with, and its tokens."""
    if initial:
        tokenizer = initial[1]
        sizes = replace(initial[0].config, dropout=config.model.dropout)
    else:
        if tokenizer is None and config.tokenizer:
            tokenizer = open_tokenizer(Path(config.tokenizer))
        tokenizer = tokenizer or _learn_tokenizer(config, corpus, progress)
        sizes = replace(config.model, vocabulary_size=tokenizer.vocabulary_size)
    return replace(config, model=sizes), tokenizer


@contextmanager
def _held(folder: Path, ranks: Ranks) -> Iterator[None]:
    """Hold the run folder for all processes of one training."""
    with locked_run(folder) if ranks.leads else nullcontext():
        ranks.wait()
        yield


def _learn_tokenizer(config: TrainConfig, corpus: Corpus, progress: Progress) -> Tokenizer:
    size = config.model.vocabulary_size
    progress.note(f"learning {size} pieces from {corpus.name}")
    tokenizer = Tokenizer.train(corpus.lines("train"), size, config.seed)
    if tokenizer.vocabulary_size < size:
        progress.note(f"the text is small: it has {tokenizer.vocabulary_size} pieces")
    return tokenizer


def resume(folder: Path, progress: Progress, **bounds: float | None) -> dict[str, Any]:
    """Go on from a run folder's checkpoint, on the same trajectory, and return the run record.

    Args:
        folder: the run folder.
        progress: told of each step.
        bounds: `epochs`, `max_steps`, `max_minutes` that replace those of the folder; a changed
            bound changes the rest of the learning-rate schedule.

    Raises:
        UserError, InterruptedRunError: as `train`; also if the corpus or the tokenizer changed.
    """
    check_resumable(folder)
    with open_ranks(run_config(folder).device) as ranks, _held(folder, ranks):
        path = folder / CONFIG
        kept = config_to_json(config_from_json(read_json(path, "run's config"), str(path)))
        changed = {name: bound for name, bound in bounds.items() if bound is not None}
        config = config_from_json({**kept, **changed}, "the new bounds")
        with ranks.leader_first():
            corpus = open_corpus(config.corpus, config.seed)
        tokenizer = Tokenizer.load(folder / TOKENIZER)
        trainer = Trainer(config, folder, progress, corpus, tokenizer, ranks)
        trainer.restore()
        if ranks.leads:
            write_json(path, config_to_json(config))
        return _finish(trainer)


def _finish(trainer: Trainer) -> dict[str, Any]:
    started_at = trainer.step
    with caught_signals() as interrupted:
        trainer.run(interrupted)
    if not trainer.ranks.leads:
        return {}
    if not (trainer.folder / LEXICON).is_file():
        lines = trainer.corpus.lines("train")
        lexicon = Lexicon.build(lines, trainer.shards.chunks(), trainer.tokenizer)
        lexicon.save(trainer.folder / LEXICON)
    if started_at and trainer.step == started_at and (trainer.folder / RECORD).is_file():
        return read_json(trainer.folder / RECORD, "run record")  # it was finished already
    trainer.keep_initial()
    record = trainer.record()
    write_json(trainer.folder / RECORD, record)
    return record


def main(arguments: list[str]) -> int:
    """`python -m pocketlm.model.train CONFIG.json RUN [--resume]`."""
    if len(arguments) not in (2, 3) or arguments[2:] not in ([], ["--resume"]):
        print("usage: python -m pocketlm.model.train CONFIG.json RUN [--resume]", file=sys.stderr)  # noqa: T201
        return 2
    try:
        path = Path(arguments[0])
        config = config_from_json(read_json(path, "training config"), str(path))
        folder, progress = Path(arguments[1]), PlainProgress()
        if arguments[2:]:
            bounds = {name: getattr(config, name) for name in BOUNDS}
            kept = config_from_json(
                read_json(folder / CONFIG, "run's config"), str(folder / CONFIG)
            )
            if replace(kept, **bounds) != config:
                raise UserError(f"{path} differs from {folder / CONFIG} in more than its bounds")
            record = resume(folder, progress, **bounds)
        else:
            record = train(config, folder, progress)
    except (UserError, OSError, InterruptedRunError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 130 if isinstance(error, InterruptedRunError) else 2
    if record:
        print(json.dumps(record))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
