"""What the embedded cloud runs for a container's image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.host.transfers import TransferError

_PROJECT = Path(__file__).resolve().parents[3]
"""Where the package `serving` is, beside this one."""


class ImageNotRunnable(Exception):
    """There is no stand-in for an image; the message names those that there are."""


@dataclass(frozen=True)
class ModelProgram:
    """`python -m serving`, ours or an artifact's own.

    Attributes:
        directory: Where it starts.
        environment: What it needs beyond what the container is given.
    """

    directory: Path
    environment: Mapping[str, str]

    @classmethod
    def of(cls, container: Mapping[str, object], model: Path) -> ModelProgram:
        """The program of an image, for a model that is unpacked in a folder.

        Raises:
            ImageNotRunnable: nothing here stands for the image.
            TransferError: the artifact lacks the code that its image runs.
        """
        image = str(container.get("Image") or "")
        repository = image.rpartition("/")[2].partition(":")[0].partition("@")[0]
        if repository.startswith("llama-cpp"):
            environment = {
                "PYTHONPATH": str(_PROJECT),
                "PYTHONSAFEPATH": "1",  # nothing of the model's folder is imported
                "SM_LLAMA_CPP_MODEL_DIR": str(model),
            }
            return cls(model, environment)
        if repository.endswith("pytorch-inference"):
            return cls._of_before(container, model)
        raise ImageNotRunnable(
            f"The embedded cloud cannot run the image {image!r}. It runs AWS's llama.cpp images "
            "(llama-cpp) and, for models from before, pytorch-inference; it has no GPU for vLLM."
        )

    @classmethod
    def _of_before(cls, container: Mapping[str, object], model: Path) -> ModelProgram:
        code = model / "code"
        if not (code / "serving").is_dir():
            raise TransferError(
                f"{container.get('ModelDataUrl')} holds no package 'code/serving', which the image "
                f"{container['Image']} runs; a new run exports a model for llama.cpp instead."
            )
        return cls(code, {"PYTHONPATH": str(code), "SM_MODEL_DIR": str(model)})
