"""Weights and training state as safetensors: tensors and a JSON header, never a pickled object."""

import errno
import json
import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from pocketlm.model.errors import UserError
from pocketlm.model.files import fsync_path
from pocketlm.model.optimizer import STATE_KEYS
from pocketlm.model.temporaries import held_temporary

_STATE = "state"
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Checkpoint:
    """Named tensors and what JSON can say beside them."""

    tensors: dict[str, Tensor]
    state: dict[str, Any]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write one file, whole or not at all; an OSError where it cannot be written names it."""
    tensors = {name: t.detach().cpu().contiguous() for name, t in checkpoint.tensors.items()}
    metadata = {_STATE: json.dumps(checkpoint.state)}
    # The library writes a temporary of its own beside its file: in a folder of ours, which the
    # next writer removes if this one is killed.
    with held_temporary(path, folder=True) as folder:
        written = folder / path.name
        try:
            safetensors.torch.save_file(tensors, written, metadata=metadata)
        except safetensors.SafetensorError as error:
            raise _write_error(error, path) from None
        (folder / "mode").touch()  # the library's file is its writer's alone, whatever the umask
        written.chmod(stat.S_IMODE((folder / "mode").stat().st_mode))
        fsync_path(written)
        written.replace(path)


def _write_error(error: safetensors.SafetensorError, path: Path) -> OSError:
    """What the system said; the library has it in its message alone."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    number = int(found[1]) if found else errno.EIO
    return OSError(number, os.strerror(number) if found else str(error), str(path))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a file that `save_checkpoint` wrote.

    Raises:
        UserError: it is missing, damaged or of another kind.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            state = json.loads((file.metadata() or {}).get(_STATE, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise UserError(f"{path}: no such file of weights") from None
    except (safetensors.SafetensorError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged, or not safetensors: {error}") from None
    if not isinstance(state, dict):
        raise UserError(f"{path} was not written by PocketLM")
    return Checkpoint(tensors, state)


def open_weighted(make: Callable[[], Network], tensors: dict[str, Tensor], source: Path) -> Network:
    """A network of these weights, ready to predict.

    It is laid out on torch's device without memory, so that settings which ask for a huge one
    cost nothing where the file does not hold it.

    Raises:
        UserError: as `load_weights`.
    """
    with torch.device("meta"):
        model = make().eval()
    load_weights(model, tensors, source, assign=True)
    return model


def load_weights(
    model: nn.Module, tensors: dict[str, Tensor], source: Path, assign: bool = False
) -> None:
    """Put weights into a model; with `assign` the tensors themselves become its parameters.

    Raises:
        UserError: names, shapes or types differ from the model's, or a number is not finite.
    """
    expected = {name: (t.shape, t.dtype) for name, t in model.state_dict().items()}
    found = {name: (t.shape, t.dtype) for name, t in tensors.items()}
    if expected != found:
        names = sorted(expected.keys() | found.keys())
        wrong = next(name for name in names if expected.get(name) != found.get(name))
        raise UserError(f"{source} does not fit its config.json: {wrong} differs")
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise UserError(f"{source}: {name} holds a number that is not finite")
    model.load_state_dict(tensors, assign=assign)


def training_tensors(
    model: nn.Module, optimizers: Sequence[torch.optim.Optimizer]
) -> dict[str, Tensor]:
    """The tensors that the next step depends on: weights, the optimizers', random numbers."""
    tensors = {f"model.{name}": t for name, t in model.state_dict().items()}
    device = torch.device("cpu")
    for name, parameter in model.named_parameters():
        device = parameter.device
        for optimizer in optimizers:
            for key, value in optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer.{key}.{name}"] = value
    tensors["random.cpu"] = torch.get_rng_state()
    if device.type == "cuda":
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    return tensors


def restore_training(
    model: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    tensors: dict[str, Tensor],
    path: Path,
) -> None:
    """Put back what `training_tensors` gave; `path` names the file in an error line."""
    weights = {k.removeprefix("model."): t for k, t in tensors.items() if k[:6] == "model."}
    load_weights(model, weights, path)
    device = torch.device("cpu")
    names = {parameter: name for name, parameter in model.named_parameters()}
    for optimizer in optimizers:
        for parameter in (p for group in optimizer.param_groups for p in group["params"]):
            device = parameter.device
            saved = [(k, f"optimizer.{k}.{names[parameter]}") for k in STATE_KEYS[type(optimizer)]]
            if saved[0][1] in tensors:  # none where it was saved before the first step
                optimizer.state[parameter] = {k: tensors[n].to(device) for k, n in saved}
    torch.set_rng_state(tensors["random.cpu"])
    if device.type == "cuda" and "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"])
