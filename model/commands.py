"""The commands that ask a model: evaluate, score, generate, suggest."""

import dataclasses
import math
from pathlib import Path

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
JSON_OPTION = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object and nothing else."
)


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
