"""One batch transform job: a model server that is given the lines of each object in turn."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import urllib3
from botocore.exceptions import ClientError

from infra.local.host.clients import BackgroundClients
from infra.local.host.log_stream import LogStream
from infra.local.host.network import RegionNetwork
from infra.local.host.settings import LocalSettings
from infra.local.host.transfers import TransferError, list_keys, split_uri
from infra.local.iam.authority import AccessDeniedError
from infra.local.iam.sessions import Session
from infra.local.sagemaker.alarm_watch import Observations
from infra.local.sagemaker.job_status import JobStatus
from infra.local.sagemaker.lost_region import Loss
from infra.local.sagemaker.model_server import ModelServer, StartupError
from infra.local.sagemaker.state_events import announce
from infra.local.sagemaker.transform.record import TransformJobRecord

logger = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/TransformJobs"
_GRACE_SECONDS = 10.0
_ABANDONED = "InternalServerError: the local cloud was shut down while the job ran."


class RecordError(Exception):
    """A record the model did not answer; its whole object has no output then."""


def folder_of_jobs(settings: LocalSettings, region: str) -> Path:
    """Where each job of a region has a folder of its name."""
    return settings.folder_of(region) / "transform-jobs"


class TransformRun:
    """Runs a job and tells its record what happens."""

    def __init__(
        self,
        job: TransformJobRecord,
        container: Mapping[str, Any],
        settings: LocalSettings,
        clients: BackgroundClients,
        session: Session,
        forget: Callable[[], object],
    ) -> None:
        """`session` is that of the model's role: what is read and written is so by its rights.

        `forget` takes the job from the account's list, for when its region is lost.
        """
        self.job = job
        self._settings = settings
        self._clients = clients.in_region(session.region).acting(session.credentials())
        self._session = session
        self._directory = folder_of_jobs(settings, session.region) / job.transform_job_name
        self._container = {
            **container,
            "Environment": {**(container.get("Environment") or {}), **job.environment},
        }
        self._server: ModelServer | None = None
        self._abandoned = threading.Event()
        self._loss = Loss(RegionNetwork(settings), session.region, forget)
        self._thread = threading.Thread(target=self._run, name=job.transform_job_name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Let the job end soon: its record has been told."""
        if self._server is not None:
            self._server.abandon()

    def abandon(self) -> None:
        """Kill the server and write nothing: the cloud itself is going down."""
        self._abandoned.set()
        self.stop()

    def join(self) -> None:
        self._thread.join()

    @property
    def _ending(self) -> bool:
        if self._loss.occurred():
            self._abandoned.set()
        return self._abandoned.is_set() or self.job.stop_requested.is_set()

    def _run(self) -> None:
        self._announce()
        status: JobStatus = "Completed"
        reason: str | None = None
        try:
            self._transform()
        except (AccessDeniedError, RecordError, StartupError, TransferError) as error:
            status, reason = "Failed", f"ClientError: {error}"
        except Exception as error:
            logger.exception("Transform job %s broke the cloud", self.job.transform_job_name)
            status, reason = "Failed", f"InternalServerError: {type(error).__name__}: {error}"
        finally:
            if self._server is not None:
                self._server.stop(_GRACE_SECONDS)
            shutil.rmtree(self._directory / "opt-ml", ignore_errors=True)
        if self._abandoned.is_set():
            self.job.end("Failed", _ABANDONED)
            return
        if self.job.stop_requested.is_set():
            status, reason = "Stopped", None
        self.job.end(status, reason)
        self._announce()

    def _transform(self) -> None:
        if self._ending:
            return
        self.job.begin()
        bucket, prefix = split_uri(self.job.input_uri)
        keys = list_keys(self._clients.s3, bucket, prefix)
        if not keys:
            raise TransferError(f"No S3 objects found under {self.job.input_uri!r}")
        server = self._start_server()
        failed: list[str] = []
        for key in keys:
            try:
                self._answer_object(server, bucket, key, key[prefix.rfind("/") + 1 :])
            except RecordError as error:
                failed.append(f"{key}: {error}")
            if self._ending:
                return
        if failed:
            raise RecordError(f"{len(failed)} of {len(keys)} objects failed. {'; '.join(failed)}")

    def _start_server(self) -> ModelServer:
        name = self.job.transform_job_name
        log = LogStream(
            self._clients.logs,
            LOG_GROUP,
            f"{name}/algo-1-{int(time.time())}",
            self._directory / "output.log",
        )
        self._server = server = ModelServer(
            {"VariantName": name, "InstanceType": self.job.instance_type},
            self._container,
            session=self._session,
            directory=self._directory / "opt-ml",
            log=log,
            settings=self._settings,
            observations=Observations(),
        )
        if self._ending:  # it may have been stopped before there was a server to abandon
            server.abandon()
        server.start(self._clients.s3)
        return server

    def _answer_object(self, server: ModelServer, bucket: str, key: str, name: str) -> None:
        """Put the answers to one object's records, in their order; all of them, or none."""
        try:
            content = self._clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            raise TransferError(f"Cannot read s3://{bucket}/{key}: {error}") from error
        records = content.splitlines() if self.job.by_line else [content]
        with ThreadPoolExecutor(self.job.at_once) as pool:
            answers = [pool.submit(self._answer, server, record) for record in records]
            try:
                lines = [answer.result() for answer in answers]
            except RecordError:
                pool.shutdown(cancel_futures=True)
                raise
        if self._ending:
            return
        target, folder = split_uri(self.job.output_uri)
        body = b"".join(line + self.job.joined_by for line in lines)
        output = f"{folder.rstrip('/')}/{name}.out".lstrip("/")
        try:
            self._clients.s3.put_object(Bucket=target, Key=output, Body=body)
        except ClientError as error:
            raise TransferError(f"Cannot write s3://{target}/{output}: {error}") from error

    def _answer(self, server: ModelServer, record: bytes) -> bytes:
        """The model's answer to one record, after as many tries as the job allows."""
        if len(record) > self.job.max_payload_bytes:
            raise RecordError(f"a record has {len(record)} bytes, more than MaxPayloadInMB")
        headers = {"Content-Type": self.job.content_type, "Accept": self.job.accept}
        given = {name: value for name, value in headers.items() if value is not None}
        problem = ""
        for _ in range(1 + self.job.retries):
            if self._ending:
                raise RecordError("the job was stopped")
            try:
                answered = server.post(record, given, timeout_seconds=self.job.timeout_seconds)
            except urllib3.exceptions.HTTPError as error:
                problem = server.ended() or str(error)
                continue
            if answered.status == 200:
                return answered.data
            problem = f"status {answered.status}: {answered.data[:300].decode(errors='replace')}"
        raise RecordError(f"Bad HTTP response from the model, {problem}")

    def _announce(self) -> None:
        announce(
            self._clients.events,
            "SageMaker Transform Job State Change",
            self.job.arn,
            self.job.response_object,
        )
