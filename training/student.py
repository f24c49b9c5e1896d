"""The model that learns: all of its weights, or a LoRA adapter on them."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from stratos.plan import Method, Precision
from training.weights import LocalModel, load_model


class Student:
    """A model in training.

    Attributes:
        local: The base model with its tokenizer; its weights hold the adapter where there is one.
        trained: The module whose parameters require gradients: the model, or peft's wrapper.
    """

    def __init__(
        self, local: LocalModel, method: Method, precision: Precision, lora_rank: int, seed: int
    ) -> None:
        self.local, self.method, self.precision = local, method, precision
        self.num_parameters = local.num_parameters
        torch.manual_seed(seed)
        self.trained: Any = local.model if method == "full" else _with_lora(local.model, lora_rank)
        self.trained.train()

    @property
    def model(self) -> PreTrainedModel:
        return self.local.model

    @property
    def num_trainable_parameters(self) -> int:
        return sum(p.numel() for p in self.trained.parameters() if p.requires_grad)

    def trainable(self) -> dict[str, nn.Parameter]:
        """The trained parameters by name."""
        return {name: p for name, p in self.trained.named_parameters() if p.requires_grad}

    def hidden_states(self, tokens: Tensor) -> Tensor:
        """Run the body on right-padded tokens and return what the head projects.

        Args:
            tokens: [rows, width].

        Returns:
            [rows, width, hidden size]
        """
        return body_states(self.model, tokens)

    @property
    def head_weight(self) -> Tensor:
        """The projection from hidden states to the vocabulary, [vocabulary, hidden size]."""
        weight: Tensor = self.model.get_output_embeddings().weight
        return weight

    @property
    def device(self) -> torch.device:
        return torch.device(self.model.device)

    def autocast(self) -> torch.autocast:
        """Compute in bfloat16 where that is the precision; weights stay as they are."""
        return torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bfloat16"
        )


def body_states(model: PreTrainedModel, tokens: Tensor) -> Tensor:
    """Run a model without its head on right-padded tokens.

    Padding needs no mask: under causal attention it lies behind every token that carries a loss.

    Args:
        tokens: [rows, width].

    Returns:
        [rows, width, hidden size]
    """
    states: Tensor = model.base_model(input_ids=tokens, use_cache=False).last_hidden_state
    return states


def require_plain_head(local: LocalModel) -> None:
    """Refuse a model whose logits are more than a projection of its hidden states.

    Raises:
        ValueError: with what it does to them.
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


def load_student(
    name: str, source: str, method: Method, precision: Precision, lora_rank: int, seed: int
) -> Student:
    """Read a student's weights and prepare them for training.

    Raises:
        ValueError: for a precision that cannot be trained in, or an unsupported output head.
    """
    if precision == "fp8":
        raise ValueError("fp8 is for serving; train in float32 or bfloat16")
    # Full fine-tuning updates float32 weights: in bfloat16 small updates would round to nothing.
    stored: Precision = precision if method == "lora" else "float32"
    local = load_model(name, source, stored)
    require_plain_head(local)
    return Student(local, method, precision, lora_rank, seed)


def _with_lora(model: PreTrainedModel, rank: int) -> nn.Module:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        target_modules="all-linear",
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        # peft 0.21 still asks for the old name of activation checkpointing.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated")
        adapted: nn.Module = get_peft_model(model, config)
    return adapted
