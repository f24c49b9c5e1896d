"""The folders and configuration files of SageMaker's training container."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class SageMakerPaths:
    """Where a training job finds its inputs and leaves its outputs.

    Attributes:
        channels: Folder of each input channel, by the channel's name.
        model_dir: Becomes model.tar.gz.
        output_dir: Holds `failure`, the reason that SageMaker reports.
        checkpoint_dir: Synchronised with S3 while the job runs; None where the job has none.
        hyperparameters: As given, without SageMaker's own.
        num_cpus: That the job may use; None for all.
    """

    channels: dict[str, Path]
    model_dir: Path
    output_dir: Path
    checkpoint_dir: Path | None = None
    hyperparameters: dict[str, str] = field(default_factory=dict)
    num_cpus: int | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> SageMakerPaths:
        """Read the configuration that SageMaker leaves in the container.

        No toolkit has run before, so no SM_* is there. SM_NUM_CPUS is what a machine says that
        gives the job only some of its CPUs.
        """
        base = base_folder(environ)
        checkpoints = environ.get("STRATOS_CHECKPOINT_DIR")
        return cls(
            channels={
                name: base / "input" / "data" / name for name in read_config(base, "inputdata")
            },
            model_dir=base / "model",
            output_dir=base / "output",
            checkpoint_dir=Path(checkpoints) if checkpoints else None,
            hyperparameters={
                name: _as_text(value)
                for name, value in read_config(base, "hyperparameters").items()
                if not name.startswith("sagemaker_")
            },
            num_cpus=int(environ["SM_NUM_CPUS"]) if environ.get("SM_NUM_CPUS") else None,
        )

    def channel(self, name: str) -> Path:
        """Return the folder of a channel.

        Raises:
            ValueError: when the job was not given it.
        """
        if name not in self.channels:
            raise ValueError(
                f"this job has no channel {name!r}, only {sorted(self.channels)}; "
                f"add it to InputDataConfig of the training job"
            )
        return self.channels[name]


def base_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """/opt/ml, or what stands for it on a machine without containers.

    The variable is that of SageMaker's own toolkit.
    """
    return Path(environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def read_config(base: Path, name: str) -> dict[str, object]:
    """What SageMaker wrote of `hyperparameters`, `inputdata` or `resource`; empty without it.

    Raises:
        ValueError: when the file does not hold a JSON object.
    """
    stem = name if name == "hyperparameters" else f"{name}config"
    path = base / "input" / "config" / f"{stem}.json"
    if not path.exists():
        return {}
    told = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(told, dict):
        raise ValueError(f"{path} holds {told!r}; a JSON object is needed, as SageMaker writes it")
    return told


def _as_text(value: object) -> str:
    """A hyperparameter: the string itself, or the one that SageMaker's SDK wrote as JSON."""
    text = str(value)
    try:
        decoded = json.loads(text)
    except ValueError:
        return text
    return decoded if isinstance(decoded, str) else text
