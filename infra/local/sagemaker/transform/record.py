"""A batch transform job as it was asked for, and as DescribeTransformJob tells of it."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from infra.local.sagemaker.api import utc_now
from infra.local.sagemaker.job_status import MAX_REASON_CHARACTERS, OVER, JobStatus
from stratos.units import MIB

_MAX_PAYLOADS_MIB = 100
_DEFAULT_PAYLOAD_MIB = 6
_DEFAULT_TIMEOUT_SECONDS, _DEFAULT_RETRIES = 600, 3
_ECHOED = (
    "TransformJobName",
    "ModelName",
    "MaxConcurrentTransforms",
    "ModelClientConfig",
    "MaxPayloadInMB",
    "BatchStrategy",
    "Environment",
    "TransformInput",
    "TransformOutput",
    "TransformResources",
    "DataProcessing",
    "ExperimentConfig",
)


class TransformJobRecord:
    """The state of one job, changed by its run and read by API calls in other threads.

    Its attributes have the names by which moto lists and tags its own.
    """

    def __init__(self, parameters: Mapping[str, Any], arn: str) -> None:
        self.arn = arn
        self.transform_job_name = str(parameters["TransformJobName"])
        self.model_name = str(parameters["ModelName"])
        self.tags: list[dict[str, str]] = list(parameters.get("Tags") or [])
        self.environment: dict[str, str] = dict(parameters.get("Environment") or {})
        self.instance_type = str(parameters["TransformResources"]["InstanceType"])
        source = parameters["TransformInput"]
        self.input_uri = str(source["DataSource"]["S3DataSource"]["S3Uri"])
        self.content_type = source.get("ContentType")
        self.by_line = source.get("SplitType") == "Line"
        target = parameters["TransformOutput"]
        self.output_uri = str(target["S3OutputPath"])
        self.accept = target.get("Accept")
        self.joined_by = b"\n" if target.get("AssembleWith") == "Line" else b""
        client = parameters.get("ModelClientConfig") or {}
        self.timeout_seconds = float(
            client.get("InvocationsTimeoutInSeconds") or _DEFAULT_TIMEOUT_SECONDS
        )
        self.retries = int(client.get("InvocationsMaxRetries", _DEFAULT_RETRIES))
        self.at_once = int(parameters.get("MaxConcurrentTransforms") or 1)
        self.max_payload_bytes = MIB * _payload_mib(parameters)
        self.transform_job_status: JobStatus = "InProgress"
        self.failure_reason: str | None = None
        self.creation_time = self.last_modified_time = utc_now()
        self.transform_start_time: datetime | None = None
        self.transform_end_time: datetime | None = None
        self.stop_requested = threading.Event()
        self._echo = {
            name: copy.deepcopy(parameters[name])
            for name in _ECHOED
            if parameters.get(name) is not None
        }
        self._lock = threading.Lock()

    @property
    def is_over(self) -> bool:
        return self.transform_job_status in OVER

    def begin(self) -> None:
        """The bill begins."""
        with self._lock:
            self.transform_start_time = self.last_modified_time = utc_now()

    def end(self, status: JobStatus, reason: str | None = None) -> None:
        with self._lock:
            self.failure_reason = reason and reason[:MAX_REASON_CHARACTERS]
            self.transform_end_time = self.last_modified_time = utc_now()
            self.transform_job_status = status

    def request_stop(self) -> bool:
        """Mark the job as stopping; False where it is over already."""
        with self._lock:
            if self.is_over:
                return False
            self.stop_requested.set()
            self.transform_job_status = "Stopping"
            self.last_modified_time = utc_now()
            return True

    @property
    def response_object(self) -> dict[str, Any]:
        """The fields of DescribeTransformJob, without those that have no value yet."""
        with self._lock:
            described = {
                **copy.deepcopy(self._echo),
                "TransformJobArn": self.arn,
                "TransformJobStatus": self.transform_job_status,
                "FailureReason": self.failure_reason,
                "CreationTime": self.creation_time,
                "TransformStartTime": self.transform_start_time,
                "TransformEndTime": self.transform_end_time,
            }
        return {name: value for name, value in described.items() if value is not None}


def violations(parameters: Mapping[str, Any]) -> list[str]:
    """What SageMaker would refuse in these parameters, or this cloud cannot do."""
    found = []
    payloads = _payload_mib(parameters) * int(parameters.get("MaxConcurrentTransforms") or 1)
    if payloads > _MAX_PAYLOADS_MIB:
        found.append(
            f"MaxConcurrentTransforms * MaxPayloadInMB is {payloads}; it cannot exceed "
            f"{_MAX_PAYLOADS_MIB} MB"
        )
    source = parameters["TransformInput"]
    split, strategy = source.get("SplitType") or "None", parameters.get("BatchStrategy")
    if strategy is not None and split == "None":
        found.append("BatchStrategy needs a SplitType; set it to Line")
    kind = source["DataSource"]["S3DataSource"]["S3DataType"]
    for name, value, supported in (
        ("SplitType", split, ("None", "Line")),
        ("BatchStrategy", strategy or "SingleRecord", ("SingleRecord",)),
        ("CompressionType", source.get("CompressionType") or "None", ("None",)),
        ("S3DataType", kind, ("S3Prefix",)),
        ("DataProcessing", "given" if parameters.get("DataProcessing") else "none", ("none",)),
    ):
        if value not in supported:
            found.append(f"{name} {value}: this cloud serves {' or '.join(supported)}")
    return found


def _payload_mib(parameters: Mapping[str, Any]) -> int:
    given = parameters.get("MaxPayloadInMB")
    return _DEFAULT_PAYLOAD_MIB if given is None else int(given)
