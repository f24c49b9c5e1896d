"""Which tensors of the file are made of which of the folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import gguf
import torch
from torch import Tensor
from transformers import PreTrainedConfig

from serving.export.families.family import Family, Rule
from serving.export.families.rope import rope_divisors
from serving.export.families.tensors import same
from serving.export.stored_tensors import StoredTensors
from stratos.errors import NotExportable

_HEAD = "lm_head.weight"
_EMBEDDINGS = "model.embed_tokens.weight"
_OUTPUT = "output.weight"
_LAYER = re.compile(r"\.layers\.(\d+)\.")


@dataclass(frozen=True)
class Part:
    """One tensor of the file.

    Attributes:
        source: What it is made of, for people.
    """

    name: str
    source: str
    shape: tuple[int, ...]
    read: Callable[[], Tensor]


def parts_of(tensors: StoredTensors, family: Family, config: PreTrainedConfig) -> Iterator[Part]:
    """Every tensor of the file, without reading any.

    Raises:
        NotExportable: llama.cpp has no place for one.
    """
    names = gguf.get_tensor_name_map(family.architecture, config.num_hidden_layers)
    tied = bool(config.tie_word_embeddings)
    for name, divisors in rope_divisors(config).items():
        yield Part(name, "rope", tuple(divisors.shape), partial(torch.clone, divisors))
    for source in tensors.names:
        if tied and source == _HEAD:
            continue
        yield from _made_of(source, tensors, _rule_for(source, family, names, config), config)
    if tied and family.needs_head:
        shape = tensors.shape(_EMBEDDINGS)
        yield Part(_OUTPUT, _EMBEDDINGS, shape, partial(tensors.read, _EMBEDDINGS))


def _made_of(
    source: str, tensors: StoredTensors, rule: Rule, config: PreTrainedConfig
) -> Iterator[Part]:
    shapes = rule.change(torch.empty(tensors.shape(source), device="meta"), config)
    found = _LAYER.search(source)
    for index, (name, made) in enumerate(zip(rule.names, shapes, strict=True)):
        yield Part(
            name.format(layer=found and found[1]),
            source,
            tuple(made.shape),
            partial(_changed, tensors, source, rule, config, index),
        )


def _changed(
    tensors: StoredTensors, source: str, rule: Rule, config: PreTrainedConfig, index: int
) -> Tensor:
    return rule.change(tensors.read(source), config)[index]


def _rule_for(
    source: str, family: Family, names: gguf.TensorNameMap, config: PreTrainedConfig
) -> Rule:
    """What is done to a tensor, with the names of what becomes of it."""
    for rule in family.rules:
        if re.search(f"{rule.pattern}$", source):
            break
    else:
        rule = Rule("", same)
    if rule.names:
        return rule
    name = names.get_name(source, try_suffixes=(".weight", ".bias"))
    if name is None:
        raise NotExportable(
            f"the model has a tensor {source}, which llama.cpp has no place for in a "
            f"{config.model_type}; choose a student without it"
        )
    return Rule(rule.pattern, rule.change, (name,))
