"""What a record of a family says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import gguf
from torch import Tensor
from transformers import PreTrainedConfig

Change = Callable[[Tensor, PreTrainedConfig], tuple[Tensor, ...]]
"""A tensor of the folder → those of the file, in the order of their names."""
Write = Callable[[gguf.GGUFWriter, PreTrainedConfig], None]


@dataclass(frozen=True)
class Rule:
    """What is done to the tensors of one kind.

    Attributes:
        pattern: The end of their names in the folder, as a regular expression.
        change: Also run on tensors without values, to learn the shapes.
        names: In the file, of each tensor that the change returns, with `{layer}`. Without any, the
            one is called as the package gguf calls it.
    """

    pattern: str
    change: Change
    names: tuple[str, ...] = ()


def _dense_size(config: PreTrainedConfig) -> int:
    return int(config.intermediate_size)


@dataclass(frozen=True)
class Family:
    """A `model_type` of `config.json` in llama.cpp.

    Attributes:
        architecture: Its name there.
        rules: For tensors that llama.cpp wants otherwise than transformers; the first that fits.
        writes: Hyperparameters beyond those of every family.
        needs_head: llama.cpp wants an output projection even where it is the embeddings.
        counts_heads_by_layer: A layer without attention is told by 0 heads of keys.
        feed_forward: The width of the dense block.
    """

    architecture: gguf.MODEL_ARCH
    rules: tuple[Rule, ...] = ()
    writes: tuple[Write, ...] = ()
    needs_head: bool = False
    counts_heads_by_layer: bool = False
    feed_forward: Callable[[PreTrainedConfig], int] = _dense_size
