"""Batch transform jobs: the model's own server, started for one job and asked line by line."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

from moto.sagemaker.exceptions import AWSValidationException, ResourceInUseException
from moto.sagemaker.utils import arn_formatter

from infra.local.host.clients import BackgroundClients
from infra.local.host.log_stream import delete_folders_with_streams
from infra.local.host.patching import Patches
from infra.local.host.settings import LocalSettings
from infra.local.sagemaker.api import SageMakerOperations
from infra.local.sagemaker.endpoint_configs import containers_of
from infra.local.sagemaker.execution_role import model_session
from infra.local.sagemaker.transform.record import TransformJobRecord, violations
from infra.local.sagemaker.transform.run import LOG_GROUP, TransformRun, folder_of_jobs
from infra.local.sagemaker.validation import refuse_violations


class TransformJobProcesses:
    """Create, describe and stop transform jobs, each with a server of this machine.

    Listing them is left to moto.
    """

    def __init__(self) -> None:
        self._operations = SageMakerOperations()
        self._patches = Patches()
        self._runs: dict[str, TransformRun] = {}
        self._lock = threading.Lock()
        self._settings = LocalSettings()
        self._clients: BackgroundClients | None = None

    def install(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._clients = BackgroundClients.connect(settings)
        self._operations.answer("create_transform_job", self._create)
        self._operations.answer("describe_transform_job", self._describe)
        self._operations.answer("stop_transform_job", self._stop)
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
        name, model = parameters["TransformJobName"], parameters["ModelName"]
        if model not in backend._models:
            raise AWSValidationException(f'Could not find model "{model}".')
        variant = {"VariantName": name, "ModelName": model}
        container = containers_of(backend, [variant])[name]
        arn = arn_formatter("transform-job", name, backend.account_id, backend.region_name)
        job = TransformJobRecord(parameters, arn)
        session = model_session(container, arn)
        assert self._clients is not None
        with self._lock:
            if name in backend.transform_jobs:
                raise ResourceInUseException(
                    "Job name must be unique within an AWS account and region, and a job with "
                    f"this name already exists ({arn})"
                )
            backend.transform_jobs[name] = job
            forget = partial(backend.transform_jobs.pop, name, None)
            run = self._runs[arn] = TransformRun(
                job, container, self._settings, self._clients, session, forget
            )
        run.start()
        return {"TransformJobArn": arn}

    def _describe(self, parameters: dict[str, Any], backend: Any) -> dict[str, Any]:
        return _find(backend, parameters).response_object

    def _stop(self, parameters: dict[str, Any], backend: Any) -> dict[str, Any]:
        job = _find(backend, parameters)
        if not job.request_stop():
            raise AWSValidationException(
                "The request was rejected because the transform job is in status "
                f"{job.transform_job_status}."
            )
        self._runs[job.arn].stop()
        return {}


def _find(backend: Any, parameters: dict[str, Any]) -> TransformJobRecord:
    job = backend.transform_jobs.get(parameters["TransformJobName"])
    if not isinstance(job, TransformJobRecord):
        raise AWSValidationException("Requested resource not found.")
    return job
