"""A network's weights on their own, as float16: small enough to pass on, to train on from.

weights.safetensors    tensors, and in the header the sizes and the tokenizer's SHA-256
"""

from dataclasses import asdict
from pathlib import Path

import torch

from pocketlm.model.checkpoint import Checkpoint, load_checkpoint, open_weighted, save_checkpoint
from pocketlm.model.errors import UserError
from pocketlm.model.language_model import ModelConfig, RecurrentLanguageModel
from pocketlm.model.settings import from_json
from pocketlm.model.tokenizer import Tokenizer

WEIGHTS = "weights.safetensors"


def save_weights(path: Path, model: RecurrentLanguageModel, tokenizer: Tokenizer) -> None:
    """Write a model's weights, rounded to float16."""
    tensors = {name: tensor.half() for name, tensor in model.state_dict().items()}
    sizes = asdict(model.config)
    save_checkpoint(path, Checkpoint(tensors, {"model": sizes, "tokenizer": tokenizer.sha256}))


def open_weights(path: Path, tokenizer: Tokenizer) -> RecurrentLanguageModel:
    """The model of a file that `save_weights` wrote, in float32.

    Raises:
        UserError: the file is missing, damaged, of another tokenizer, or holds what is not finite.
    """
    checkpoint = load_checkpoint(path)
    config = from_json(ModelConfig, checkpoint.state.get("model"), str(path))
    if checkpoint.state.get("tokenizer") != tokenizer.sha256:
        raise UserError(f"{path} belongs to another tokenizer")
    tensors = {
        name: tensor.float() if tensor.dtype == torch.float16 else tensor
        for name, tensor in checkpoint.tensors.items()
    }
    return open_weighted(lambda: RecurrentLanguageModel(config), tensors, path)
