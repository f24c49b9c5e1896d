"""How long jobs and endpoints take to start, and how much of it is billed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stratos.catalog.images import LOCAL_PREFIX, runtime_of
from stratos.catalog.servers import InstanceType

_OUR_SECONDS = 12.0
"""Measured on two busy cores: 2 s to unpack our packages, 39 MB then and 63 MB now, 9 s to import
torch, Transformers and a job's program. 1 s to download the archives is assumed."""


@dataclass(frozen=True)
class JobStart:
    """A training job from CreateTrainingJob until its program works.

    SageMaker bills from TrainingStartTime on, whatever it downloads then: "The start time in
    CloudWatch Logs might be later than this time. The difference is due to the time it takes to
    download the training data and to the size of the training container" (DescribeTrainingJob in
    botocore 1.44.5). In public logs of jobs from 2020 to 2026 that time is the moment at which
    "Downloading" begins, and billed is what passes from there to the end, the image's download
    included: 144 s of a job that downloaded from 22:18:15 and completed at 22:20:39 (2024-06-20).
    """

    preparing_seconds: float
    """Until the instances are there. Not billed."""
    billed_seconds: float
    """Our archives and the image are downloaded, and our program is loaded."""
    grade: Literal["measured", "observed"]
    """Measured by us, or read from those logs; image and region differ there."""

    @property
    def seconds(self) -> float:
        return self.preparing_seconds + self.billed_seconds


_ON_THIS_MACHINE = JobStart(0.0, 8.0, "measured")
_ON_CPUS = JobStart(42.0, 87.0 + _OUR_SECONDS, "observed")
"""Medians of nine jobs, from 2024 to 2026: 33 to 161 s of preparing, 41 to 142 s of downloading
(161 and 76 s in the one with PyTorch, 2.10 on ml.m5.xlarge)."""
_ON_GPUS = JobStart(120.0, 220.0 + _OUR_SECONDS, "observed")
"""Medians of six jobs in PyTorch images, from 2020 to 2022: 91 to 214 s of preparing, 151 to 302 s
of downloading."""


def job_start(instance_type: str) -> JobStart:
    """The start of a training job on an instance type."""
    if instance_type.startswith(LOCAL_PREFIX):
        return _ON_THIS_MACHINE
    return _ON_GPUS if runtime_of(instance_type) == "cuda" else _ON_CPUS


def endpoint_start_seconds(instance: InstanceType) -> float:
    """From CreateEndpoint until the endpoint is in service; assumed, but for this machine's."""
    if instance.instance_type.startswith(LOCAL_PREFIX):
        return 10.0
    return 420.0 if instance.runtime == "cuda" else 300.0
