"""From hidden states to logits, as the model itself does it.

Training projects a few tokens at a time, and so outside of the model's own forward pass. What a
model does beside the projection (a bias, a scale, a soft cap) is read from it once and held
against its own logits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from training.models.decoder import body_states, evaluating, probe_tokens, tolerance
from training.models.weights import LocalModel

_SCALES = ("logit_scale", "logits_scaling", "lm_head_multiplier")
"""What configurations call a factor of the logits, or its inverse."""
_SOFTCAP = "final_logit_softcapping"


@dataclass(frozen=True)
class Head:
    """(states · weightᵀ + bias) · scale, and softcap · tanh(… / softcap) of that.

    Attributes:
        model: It holds the weight and the bias, which training changes.
    """

    model: PreTrainedModel
    scale: float = 1.0
    softcap: float | None = None

    @property
    def weight(self) -> Tensor:
        """[vocabulary, hidden size]."""
        weight: Tensor = self.model.get_output_embeddings().weight
        return weight

    @property
    def bias(self) -> Tensor | None:
        """[vocabulary]."""
        bias: Tensor | None = getattr(self.model.get_output_embeddings(), "bias", None)
        return bias

    def logits(self, states: Tensor, shared: int | None = None) -> Tensor:
        """Project hidden states.

        Args:
            shared: Only so many leading logits.
        """
        projected = states @ self.weight[:shared].T
        if self.bias is not None:
            projected = projected + self.bias[:shared]
        return self.finish(projected)

    def finish(self, projected: Tensor) -> Tensor:
        """Scale and cap what the weight and the bias give."""
        if self.scale != 1.0:
            projected = projected * self.scale
        if self.softcap is not None:
            projected = torch.tanh(projected / self.softcap) * self.softcap
        return projected


@torch.no_grad()
def read_head(local: LocalModel) -> Head:
    """Find out what a model does to its logits, on a few tokens.

    Raises:
        ValueError: when it is something else than a head knows.
    """
    model = local.model
    try:
        with evaluating(model):
            tokens = probe_tokens(model)
            expected = model(input_ids=tokens, use_cache=False).logits.float()
            states = body_states(model, tokens)
            found = [(_distance(one.logits(states), expected), one) for one in _candidates(model)]
    except (AttributeError, TypeError, RuntimeError) as error:
        raise _unknown(local, f"its logits are no projection of hidden states: {error}") from error
    if not expected.isfinite().all():
        raise ValueError(
            f"{local.name} gives logits that are no numbers (NaN or infinite); its weights are "
            "damaged, or too large for their precision. Upload it again"
        )
    distance, head = min(found, key=lambda one: one[0])
    if not distance <= tolerance(model):
        raise _unknown(local, f"they differ from a projection's by {distance:.2g} of their size")
    return head


def _candidates(model: PreTrainedModel) -> Iterator[Head]:
    config = model.config.get_text_config()
    softcap = getattr(config, _SOFTCAP, None)
    yield Head(model, softcap=softcap)
    for key in _SCALES:
        scale = getattr(config, key, None)
        if isinstance(scale, int | float) and scale not in (0, 1):
            yield Head(model, float(scale), softcap)
            yield Head(model, 1.0 / scale, softcap)


def _distance(found: Tensor, expected: Tensor) -> float:
    return float((found.float() - expected).abs().max() / expected.abs().max().clamp_min(1e-6))


def _unknown(local: LocalModel, why: str) -> ValueError:
    return ValueError(
        f"{local.name} ({type(local.model).__name__}) changes its logits in a way that training "
        f"does not know: {why}. Pick a model of another family; a teacher of this one can still "
        "be learned from by its text, with training.kd_weight: 0"
    )
