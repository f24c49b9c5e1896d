"""Training jobs as real processes under the contract of SageMaker's containers."""

from __future__ import annotations

import threading
from datetime import datetime
from functools import partial
from typing import Any

from moto.sagemaker.exceptions import AWSValidationException, ResourceInUseException
from moto.sagemaker.utils import arn_formatter
from pydantic import ValidationError

from infra.local.host.capacity import Capacity
from infra.local.host.clients import BackgroundClients
from infra.local.host.log_stream import delete_folders_with_streams
from infra.local.host.patching import Patches
from infra.local.host.settings import LocalSettings
from infra.local.sagemaker.account_quotas import refuse_over_quota
from infra.local.sagemaker.api import SageMakerOperations
from infra.local.sagemaker.execution_role import assume_execution_role
from infra.local.sagemaker.own_region import training_violations
from infra.local.sagemaker.training.record import TrainingJobRecord
from infra.local.sagemaker.training.request import violations
from infra.local.sagemaker.training.run import LOG_GROUP, JobRun, folder_of_jobs
from infra.local.sagemaker.validation import refuse_violations

_MAX_PAGE = 100
_DEFAULT_PAGE = 10
_SORT_KEYS = {
    "Name": "training_job_name",
    "CreationTime": "creation_time",
    "Status": "training_job_status",
}


class TrainingJobProcesses:
    """Create, describe, list and stop training jobs, each a subprocess of this machine."""

    def __init__(self) -> None:
        self._operations = SageMakerOperations()
        self._patches = Patches()
        self._runs: dict[str, JobRun] = {}
        self._lock = threading.Lock()
        self._settings = LocalSettings()
        self._clients: BackgroundClients | None = None

    def install(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._clients = BackgroundClients.connect(settings)
        self._operations.answer("create_training_job", self._create)
        self._operations.answer("describe_training_job", self._describe)
        self._operations.answer("stop_training_job", self._stop)
        self._operations.answer("list_training_jobs", self._list)
        delete_folders_with_streams(self._patches, LOG_GROUP, partial(folder_of_jobs, settings))

    def close(self) -> None:
        self._patches.restore()
        self._operations.restore()
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.abandon()
        for run in runs:
            run.join()

    def _create(self, parameters: dict[str, Any], backend: Any) -> dict[str, Any]:
        refuse_violations(violations(parameters))
        for foreign in training_violations(parameters, backend.region_name):
            raise AWSValidationException(foreign)
        arn = arn_formatter(
            "training-job", parameters["TrainingJobName"], backend.account_id, backend.region_name
        )
        try:
            job = TrainingJobRecord(parameters, arn)
        except ValidationError as error:
            problems = [
                f"Value at '{'.'.join(map(str, problem['loc']))}' is not valid: {problem['msg']}"
                for problem in error.errors()
            ]
            raise AWSValidationException("; ".join(problems)) from error
        request = job.request
        refuse_over_quota(
            Capacity(self._settings, backend.region_name),
            request.resource_config.choices,
            "spot" if request.enable_managed_spot_training else "training",
        )
        assert self._clients is not None
        session = assume_execution_role(job.request.role_arn, arn)
        with self._lock:
            if job.training_job_name in backend.training_jobs:
                raise ResourceInUseException(
                    "Training job names must be unique within an AWS account and region, and a "
                    f"training job with this name already exists ({arn})"
                )
            backend.training_jobs[job.training_job_name] = job
            forget = partial(backend.training_jobs.pop, job.training_job_name, None)
            run = self._runs[arn] = JobRun(job, self._settings, self._clients, session, forget)
        run.start()
        return {"TrainingJobArn": arn}

    def _describe(self, parameters: dict[str, Any], backend: Any) -> dict[str, Any]:
        described: dict[str, Any] = _find(backend, parameters).response_object
        return described

    def _stop(self, parameters: dict[str, Any], backend: Any) -> dict[str, Any]:
        job = _find(backend, parameters)
        if not job.request_stop():
            raise AWSValidationException(
                f"The request was rejected because the training job is in status "
                f"{job.training_job_status}."
            )
        return {}

    def _list(self, parameters: dict[str, Any], backend: Any) -> dict[str, Any]:
        size = int(parameters.get("MaxResults") or _DEFAULT_PAGE)
        token = str(parameters.get("NextToken") or 0)
        sort_by = parameters.get("SortBy") or "CreationTime"
        if not 1 <= size <= _MAX_PAGE or not token.isdigit() or sort_by not in _SORT_KEYS:
            raise AWSValidationException(
                f"ListTrainingJobs takes MaxResults from 1 to {_MAX_PAGE}, SortBy one of "
                f"{sorted(_SORT_KEYS)}, and NextToken as it was given out; found "
                f"MaxResults={size}, SortBy={sort_by}, NextToken={token}."
            )
        jobs = [job for job in list(backend.training_jobs.values()) if _matches(job, parameters)]
        jobs.sort(
            key=lambda job: (getattr(job, _SORT_KEYS[sort_by]), job.training_job_name),
            reverse=parameters.get("SortOrder") == "Descending",
        )
        first = int(token)
        page = jobs[first : first + size]
        following = first + size
        return {
            "TrainingJobSummaries": [job.summary() for job in page],
            "NextToken": str(following) if following < len(jobs) else None,
        }


def _find(backend: Any, parameters: dict[str, Any]) -> TrainingJobRecord:
    job = backend.training_jobs.get(parameters["TrainingJobName"])
    if not isinstance(job, TrainingJobRecord):
        raise AWSValidationException("Requested resource not found.")
    return job


def _matches(job: TrainingJobRecord, parameters: dict[str, Any]) -> bool:
    """Whether a job passes the filters of ListTrainingJobs."""
    times = {
        "CreationTime": job.creation_time,
        "LastModifiedTime": job.last_modified_time,
    }
    for name, time in times.items():
        after, before = parameters.get(f"{name}After"), parameters.get(f"{name}Before")
        if after is not None and time <= _naive(after):
            return False
        if before is not None and time >= _naive(before):
            return False
    status = parameters.get("StatusEquals")
    return (parameters.get("NameContains") or "") in job.training_job_name and (
        status is None or status == job.training_job_status
    )


def _naive(time: datetime) -> datetime:
    return time.replace(tzinfo=None)
