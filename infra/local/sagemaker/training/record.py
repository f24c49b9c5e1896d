"""A training job as DescribeTrainingJob, ListTrainingJobs and EventBridge tell of it."""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from infra.local.sagemaker.api import utc_now
from infra.local.sagemaker.job_status import MAX_REASON_CHARACTERS, OVER, JobStatus
from infra.local.sagemaker.training.request import TrainingJobRequest

_ECHOED = (
    "TrainingJobName",
    "HyperParameters",
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "VpcConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "DebugHookConfig",
    "DebugRuleConfigurations",
    "TensorBoardOutputConfig",
    "ExperimentConfig",
    "ProfilerConfig",
    "Environment",
    "RetryStrategy",
)


class TrainingJobRecord:
    """The state of one job, changed by its run and read by API calls in other threads.

    Its attributes and `tags`, `arn`, `gen_response_object` are those moto's own training jobs
    have, because moto's tagging and Search read them.
    """

    def __init__(self, parameters: Mapping[str, Any], arn: str) -> None:
        self.request = TrainingJobRequest.model_validate(parameters)
        self.arn = arn
        self.training_job_name = self.request.training_job_name
        self.tags: list[dict[str, str]] = list(parameters.get("Tags") or [])
        self.training_job_status: JobStatus = "InProgress"
        self.secondary_status = "Starting"
        self.failure_reason: str | None = None
        self.creation_time = self.last_modified_time = utc_now()
        self.training_start_time: datetime | None = None
        self.training_end_time: datetime | None = None
        self.stop_requested = threading.Event()
        self.instance_type: str | None = None
        """That the job has started on; None while it waits for one."""
        self._echo = {
            name: copy.deepcopy(parameters[name])
            for name in _ECHOED
            if parameters.get(name) is not None
        }
        self._transitions: list[dict[str, Any]] = []
        self._model_uri: str | None = None
        self._metrics: dict[str, tuple[float, datetime]] = {}
        self._lock = threading.RLock()
        self.enter("Starting", "Starting the training job")

    @property
    def is_over(self) -> bool:
        return self.training_job_status in OVER

    def enter(self, secondary: str, message: str, status: JobStatus | None = None) -> None:
        """Begin a secondary status, ending the one before it."""
        with self._lock:
            now = utc_now()
            if self._transitions:
                self._transitions[-1].setdefault("EndTime", now)
            self._transitions.append(
                {"Status": secondary, "StartTime": now, "StatusMessage": message}
            )
            self.secondary_status = secondary
            self.training_job_status = status or self.training_job_status
            self.last_modified_time = now
            if secondary == "Downloading":
                self.training_start_time = now
            if self.is_over:
                self._transitions[-1]["EndTime"] = now
                self.training_end_time = now

    def fail(self, reason: str) -> None:
        with self._lock:
            self.failure_reason = reason[:MAX_REASON_CHARACTERS]
            self.enter("Failed", self.failure_reason, "Failed")

    def request_stop(self) -> bool:
        """Mark the job as stopping; False where it is over already."""
        with self._lock:
            if self.is_over:
                return False
            if not self.stop_requested.is_set():
                self.stop_requested.set()
                self.enter("Stopping", "Stopping the training job", "Stopping")
            return True

    def select(self, instance_type: str, count: int) -> None:
        """Note what the job starts on; where there was a choice, the description tells it."""
        with self._lock:
            self.instance_type = instance_type
            if self.request.resource_config.instance_preferences:
                self._echo["ResourceConfig"] |= {
                    "SelectedInstanceType": instance_type,
                    "SelectedInstanceCount": count,
                }

    def record_model(self, uri: str) -> None:
        with self._lock:
            self._model_uri = uri

    def record_metric(self, name: str, value: float) -> None:
        with self._lock:
            self._metrics[name] = (value, utc_now())

    @property
    def response_object(self) -> dict[str, Any]:
        """The fields of DescribeTrainingJob, without those that have no value yet."""
        with self._lock:
            described = {
                **copy.deepcopy(self._echo),
                "TrainingJobArn": self.arn,
                "TrainingJobStatus": self.training_job_status,
                "SecondaryStatus": self.secondary_status,
                "SecondaryStatusTransitions": copy.deepcopy(self._transitions),
                "FailureReason": self.failure_reason,
                "CreationTime": self.creation_time,
                "LastModifiedTime": self.last_modified_time,
                "TrainingStartTime": self.training_start_time,
                "TrainingEndTime": self.training_end_time,
                "ModelArtifacts": self._model_uri and {"S3ModelArtifacts": self._model_uri},
                "FinalMetricDataList": [
                    {"MetricName": name, "Value": value, "Timestamp": timestamp}
                    for name, (value, timestamp) in self._metrics.items()
                ]
                or None,
            }
            if self.training_start_time and self.training_end_time:
                elapsed = self.training_end_time - self.training_start_time
                seconds = max(1, math.ceil(elapsed.total_seconds()))
                described["TrainingTimeInSeconds"] = seconds
                # Of each instance: the count is multiplied by whoever adds up the bill.
                described["BillableTimeInSeconds"] = seconds
        return {name: value for name, value in described.items() if value is not None}

    def gen_response_object(self) -> dict[str, Any]:
        return self.response_object

    def summary(self) -> dict[str, Any]:
        """An entry of ListTrainingJobs."""
        names = (
            "TrainingJobName",
            "TrainingJobArn",
            "CreationTime",
            "TrainingEndTime",
            "LastModifiedTime",
            "TrainingJobStatus",
            "SecondaryStatus",
        )
        described = self.response_object
        return {name: described[name] for name in names if name in described}
