"""The LoRA adapter of an artifact, with a base that can be found wherever the artifact goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn
from transformers import AutoConfig

from stratos.spec import Weights
from training.models.hub_folder import commit_of
from training.student.student import Student

FOLDER = "adapter"
BASE = "adapter/base"
_LAYER, _ADDED = ".base_layer", ".lora_"


def write_adapter(student: Student, weights: Weights | None, folder: Path) -> None:
    """Write the adapter, before it is merged, naming its base.

    An adapter on other weights than it was trained on is wrong without an error. A whole model of
    the Hub is named with its commit. Any other base, cut, the text of several parts, read from a
    GGUF or from the spec's folder, has no name outside of the job, so it goes with the adapter.

    Args:
        weights: What the base was read from; None if from nowhere.
        folder: Of the artifact.
    """
    config = student.trained.peft_config["default"]
    if weights is not None and is_named(student, weights):
        config.base_model_name_or_path, config.revision = weights.hub, commit_of(weights)
    else:
        config.base_model_name_or_path, config.revision = BASE, None
        _write_base(student, folder / BASE)
    # Embeddings are not trained; to find that out, peft would look for the base by its name.
    student.trained.save_pretrained(
        folder / FOLDER, safe_serialization=True, save_embedding_layers=False
    )
    # What peft writes for the Hub repeats the base's place in this job.
    (folder / FOLDER / "README.md").unlink(missing_ok=True)


def is_named(student: Student, weights: Weights) -> bool:
    """Whether the base has a name outside of the job.

    Of several parts, the weights of the text have other names, which peft would pass over.
    """
    if weights.hub is None or weights.layers is not None:
        return False
    read = AutoConfig.from_pretrained(student.local.source, trust_remote_code=False)
    return bool(read.model_type == student.model.config.model_type)


def _write_base(student: Student, folder: Path) -> None:
    base = {n: p for n, p in student.model.named_parameters() if _ADDED not in n}
    with _held_as(student.local.stored, base):
        weights = {
            name.replace(_LAYER, ""): weight
            for name, weight in student.model.state_dict().items()
            if _ADDED not in name
        }
        student.model.save_pretrained(folder, state_dict=weights, safe_serialization=True)


@contextmanager
def _held_as(dtype: torch.dtype, parameters: dict[str, nn.Parameter]) -> Iterator[None]:
    """Hold parameters as another type for a while, each in its place: a copy may not fit beside.

    They lose nothing by it if they were read from that type.
    """
    before = {name: parameter.dtype for name, parameter in parameters.items()}
    for parameter in parameters.values():
        parameter.data = parameter.data.to(dtype)
    yield
    for name, parameter in parameters.items():
        parameter.data = parameter.data.to(before[name])
