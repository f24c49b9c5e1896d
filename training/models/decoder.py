"""The parts that every decoder has: its layers, and a body whose states a head projects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from training.models.weights import LocalModel

_PROBE_TOKENS = 24


def body_states(model: PreTrainedModel, tokens: Tensor, positions: Tensor | None = None) -> Tensor:
    """Run a model without its head on right-padded tokens.

    Padding needs no mask: under causal attention it lies behind every token that carries a loss.
    Where positions start again at 0, Transformers lets no token see what lies before; in layers
    that keep a state it may not, see `restarts_isolate`.

    Args:
        tokens: [rows, width].
        positions: [rows, width], where a row holds several examples.

    Returns:
        [rows, width, hidden size]
    """
    found = model.base_model(input_ids=tokens, position_ids=positions, use_cache=False)
    states: Tensor = found.last_hidden_state
    return states


@contextmanager
def evaluating(model: PreTrainedModel) -> Iterator[None]:
    """Put a model in evaluation mode, and back where it was."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


@torch.no_grad()
def restarts_isolate(local: LocalModel) -> bool:
    """Whether an example that shares a row sees nothing of the one before it.

    Asked of the model: attention masks follow the positions, convolutions and linear attention go
    on as if there were no end.
    """
    model = local.model
    with evaluating(model):
        tokens = probe_tokens(model)
        half = tokens.shape[1] // 2
        positions = torch.arange(half, device=tokens.device).repeat(2)[None]
        together = body_states(model, tokens, positions)[:, half:].float()
        alone = body_states(model, tokens[:, half:]).float()
    distance = (together - alone).abs().max() / alone.abs().max().clamp_min(1e-6)
    return bool(distance <= tolerance(model))


def probe_tokens(model: PreTrainedModel) -> Tensor:
    """A few tokens from all over the vocabulary, [1, width]."""
    rows = model.get_input_embeddings().weight.shape[0]
    steps = torch.arange(1, _PROBE_TOKENS + 1, device=model.device)
    tokens: Tensor = steps * 7919 % rows
    return tokens[None]


def tolerance(model: PreTrainedModel) -> float:
    """How far two ways to compute the same states may differ, as a share of the largest."""
    return 1e-3 if model.dtype == torch.float32 else 5e-2


def decoder_layers(model: PreTrainedModel) -> nn.ModuleList:
    """Return the blocks of a decoder: its only list with an entry for each layer.

    Raises:
        ValueError: when there is none.
    """
    count = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    lists = [
        part
        for name, part in model.base_model.named_children()
        if isinstance(part, nn.ModuleList) and (name == "layers" or len(part) == count)
    ]
    if len(lists) != 1:
        raise ValueError(
            f"{type(model).__name__} has no list of decoder layers; "
            "train this student on one device, or pick one of the families in docs/training.md"
        )
    return lists[0]
