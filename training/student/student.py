"""The model that learns: all of its weights, or a LoRA adapter on them."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from stratos.contracts.plan import Precision
from stratos.spec import Method, Weights
from training.models.decoder import body_states, decoder_layers, restarts_isolate
from training.models.head import Head, read_head
from training.models.weights import LocalModel, load_model
from training.student.batches import MicroBatch
from training.student.chunked_loss import LossOfLogits, projected_loss
from training.student.lora_linear import LoraLinear
from training.student.sharding import WritingCopy, put_together, shard

_LAYER = re.compile(r"^.*\.\d+\.")
"""What stands before a part of a layer in its name."""
_STATE_SPACE = {"falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h"}
"""Types whose kernels read the weights of `out_proj` past an adapter."""
_log = logging.getLogger(__name__)
_OF_EXPERTS = re.compile(r"expert|(?:^|\.)(?:w[123]|gate|(?:gate|up|down)_proj)$")


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
        head = read_head(local)
        torch.manual_seed(seed)
        self.trained: Any = local.model if method == "full" else _with_lora(local.model, lora_rank)
        self.trained.train()
        self._pass = _Pass(self.trained, head)
        self._writing_copy: WritingCopy | None = None

    @property
    def model(self) -> PreTrainedModel:
        return self.local.model

    @property
    def num_trainable_parameters(self) -> int:
        return sum(p.numel() for p in self.trained.parameters() if p.requires_grad)

    def trainable(self) -> dict[str, nn.Parameter]:
        """The trained parameters by name."""
        return {name: p for name, p in self.trained.named_parameters() if p.requires_grad}

    def loss(self, batch: MicroBatch, loss_of: LossOfLogits) -> Tensor:
        """Return the summed loss of a batch on the student's device."""
        loss: Tensor = self._pass(batch, loss_of)
        return loss

    def keeps_apart(self) -> bool:
        """Whether examples that share a row see nothing of each other; asked before `shard`."""
        return restarts_isolate(self.local)

    def shard(self) -> None:
        """Spread the parameters over the devices of all processes, a decoder layer at a time.

        To be called before the optimizer sees them; afterwards only `loss` may run the model, and
        `writing` lends one that writes.
        """
        dtype = torch.bfloat16 if self.precision == "bfloat16" else torch.float32
        self._writing_copy = WritingCopy(self.model, dtype)
        shard(self._pass, decoder_layers(self.model))

    @contextmanager
    def writing(self) -> Iterator[PreTrainedModel]:
        """Lend a model that completes prompts with the weights as they are now.

        Where the student is sharded, all processes must ask for it together.
        """
        if self._writing_copy is None:
            yield self.model
            return
        with self._writing_copy.holding(self.model) as model:
            yield model

    def put_together(self, *, keep: bool) -> None:
        """Undo `shard` for the export, in main memory; the model does not run any more.

        Args:
            keep: False in a process that only hands over its parts.
        """
        put_together(self._pass, keep=keep)

    @property
    def device(self) -> torch.device:
        return torch.device(self.model.device)

    def autocast(self) -> torch.autocast:
        """Compute in bfloat16 where that is the precision; weights stay as they are."""
        return torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bfloat16"
        )


class _Pass(nn.Module):
    """Body, head and loss as one module: where it is sharded, the head is whole inside it."""

    def __init__(self, trained: nn.Module, head: Head) -> None:
        super().__init__()
        self.trained = trained
        self._head = head

    def forward(self, batch: MicroBatch, loss_of: LossOfLogits) -> Tensor:
        head = self._head
        hidden = body_states(head.model, batch.tokens, batch.positions)[batch.predicts]
        weight, bias = head.weight, head.bias
        if len(batch.targets) == 0:
            # FSDP sums what has a gradient in this process; it must be the same in all of them.
            nothing = hidden.sum() + 0 * weight.sum()
            return nothing if bias is None else nothing + 0 * bias.sum()

        def finished(logits: Tensor, rows: slice) -> Tensor:
            return loss_of(head.finish(logits), rows)

        return projected_loss(hidden, weight, finished, bias=bias)


def load_student(
    weights: Weights,
    source: str,
    method: Method,
    precision: Precision,
    lora_rank: int,
    seed: int,
    *,
    in_main_memory: bool = False,
) -> Student:
    """Read a student's weights and prepare them for training.

    Args:
        in_main_memory: Until `shard` spreads them: whole, they need not fit on one device.

    Raises:
        ValueError: for a precision that cannot be trained in, or logits of an unknown kind.
    """
    if precision == "fp8":
        raise ValueError("fp8 is for serving; train in float32 or bfloat16")
    # Full fine-tuning updates float32 weights: in bfloat16 small updates would round to nothing.
    stored: Precision = precision if method == "lora" else "float32"
    device = "cpu" if in_main_memory else None
    local = load_model(weights.name, source, stored, weights.layers, device=device)
    if method == "full" and _mixes_experts(local.model):
        _log.warning(
            "the router of %s learns without the loss that balances its experts, so after long "
            "training some may do most of the work; `method: lora` leaves router and experts as "
            "they are",
            weights.name,
        )
    return Student(local, method, precision, lora_rank, seed)


def _with_lora(model: PreTrainedModel, rank: int) -> nn.Module:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        target_modules=_adapted_parts(model) or "all-linear",
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
    )
    config._register_custom_module({nn.Linear: LoraLinear})
    with warnings.catch_warnings():
        # peft 0.21 still asks for the old name of activation checkpointing.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated")
        adapted: nn.Module = get_peft_model(model, config)
    return adapted


def _adapted_parts(model: PreTrainedModel) -> list[str]:
    """The names of what is adapted where that is not every linear part; empty where it is.

    In a mixture of experts that is attention, and what stands in its place: for some mixtures peft
    means every expert and the router too by `all-linear`, and by the names that experts once had,
    for others not.
    """
    mixture = _mixes_experts(model)
    state_space = model.config.model_type in _STATE_SPACE
    if not mixture and not state_space:
        return []
    head = model.get_output_embeddings()
    names = {
        _LAYER.split(name)[-1]
        for name, part in model.named_modules()
        # Routers and grouped projections are kinds of Linear that an adapter does not fit.
        if type(part) is nn.Linear and part is not head
    }
    return sorted(
        name
        for name in names
        if not (mixture and _OF_EXPERTS.search(name))
        and not (state_space and name.endswith("out_proj"))
    )


def _mixes_experts(model: PreTrainedModel) -> bool:
    return any(name.endswith(".experts") for name, _ in model.named_modules())
