"""The commands that train a model and ask one: train, evaluate, score, generate, suggest."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import click

from pocketlm.model.errors import UserError

MODEL_OPTION = click.option(
    "--model",
    "model_path",
    type=click.Path(path_type=Path),
    default="en-base",
    show_default=True,
    metavar="MODEL",
    help="en-base, en-small, or the folder of a run, a bundle or an n-gram model.",
)
DEFAULT_EPOCHS = 3.0
FINE_TUNING_RATE = 1e-3
# A gap has whole lines on both of its sides: long windows, that cut few of them.
GAP_WINDOWS = {"rows": 16, "window": 192, "fresh_lines": 1.0}
JSON_OPTION = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object and nothing else."
)


@click.command()
@click.option("--corpus", metavar="NAME|FOLDER|FILE", help="The text; `first-look` is built in.")
@click.option(
    "--preset",
    type=click.Choice(["tiny", "small", "base"]),
    help="Sizes of the network.  [default: base]",
)
@click.option("--cell", type=click.Choice(["gru", "rnn"]), help="Recurrence.  [default: gru]")
@click.option(
    "--direction",
    type=click.Choice(["forward", "both"]),
    help="Forward predicts the next token, both fills gaps.  [default: forward]",
)
@click.option(
    "--recipe",
    type=click.Choice(["en-base", "en-small"]),
    help="The settings of a model in the package; other options change them.",
)
@click.option(
    "--from",
    "initial",
    metavar="MODEL",
    help="Go on from the weights of a run or a bundle, with its sizes and tokens.",
)
@click.option("--out", type=click.Path(path_type=Path), help="The run folder.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in the run folder.")
@click.option("--epochs", type=float, help="Passes over the text (3 where no bound is given).")
@click.option("--max-steps", type=int, help="Stop after so many steps.")
@click.option("--max-minutes", type=float, help="Stop after so many minutes.")
@click.option("--vocabulary-size", type=int, help="Pieces of the tokenizer.")
@click.option("--embedding", type=int, help="Width of the embedding.")
@click.option("--hidden", type=int, help="Width of the state.")
@click.option("--layers", type=int, help="Layers of the recurrence.")
@click.option("--dropout", type=float, help="Share of activations dropped in training.")
@click.option(
    "--tokenizer",
    metavar="FILE|MODEL",
    help="Use these tokens instead of learning new ones.",
)
@click.option("--rows", type=int, help="Parallel streams of text.")
@click.option("--window", type=int, help="Tokens of truncated back-propagation.")
@click.option(
    "--fresh-lines",
    type=float,
    help="Share of lines inside a document that start from a fresh state.",
)
@click.option("--lower-case", type=float, help="Share of the documents taken in lower case.")
@click.option("--learning-rate", type=float, help="Its peak.")
@click.option("--warmup-steps", type=int, help="Steps to the peak.")
@click.option("--weight-decay", type=float, help="AdamW's.")
@click.option("--clip", type=float, help="Largest norm of the gradient.")
@click.option("--valid-every", type=int, help="Steps between validations.")
@click.option("--valid-lines", type=int, help="Lines of the valid split for the curve.")
@click.option("--patience", type=int, help="Validations without improvement before stopping.")
@click.option("--checkpoint-minutes", type=float, help="Minutes between checkpoints.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Where to compute.")
@click.option("--precision", type=click.Choice(["auto", "fp32", "bf16"]), help="Of the products.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of everything random.")
@click.option(
    "--print-config",
    is_flag=True,
    help="Print the settings as JSON and stop; see docs/training.md.",
)
@JSON_OPTION
def train(
    corpus: str | None,
    preset: str | None,
    recipe: str | None,
    out: Path | None,
    resume: bool,
    print_config: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """Train a language model on a corpus.

    A file has one utterance a line; a blank line ends a document. Settings that are not given are
    the defaults of `TrainConfig`. Ctrl-C writes a checkpoint.

    \b
    Example:
      pocketlm train --corpus keyboard-en --preset base --max-minutes 90 --out runs/base
      pocketlm train --out runs/base --resume
      pocketlm train --recipe en-small --out runs/small
      pocketlm train --from en-base --corpus messages.txt --epochs 3 --out runs/mine
    """  # fmt: skip
    from pocketlm.console import TrainingBar, emit_json
    from pocketlm.model.run_folder import BOUNDS, config_from_json, config_to_json
    from pocketlm.model.train import resume as resume_training
    from pocketlm.model.train import train as train_new

    given = {key: value for key, value in settings.items() if value is not None}
    if resume:
        fixed = [
            *(given.keys() - set(BOUNDS)),
            *[name for name in (corpus, preset, recipe, print_config) if name],
        ]
        if out is None or fixed:
            raise UserError("--resume takes --out and the bounds: the other settings are kept")
    elif (corpus is None and recipe is None) or (out is None and not print_config):
        raise UserError("train needs --corpus (or --recipe) and --out")
    else:
        config = config_from_json(training_settings(corpus, preset, recipe, given), "the options")
        if print_config:
            click.echo(json.dumps(config_to_json(config), indent=2))
            return 0
    assert out is not None
    with TrainingBar() as bar:
        record = resume_training(out, bar, **given) if resume else train_new(config, out, bar)
    if as_json:
        emit_json(record)
        return 0
    metrics = record["metrics"]
    click.echo(
        f"{out}: {record['parameters']:,} parameters, {record['tokens']:,} tokens "
        f"({record['epochs']:.2f} epochs) in {record['seconds'] / 60:.1f} min\n"
        f"word perplexity on valid: {metrics['valid_word_perplexity_line']:.1f} from a fresh "
        f"state a line{_carried(metrics.get('valid_word_perplexity_document'))}",
    )
    return 0


def _carried(perplexity: float | None) -> str:
    return "" if perplexity is None else f", {perplexity:.1f} carried over documents"


def training_settings(
    corpus: str | None, preset: str | None, recipe: str | None, given: dict[str, Any]
) -> dict[str, Any]:
    """What the strict loader reads: recipe and preset, and what was given over them."""
    from pocketlm.model.language_model import PRESETS
    from pocketlm.model.run_folder import BOUNDS
    from pocketlm.model.training_recipes import TRAINING_RECIPES

    if recipe and "initial" in given:
        raise UserError("--recipe trains from the beginning: it takes no --from")
    if recipe:
        known = dict(TRAINING_RECIPES[recipe])
        if given.keys() & set(BOUNDS):
            known = {name: value for name, value in known.items() if name not in BOUNDS}
        given = {**known, **given}
        corpus, preset = corpus or given["corpus"], preset or given["preset"]
        given = {name: value for name, value in given.items() if name not in ("corpus", "preset")}
    sizes = dataclasses.asdict(PRESETS[preset or "base"])
    if "tokenizer" in given and "vocabulary_size" in given:
        raise UserError("--tokenizer (or the recipe's) has its own size: no --vocabulary-size")
    if "initial" in given:
        if preset or given.keys() & (sizes.keys() - {"dropout"}):
            raise UserError("--from keeps the sizes of its model: no --preset, no --hidden ...")
        from pocketlm.models import open_network

        sizes = dataclasses.asdict(open_network(Path(given["initial"]))[0].config)
        given.setdefault("learning_rate", FINE_TUNING_RATE)
    if "tokenizer" in given:
        from pocketlm.models import open_tokenizer

        sizes["vocabulary_size"] = open_tokenizer(Path(given["tokenizer"])).vocabulary_size
    sizes.update({name: given[name] for name in sizes.keys() & given.keys()})
    settings = {name: value for name, value in given.items() if name not in sizes}
    if settings.get("direction") == "both":
        settings = {**GAP_WINDOWS, **settings}
    if not settings.keys() & set(BOUNDS):
        settings["epochs"] = DEFAULT_EPOCHS
    return {"corpus": corpus, "model": sizes, **settings}


@click.command()
@MODEL_OPTION
@click.option("--text", type=click.Path(path_type=Path), required=True, help="A text file.")
@click.option(
    "--context",
    type=click.Choice(["line", "document"]),
    default="line",
    show_default=True,
    help="Start each line afresh, or carry the state over a document.",
)
@click.option("--lines", type=click.IntRange(min=1), help="Only so many lines of it.")
@click.option(
    "--by-source",
    is_flag=True,
    help="For each source too; TEXT.src beside TEXT.txt names each document's.",
)
@JSON_OPTION
def evaluate(
    model_path: Path, text: Path, context: str, lines: int | None, by_source: bool, as_json: bool
) -> None:
    """Perplexity of a model on a text.

    A model over words has unknown ones: its perplexities with and without them are not comparable
    with those of a model that can write every text; see docs/ngrams.md.

    \b
    Example:
      pocketlm evaluate --model runs/base --text valid.txt --context document
    """  # fmt: skip
    from pocketlm.console import emit_json, progress_bar
    from pocketlm.model.corpus import documents_by_source, text_lines
    from pocketlm.model.evaluate import evaluate_groups
    from pocketlm.models import open_model

    documents = text_lines(text, lines)
    groups = documents_by_source(text, documents) if by_source else {"": documents}
    predictor = open_model(model_path)
    with progress_bar(f"evaluating {predictor.name}") as progress:
        result, parts = evaluate_groups(predictor, groups, context, progress)
    if as_json:
        sources = {name: dataclasses.asdict(part) for name, part in parts.items()}
        extra = {"by_source": sources} if by_source else {}
        emit_json({**dataclasses.asdict(result), **extra})
        return
    if by_source:
        click.echo(f"{'source':20} {'words':>8} {'word perplexity':>16}")
        for name, part in parts.items():
            click.echo(f"{name:20} {part.words:8,} {part.word_perplexity:16.1f}")
    unknown = (
        f"unknown words     {result.unknown_words:,}, "
        f"{result.unknown_words / max(result.words, 1):.2%} of all\n"
        f"without them      {result.word_perplexity_known:.2f} is the word perplexity; as <unk>:\n"
        if predictor.tokenizer.of_words
        else ""
    )
    click.echo(
        f"{result.lines:,} lines, {result.words:,} words, {result.tokens:,} tokens, by {context}\n"
        f"{unknown}"
        f"word perplexity   {result.word_perplexity:.2f}\n"
        f"token perplexity  {result.token_perplexity:.2f}\n"
        f"bits a character  {result.bits_per_character:.4f}"
    )


@click.command()
@click.argument("text")
@MODEL_OPTION
@JSON_OPTION
def score(text: str, model_path: Path, as_json: bool) -> None:
    """Probability of one line of TEXT, token by token.

    \b
    Example:
      pocketlm score "see you tomorrow" --model runs/base
    """
    from pocketlm.console import emit_json
    from pocketlm.models import open_model

    if not text.strip() or "\n" in text:
        raise UserError("score takes one line of text that is not empty")
    predictor = open_model(model_path)
    tokens = [*predictor.tokenizer.encode(text), predictor.tokenizer.end_id]
    scores = predictor.score([tokens])[0].tolist()
    pieces = [predictor.tokenizer.pieces[token] for token in tokens]
    nats = -math.fsum(scores)
    if as_json:
        parts = [{"piece": p, "log_probability": s} for p, s in zip(pieces, scores, strict=True)]
        emit_json(
            {
                "text": text,
                "tokens": parts,
                "nats": nats,
                "probability": math.exp(-nats),
                "token_perplexity": math.exp(nats / len(tokens)),
            }
        )
        return
    for piece, value in zip(pieces, scores, strict=True):
        click.echo(f"{math.exp(value):10.6f}  {piece}")
    click.echo(
        f"{math.exp(-nats):10.3g}  the whole line: {nats:.2f} nats, "
        f"{nats / len(tokens):.3f} a token, token perplexity {math.exp(nats / len(tokens)):.1f}"
    )


@click.command()
@click.argument("prompt", default="")
@MODEL_OPTION
@click.option(
    "--count", type=click.IntRange(1, 1000), default=3, show_default=True, help="How many texts."
)
@click.option(
    "--temperature",
    type=float,
    default=0.8,
    show_default=True,
    help="Below 1 sharpens, 0 takes the likeliest.",
)
@click.option("--top-k", type=int, default=0, help="Draw from the k likeliest (0: all).")
@click.option(
    "--top-p",
    type=float,
    default=0.95,
    show_default=True,
    help="Draw from the likeliest that hold p.",
)
@click.option(
    "--max-tokens",
    type=click.IntRange(1, 10_000),
    default=60,
    show_default=True,
    help="At most so many tokens.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of the draws."
)
@JSON_OPTION
def generate(
    prompt: str,
    model_path: Path,
    count: int,
    temperature: float,
    top_k: int,
    top_p: float,
    max_tokens: int,
    seed: int,
    as_json: bool,
) -> None:
    """Sample lines that begin with PROMPT.

    \b
    Example:
      pocketlm generate "I would like" --model runs/base --temperature 0.7
    """  # fmt: skip
    from pocketlm.console import emit_json
    from pocketlm.model.generate import Sampling
    from pocketlm.model.generate import generate as sample
    from pocketlm.models import open_model

    sampling = Sampling(temperature, top_k, top_p)
    predictor = open_model(model_path)
    texts = [sample(predictor, prompt, sampling, seed + i, max_tokens) for i in range(count)]
    if as_json:
        emit_json({"prompt": prompt, "seed": seed, "texts": texts})
        return
    for line in texts:
        click.echo(line)


@click.command()
@click.argument("text")
@MODEL_OPTION
@click.option(
    "-k", "count", type=click.IntRange(1, 100), default=3, show_default=True, help="How many words."
)
@click.option(
    "--blocklist",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Words that are never suggested, one a line.",
)
@click.option("--allow-offensive", is_flag=True, help="Suggest slurs and vulgar words too.")
@JSON_OPTION
def suggest(
    text: str,
    model_path: Path,
    count: int,
    blocklist: Path | None,
    allow_offensive: bool,
    as_json: bool,
) -> None:
    """Words for the TEXT so far: completions, or the next word after a space.

    \b
    Example:
      pocketlm suggest "see you tom"
      pocketlm suggest "guten m" --model runs/german -k 5
    """  # fmt: skip
    from pocketlm.console import emit_json
    from pocketlm.model.blocklist import offensive_words, read_blocklist
    from pocketlm.model.words import split_context
    from pocketlm.text_entries import open_suggester

    blocked = frozenset() if allow_offensive else offensive_words()
    blocked |= read_blocklist(blocklist) if blocklist else frozenset()
    suggestions = open_suggester(model_path, blocked).suggest(text, count)
    context, prefix = split_context(text)
    if as_json:
        emit_json(
            {
                "context": context,
                "prefix": prefix,
                "suggestions": [dataclasses.asdict(s) for s in suggestions],
            }
        )
        return
    for suggestion in suggestions:
        click.echo(f"{suggestion.probability:8.4f}  {suggestion.word}")
