"""The folders and variables of SageMaker's training container."""

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
        num_cpus: Of this host.
    """

    channels: dict[str, Path]
    model_dir: Path
    output_dir: Path
    checkpoint_dir: Path | None = None
    hyperparameters: dict[str, str] = field(default_factory=dict)
    num_cpus: int | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> SageMakerPaths:
        """Read the SM_* variables; SageMaker's documented folders where one is missing."""
        channels = {
            name.removeprefix("SM_CHANNEL_").lower(): Path(folder)
            for name, folder in environ.items()
            if name.startswith("SM_CHANNEL_")
        }
        checkpoints = environ.get("STRATOS_CHECKPOINT_DIR")
        given = json.loads(environ.get("SM_HPS", "{}"))
        return cls(
            channels=channels,
            model_dir=Path(environ.get("SM_MODEL_DIR", "/opt/ml/model")),
            output_dir=Path(environ.get("SM_OUTPUT_DIR", "/opt/ml/output")),
            checkpoint_dir=Path(checkpoints) if checkpoints else None,
            hyperparameters={name: str(value) for name, value in given.items()},
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
