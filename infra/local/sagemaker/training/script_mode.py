"""The script-mode contract of SageMaker's PyTorch and Hugging Face training containers.

The names of a job's files and `SM_*` variables are those of the sagemaker-training toolkit, which
runs the user's program in those containers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from infra.local.host.transfers import TransferError, download_tar, unpack_tar
from infra.local.sagemaker.container import ContainerRoot
from infra.local.sagemaker.training.request import TrainingJobRequest

HOST = "algo-1"


class ScriptMode:
    """What the toolkit makes of one training job: its configuration, environment and command."""

    def __init__(
        self, request: TrainingJobRequest, root: ContainerRoot, instance_type: str, threads: int
    ) -> None:
        self._request = request
        self._root = root
        self._instance_type = instance_type
        self._threads = threads
        decoded = {name: _decode(value) for name, value in request.hyper_parameters.items()}
        self.hyperparameters: dict[str, JsonValue] = {
            name: root.localize(value) if isinstance(value, str) else value
            for name, value in decoded.items()
            if not name.startswith("sagemaker_")
        }
        self.program = str(decoded.get("sagemaker_program") or "")
        self.submit_directory = str(decoded.get("sagemaker_submit_directory") or "")

    def write_configuration(self) -> None:
        """The three files SageMaker leaves in `input/config`."""
        channels = {
            channel.channel_name: {
                "TrainingInputMode": channel.input_mode or self._request.default_input_mode,
                "S3DistributionType": channel.data_source.s3_data_source.s3_data_distribution_type,
                "RecordWrapperType": "None",
                **({"ContentType": channel.content_type} if channel.content_type else {}),
            }
            for channel in self._request.input_data_config
        }
        files: dict[str, Any] = {
            "hyperparameters": self._request.hyper_parameters,
            "inputdataconfig": channels,
            "resourceconfig": {
                "current_host": HOST,
                "hosts": [HOST],
                "current_instance_type": self._instance_type,
                "current_group_name": "homogeneousCluster",
                "network_interface_name": "lo",
            },
        }
        for name, content in files.items():
            path = self._root.input_config / f"{name}.json"
            path.write_text(json.dumps(content), encoding="utf-8")

    def fetch_code(self, s3: Any) -> None:
        """Fill `code/` from `sagemaker_submit_directory`.

        Raises:
            TransferError: The job names no program, or its source is missing or lacks it.
        """
        if not self.program or not self.submit_directory:
            raise TransferError(
                "A script-mode job needs the hyperparameters sagemaker_program and "
                f"sagemaker_submit_directory; found {sorted(self._request.hyper_parameters)}."
            )
        if self.submit_directory.startswith("s3://"):
            download_tar(s3, self.submit_directory, self._root.code)
        else:
            local = Path(self._root.localize(self.submit_directory))
            if local.is_dir():
                self._root.code = local
            elif local.is_file():
                unpack_tar(local, self._root.code, named=self.submit_directory)
            else:
                raise TransferError(
                    f"sagemaker_submit_directory '{self.submit_directory}' is neither an S3 URI "
                    "nor a path inside the container; upload the source and give its URI."
                )
        if not (self._root.code / self.program).is_file():
            raise TransferError(
                f"{self.submit_directory} holds no '{self.program}', which sagemaker_program "
                "names; the path is relative to the archive's root."
            )

    def command(self, python: str) -> list[str]:
        return [python, self.program, *self._user_arguments()]

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The program's variables; the request's own `Environment` is set last and wins."""
        root = self._root
        channels = sorted(channel.channel_name for channel in self._request.input_data_config)
        settings: dict[str, JsonValue] = {
            "input_dir": str(root.input),
            "input_config_dir": str(root.input_config),
            "model_dir": str(root.model),
            "output_dir": str(root.output),
            "output_data_dir": str(root.output_data),
            "output_intermediate_dir": str(root.output / "intermediate"),
            "channel_input_dirs": {name: str(root.channel(name)) for name in channels},
            "hyperparameters": self.hyperparameters,
            "hosts": [HOST],
            "current_host": HOST,
            "current_instance_type": self._instance_type,
            "is_master": True,
            "master_hostname": HOST,
            "module_dir": str(root.code),
            "module_name": self.program.removesuffix(".py"),
            "user_entry_point": self.program,
            "num_cpus": self._threads,
            "num_gpus": 0,
            "job_name": self._request.training_job_name,
        }
        variables: dict[str, JsonValue] = {
            f"SM_{name.upper()}": settings[name]
            for name in settings
            if name not in {"channel_input_dirs", "hyperparameters", "is_master", "job_name"}
        }
        variables["SM_CHANNELS"] = list(channels)
        variables["SM_HPS"] = self.hyperparameters
        variables["SM_USER_ARGS"] = list(self._user_arguments())
        variables["SM_TRAINING_ENV"] = settings
        for name in channels:
            variables[f"SM_CHANNEL_{name.upper()}"] = str(root.channel(name))
        for name, value in self.hyperparameters.items():
            variables[f"SM_HP_{name.upper()}"] = value
        return {
            **base,
            **{name: _encode(value) for name, value in variables.items()},
            "CURRENT_HOST": HOST,
            "TRAINING_JOB_NAME": self._request.training_job_name,
            "PYTHONPATH": str(root.code),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": str(self._threads),
            **{name: root.localize(value) for name, value in self._request.environment.items()},
        }

    def _user_arguments(self) -> list[str]:
        """Hyperparameters as the toolkit passes them: `--name value`, by name."""
        arguments: list[str] = []
        for name in sorted(self.hyperparameters):
            value = self.hyperparameters[name]
            if isinstance(value, dict):
                text = ",".join(f"{key}={value[key]}" for key in sorted(value))
            else:
                text = "" if value is None else str(value)
            arguments += [f"--{name}" if len(name) > 1 else f"-{name}", text]
        return arguments


def _decode(value: str) -> JsonValue:
    """A hyperparameter's value: JSON as the SDK writes it, or the plain string."""
    try:
        decoded: JsonValue = json.loads(value)
    except ValueError:
        return value
    return decoded


def _encode(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
