"""One network for every kind of prediction: an encoder, an alignment, a head.

    tokens -> embedding --.
                           }-> GRU (forwards; backwards too where both sides are known)
    a vector (T = 1) -----'       |
                  .---------------+---------------------.
        whole: last states      each: the states     decoder: a GRU that writes tokens, from the
        and their average       of each time         last states, with attention over all of them
                  |                     |                     |
        head: a value or classes    classes               tied softmax (decoder.py)

    one to one   a vector, whole, value       (regression)
    one to many  a vector, decoder            (caption)
    many to one  tokens, whole, classes       (sentiment)
    many to many tokens, decoder, attention   (translation)
                 tokens, each, classes        (case restoration)

The recurrence is the one of recurrence.py. The two directions of a bidirectional layer (Schuster
and Paliwal 1997) are two networks with weights of their own; neither sees the padding.

Shapes: B batch, T time, E embedding, H hidden of a direction, D directions, C classes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pocketlm.model.loss import tied_softmax_loss
from pocketlm.model.tasks.batches import Batch
from pocketlm.model.tasks.config import NetworkConfig
from pocketlm.model.tasks.decoder import Decoder
from pocketlm.model.tasks.dropout import SequenceDropout
from pocketlm.model.tasks.encoder import Encoded, Encoder
from pocketlm.model.tokenizer import UNKNOWN_ID


class TaskNetwork(nn.Module):
    """An encoder, an alignment and a head."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        width = config.features
        if config.reads == "tokens" or config.alignment == "decoder":
            self.embedding = nn.Embedding(config.vocabulary_size, config.embedding)
            nn.init.normal_(self.embedding.weight, std=config.embedding**-0.5)
        if config.reads == "tokens":
            width = config.embedding
        self.encoder = Encoder(config, width)
        self.dropout = SequenceDropout(config.dropout)
        encoded = config.hidden * (2 if config.bidirectional else 1)
        if config.alignment == "decoder":
            self.decoder = Decoder(config, encoded)
        else:
            read = 2 * encoded if config.alignment == "whole" else encoded
            self.head = nn.Linear(read, config.classes if config.head == "classes" else 1)

    def encode(self, inputs: Tensor, lengths: Tensor) -> Encoded:
        """What is read, tokens [B, T] or a vector [B, 1, F], encoded."""
        if self.config.reads == "tokens":
            if self.training and self.config.token_dropout:
                unknown = torch.rand(inputs.shape, device=inputs.device) < self.config.token_dropout
                inputs = inputs.masked_fill(unknown, UNKNOWN_ID)
            inputs = self.dropout(self.embedding(inputs))  # [B, T, E]
        encoded: Encoded = self.encoder(inputs, lengths)
        return encoded

    def scores(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """The head's answer: [B, C] or [B, 1] of the whole, [B, T, C] of each."""
        encoded = self.encode(inputs, lengths)
        if self.config.alignment == "each":
            answer: Tensor = self.head(self.dropout(encoded.outputs))
            return answer
        kept = encoded.outputs * encoded.present[:, :, None]
        average = kept.sum(1) / lengths[:, None]
        of_whole: Tensor = self.head(self.dropout(torch.cat([encoded.last, average], dim=-1)))
        return of_whole

    def loss(self, batch: Batch, dtype: torch.dtype, smoothing: float = 0.0) -> Tensor:
        """What training lowers, an answer's average: squared error, or nats.

        Args:
            batch: examples.
            dtype: of the matrix products.
            smoothing: of the labels.
        """
        with torch.autocast(batch.inputs.device.type, dtype, enabled=dtype != torch.float32):
            if self.config.alignment == "decoder":
                encoded = self.encode(batch.inputs, batch.lengths)
                projected, targets = self.decoder.teach(
                    encoded, batch.targets, batch.target_lengths, self.embedding
                )
            else:
                scores = self.scores(batch.inputs, batch.lengths)
        if self.config.alignment == "decoder":
            weight = self.embedding.weight
            return tied_softmax_loss(projected.float(), weight, targets, dtype, smoothing)
        if self.config.head == "value":
            return F.mse_loss(scores.float()[:, 0], batch.targets)
        if self.config.alignment == "each":
            present = torch.arange(scores.shape[1], device=scores.device) < batch.lengths[:, None]
            return F.cross_entropy(
                scores.float()[present], batch.targets[present], label_smoothing=smoothing
            )
        return F.cross_entropy(scores.float(), batch.targets, label_smoothing=smoothing)

    def parameter_count(self) -> int:
        """Trained numbers; tied weights count once."""
        return sum(parameter.numel() for parameter in self.parameters())


def answers_of(batch: Batch, config: NetworkConfig) -> int:
    """How many answers a batch's loss is the average of."""
    if config.alignment == "decoder":
        return int((batch.target_lengths + 1).sum())  # the end is an answer too
    return int(batch.lengths.sum()) if config.alignment == "each" else len(batch.lengths)
