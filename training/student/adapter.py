"""The LoRA adapter of an artifact, with a base that can be found wherever the artifact goes."""

from __future__ import annotations

from pathlib import Path

from stratos.spec import Weights
from training.models.hub_folder import commit_of
from training.student.student import Student

FOLDER = "adapter"
BASE = "adapter/base"
_LAYER, _ADDED = ".base_layer", ".lora_"


def write_adapter(student: Student, weights: Weights | None, folder: Path) -> None:
    """Write the adapter, before it is merged, naming its base.

    An adapter on other weights than it was trained on is wrong without an error. A whole model of
    the Hub is named with its commit. Any other base, cut, read from a GGUF or from the spec's
    folder, has no name outside of the job, so it goes with the adapter.

    Args:
        weights: What the base was read from; None if from nowhere.
        folder: Of the artifact.
    """
    config = student.trained.peft_config["default"]
    if weights is not None and weights.hub is not None and weights.layers is None:
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


def _write_base(student: Student, folder: Path) -> None:
    stored = student.local.stored
    weights = {
        name.replace(_LAYER, ""): weight.to(stored)
        for name, weight in student.model.state_dict().items()
        if _ADDED not in name
    }
    student.model.save_pretrained(folder, state_dict=weights, safe_serialization=True)
