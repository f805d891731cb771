"""Muon and AdamW: who gets which weights, and what an update of Muon is."""

import pytest
import torch
from helpers import tiny_config

from pocketlm.model.corpus import Corpus
from pocketlm.model.errors import UserError
from pocketlm.model.language_model import ModelConfig, RecurrentLanguageModel
from pocketlm.model.optimizer import MUON_SCALE, adamw, muon, set_learning_rate


@pytest.fixture
def model() -> RecurrentLanguageModel:
    torch.manual_seed(1)
    return RecurrentLanguageModel(ModelConfig(vocabulary_size=260, embedding=24, hidden=40))


def names_in(optimizer: torch.optim.Optimizer, model: torch.nn.Module) -> set[str]:
    inside = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return {name for name, p in model.named_parameters() if id(p) in inside}


def test_muon_has_the_matrices_between_the_layers(
    model: RecurrentLanguageModel, corpus: Corpus
) -> None:
    matrices, rest = muon(model, tiny_config(corpus))
    muons = names_in(matrices, model)
    assert muons == {"gru.weight_ih_l0", "gru.weight_hh_l0", "projection.weight"}
    everything = {name for name, _ in model.named_parameters()}
    assert names_in(rest, model) == everything - muons
    assert names_in(adamw(model, tiny_config(corpus)), model) == everything


def test_an_update_of_muon_has_nearly_equal_singular_values(
    model: RecurrentLanguageModel, corpus: Corpus
) -> None:
    optimizers = muon(model, tiny_config(corpus, weight_decay=0.0))
    set_learning_rate(optimizers, 0.01)
    weight = model.projection.weight
    before = weight.detach().clone()
    gradient = torch.randn(weight.shape) @ torch.diag(torch.logspace(0, -2, weight.shape[1]))
    weight.grad = gradient.clone()
    optimizers[0].step()
    update = before - weight.detach()
    values = torch.linalg.svdvals(update) / (0.01 * MUON_SCALE * 0.2 * max(weight.shape) ** 0.5)
    assert values.min() > 0.3  # those of the gradient differ 100-fold
    assert values.max() < 1.4
    assert (update * gradient).sum() > 0  # downhill


def test_another_optimizer_is_an_error(corpus: Corpus) -> None:
    with pytest.raises(UserError, match="optimizer 'sgd' is not adamw or muon"):
        tiny_config(corpus, optimizer="sgd")
