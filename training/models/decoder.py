"""The parts that every decoder has: its layers, and a head that projects onto the vocabulary."""

from __future__ import annotations

from torch import Tensor, nn
from transformers import PreTrainedModel

from training.models.weights import LocalModel


def body_states(model: PreTrainedModel, tokens: Tensor, positions: Tensor | None = None) -> Tensor:
    """Run a model without its head on right-padded tokens.

    Padding needs no mask: under causal attention it lies behind every token that carries a loss.
    Where positions start again at 0, Transformers lets no token see what lies before.

    Args:
        tokens: [rows, width].
        positions: [rows, width], where a row holds several examples.

    Returns:
        [rows, width, hidden size]
    """
    found = model.base_model(input_ids=tokens, position_ids=positions, use_cache=False)
    states: Tensor = found.last_hidden_state
    return states


def decoder_layers(model: PreTrainedModel) -> nn.ModuleList:
    """Return the blocks of a decoder.

    Raises:
        ValueError: when the architecture keeps them elsewhere than in `layers`.
    """
    layers = getattr(model.base_model, "layers", None)
    if not isinstance(layers, nn.ModuleList):
        raise ValueError(
            f"{type(model).__name__} has no list of decoder layers; "
            "pick a student of the Llama, Qwen or Mistral family"
        )
    return layers


def require_plain_head(local: LocalModel) -> None:
    """Refuse a model whose logits are more than a projection of its hidden states.

    Raises:
        ValueError: naming what it does to them.
    """
    config = local.model.config
    changed = [
        key
        for key in ("final_logit_softcapping", "logit_scale", "logits_scaling")
        if getattr(config, key, None) not in (None, 1, 1.0)
    ]
    if getattr(local.model.get_output_embeddings(), "bias", None) is not None:
        changed.append("lm_head.bias")
    if changed:
        raise ValueError(
            f"{local.name} changes its logits after the projection ({changed[0]}), which training "
            "does not support; pick a student of the Llama, Qwen or Mistral family"
        )
