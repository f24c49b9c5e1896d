"""The first process of a training container: its files, its variables, its command, its signals.

There are no containers here, and so no images: a job must name its own entry point. Python of the
cloud stands for that of the image, and a folder of the job's for `/opt/ml`. Paths below that are
replaced wherever the request names them; SAGEMAKER_BASE_DIR, which SageMaker's own toolkit knows,
tells them to a program.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.local.host.process import LoggedProcess
from infra.local.host.transfers import TransferError
from infra.local.sagemaker.container import ContainerRoot
from infra.local.sagemaker.training.request import TrainingJobRequest

HOST = "algo-1"
_GROUP = "homogeneousCluster"


class FirstProcess:
    """What a job's request makes of it."""

    def __init__(
        self, request: TrainingJobRequest, root: ContainerRoot, instance_type: str, threads: int
    ) -> None:
        self._request = request
        self._root = root
        self._instance_type = instance_type
        self._threads = threads

    def write_configuration(self) -> None:
        """The three documented files that SageMaker leaves in `input/config`.

        https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
        """
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
                "current_instance_type": self._instance_type,
                "current_group_name": _GROUP,
                "hosts": [HOST],
                "instance_groups": [
                    {
                        "instance_group_name": _GROUP,
                        "instance_type": self._instance_type,
                        "hosts": [HOST],
                    }
                ],
                "network_interface_name": "lo",
            },
        }
        for name, content in files.items():
            path = self._root.input_config / f"{name}.json"
            path.write_text(json.dumps(content), encoding="utf-8")

    def command(self) -> list[str]:
        """The entry point and its arguments.

        Raises:
            TransferError: The request names no entry point.
        """
        algorithm = self._request.algorithm_specification
        if not algorithm.container_entrypoint:
            raise TransferError(
                "the job names no ContainerEntrypoint, and this cloud has no images to take one "
                "from. A run that began under an earlier version asks so: start it anew."
            )
        command = (*algorithm.container_entrypoint, *algorithm.container_arguments)
        return [self._root.localize(part) for part in command]

    def environment(self, base: Mapping[str, str], python: str, arn: str) -> dict[str, str]:
        """The variables of the container; the request's own `Environment` is set last and wins."""
        # Not resolved: the interpreter of a virtual environment is a link.
        path = os.pathsep.join(filter(None, [str(Path(python).parent), base.get("PATH")]))
        return {
            **base,
            "PATH": path,
            "SAGEMAKER_BASE_DIR": str(self._root.path),
            "TRAINING_JOB_NAME": self._request.training_job_name,
            "TRAINING_JOB_ARN": arn,
            "SM_NUM_CPUS": str(self._threads),
            "OMP_NUM_THREADS": str(self._threads),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **{
                name: self._root.localize(value)
                for name, value in self._request.environment.items()
            },
        }


def stop(process: LoggedProcess, grace_seconds: float) -> None:
    """SIGTERM to the first process alone, then `grace_seconds`, then SIGKILL to all.

    A container's first process has no default action: a signal that it does not catch is lost, and
    its children get none. So a shell that waits for a program lets neither of them know.
    """
    if _catches(process.pid, signal.SIGTERM):
        process.terminate()
    process.wait(grace_seconds)
    process.kill_group()


def _catches(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal; True where the machine does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return True
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)
