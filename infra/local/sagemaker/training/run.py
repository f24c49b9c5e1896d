"""One training job from its download to its artifacts, in a thread of its own."""

from __future__ import annotations

import logging
import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from botocore.exceptions import ClientError

from infra.local.host.capacity import Capacity, Use
from infra.local.host.clients import BackgroundClients
from infra.local.host.log_stream import LogStream
from infra.local.host.network import RegionNetwork
from infra.local.host.process import LoggedProcess, exit_code_as_shell
from infra.local.host.settings import LocalSettings
from infra.local.host.transfers import (
    TransferError,
    cause_of,
    download_prefix,
    upload_files,
    upload_tar,
)
from infra.local.iam.authority import AccessDeniedError
from infra.local.iam.sessions import Session
from infra.local.sagemaker.container import ContainerRoot
from infra.local.sagemaker.execution_role import pull_image
from infra.local.sagemaker.lost_region import Loss
from infra.local.sagemaker.state_events import announce
from infra.local.sagemaker.training.checkpoints import CheckpointSync
from infra.local.sagemaker.training.first_process import FirstProcess, stop
from infra.local.sagemaker.training.record import TrainingJobRecord
from stratos.waiting import every, wait_until, within

logger = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
NO_CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity. Please retry using a "
    "different ML instance type."
)
"""As SageMaker has said it, https://github.com/DIAGNijmegen/rse-grand-challenge/issues/2631."""
_POLL_SECONDS = 0.2
_FAILURE_CHARACTERS = 900
"""Of `output/failure`: with the exit code, FailureReason holds 1,024."""


def folder_of_jobs(settings: LocalSettings, region: str) -> Path:
    """Where each job of a region has a folder of its name."""
    return settings.folder_of(region) / "jobs"


class JobRun:
    """Runs a job's program under the container contract and tells its record what happens."""

    def __init__(
        self,
        job: TrainingJobRecord,
        settings: LocalSettings,
        clients: BackgroundClients,
        session: Session,
        forget: Callable[[], object],
    ) -> None:
        """`session` is that of the job's role: what is copied and logged is so by its rights.

        `forget` takes the job from the account's list, for when its region is lost.
        """
        self.job = job
        self._settings = settings
        self._clients = clients.in_region(session.region).acting(session.credentials())
        self._session = session
        self._capacity = Capacity(settings, session.region)
        directory = folder_of_jobs(settings, session.region) / job.training_job_name
        self._root = ContainerRoot(directory / "opt-ml")
        self._log_path = directory / "output.log"
        self._process: LoggedProcess | None = None
        self._checkpoints: CheckpointSync | None = None
        self._abandoned = threading.Event()
        self._loss = Loss(RegionNetwork(settings), session.region, forget)
        self._thread = threading.Thread(target=self._run, name=job.training_job_name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def abandon(self) -> None:
        """Kill the program and upload nothing: the cloud itself is going down."""
        self._abandoned.set()
        if self._process is not None:
            self._process.kill_group()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            self._walk()
        except (AccessDeniedError, TransferError) as error:
            self._fail(f"ClientError: {error}")
        except Exception as error:
            logger.exception("Training job %s broke the local cloud", self.job.training_job_name)
            self._fail(f"InternalServerError: {type(error).__name__}: {error}")

    def _walk(self) -> None:
        self._announce()
        if self._end_if_stopped() or not self._provision():
            return
        self._enter("Downloading", "Downloading input data")
        pull_image(self._session, self.job.request.algorithm_specification.training_image)
        first = self._prepare()
        if self._end_if_stopped():
            return
        self._enter("Training", "Training image download completed. Training in progress.")
        log = LogStream(
            self._clients.logs,
            LOG_GROUP,
            f"{self.job.training_job_name}/algo-1-{int(time.time())}",
            self._log_path,
        )
        try:
            ran_out = self._execute(first, log)
        finally:
            log.close()
            if self._checkpoints is not None:
                self._checkpoints.close(upload=not self._abandoned.is_set())
        self._finish(ran_out)

    def _provision(self) -> bool:
        """Take the first choice that is free; spot is waited for, as long as the job may wait."""
        spot = self.job.request.enable_managed_spot_training
        if not spot:
            found = self._free("training")
            if found is None:
                self._fail(NO_CAPACITY)
                return False
            self.job.select(*found)
            return True
        longest = self.job.request.stopping_condition.max_wait_time_in_seconds or 0
        if (found := self._free("spot")) is None:
            self._enter("Pending", "Waiting for managed spot training capacity")
            found = wait_until(
                lambda: self._free("spot"),
                lambda free: free is not None or self._is_unwanted,
                deadline=within(longest * self._settings.rollout_scale),
                pauses=every(_POLL_SECONDS),
            )
        if self._end_if_stopped():
            return False
        if found is None:
            message = "Training job exceeded MaxWaitTimeInSeconds and was stopped"
            self.job.enter("MaxWaitTimeExceeded", message, "Stopped")
            self._announce()
            return False
        self.job.select(*found)
        return True

    @property
    def _is_unwanted(self) -> bool:
        self._look_for_loss()
        return self._abandoned.is_set() or self.job.stop_requested.is_set()

    def _look_for_loss(self) -> None:
        if self._loss.occurred():
            self._abandoned.set()

    def _free(self, use: Use) -> tuple[str, int] | None:
        choices = self.job.request.resource_config.choices
        return next((one for one in choices if self._capacity.has(one[0], use)), None)

    def _prepare(self) -> FirstProcess:
        request = self.job.request
        # A directory of that name may be left from an earlier daemon; a container starts empty.
        shutil.rmtree(self._root.path, ignore_errors=True)
        self._root.create()
        for channel in request.input_data_config:
            source = channel.data_source.s3_data_source
            mode = channel.input_mode or request.default_input_mode
            if source.s3_data_type != "S3Prefix" or mode not in {"File", "FastFile"}:
                raise TransferError(
                    f"Channel '{channel.channel_name}' asks for {source.s3_data_type} in {mode} "
                    "mode; this cloud serves S3Prefix in File or FastFile mode."
                )
            self._download(channel.channel_name, source.s3_uri)
        if request.checkpoint_config is not None:
            local = Path(self._root.localize(request.checkpoint_config.local_path))
            if not local.is_relative_to(self._root.path):
                raise TransferError(f"CheckpointConfig.LocalPath '{local}' is outside /opt/ml.")
            self._checkpoints = CheckpointSync(
                self._clients.s3, request.checkpoint_config.s3_uri, local
            )
            self._checkpoints.restore()
        instance_type = self.job.instance_type
        assert instance_type is not None, "it has been provisioned"
        threads = self._settings.threads_of(instance_type)
        first = FirstProcess(request, self._root, instance_type, threads)
        first.write_configuration()
        return first

    def _download(self, channel: str, uri: str) -> None:
        """Fill a channel, and fail as SageMaker does: a job that may not read is no crash."""
        target = self._root.channel(channel)
        target.mkdir(parents=True, exist_ok=True)
        try:
            found = download_prefix(self._clients.s3, uri, target)
        except (TransferError, ClientError) as error:
            why = cause_of(self._clients.s3, error)
            raise TransferError(
                f"Data download failed:Unable to download object {uri} ({why})"
            ) from error
        if found == 0:
            raise TransferError(
                f"Data download failed: no S3 objects found under '{uri}', which the channel "
                f"'{channel}' names. Check that the bucket exists and that objects exist under "
                "that prefix."
            )

    def _execute(self, first: FirstProcess, log: LogStream) -> bool:
        """Run the container to its end; True where it ran out of its allowed time."""
        deadline = time.monotonic() + self.job.request.stopping_condition.max_runtime_in_seconds
        self._process = process = LoggedProcess(
            first.command(),
            directory=self._root.path,
            environment=first.environment(
                self._settings.process_environment(self._session.region)
                | self._session.credentials().environment(),
                self._settings.python,
                self.job.arn,
            ),
            sink=_MetricSink(self.job, log),
        )
        if self._checkpoints is not None:
            self._checkpoints.start()
        ran_out = False
        while process.wait(_POLL_SECONDS) is None:
            self._look_for_loss()
            if self._abandoned.is_set():
                process.kill_group()
            elif self.job.stop_requested.is_set():
                stop(process, self._settings.job_grace_seconds)
            elif time.monotonic() >= deadline:
                ran_out = True
                stop(process, self._settings.job_grace_seconds)
        process.finish()
        return ran_out

    def _finish(self, ran_out: bool) -> None:
        job = self.job
        assert self._process is not None
        code = self._process.returncode()
        assert code is not None
        if self._abandoned.is_set():
            job.fail("InternalServerError: the local cloud was shut down while the job ran.")
            return
        stopped = ran_out or job.stop_requested.is_set()
        if code != 0 and not stopped:
            self._upload_output_data()
            self._fail(f"AlgorithmError: {self._failure()}, exit code: {exit_code_as_shell(code)}")
            return
        if not job.stop_requested.is_set():
            self._enter("Uploading", "Uploading generated training model")
        self._upload_model()
        self._upload_output_data()
        if ran_out:
            message = "Training job ran longer than MaxRuntimeInSeconds and was stopped"
            job.enter("MaxRuntimeExceeded", message, "Stopped")
        elif stopped:
            job.enter("Stopped", "Training job stopped", "Stopped")
        else:
            job.enter("Completed", "Training job completed", "Completed")
            shutil.rmtree(self._root.path, ignore_errors=True)
        self._announce()

    def _failure(self) -> str:
        """What the program left in `output/failure`; without it SageMaker gives no more."""
        if not self._root.failure.is_file():
            return ""
        text = self._root.failure.read_text(encoding="utf-8", errors="replace").strip()
        return text[:_FAILURE_CHARACTERS]

    def _upload_model(self) -> None:
        config = self.job.request.output_data_config
        base = f"{config.s3_output_path.rstrip('/')}/{self.job.training_job_name}/output"
        if config.compression_type == "NONE":
            uri = f"{base}/model/"
            upload_files(self._clients.s3, self._root.model, uri)
        else:
            uri = f"{base}/model.tar.gz"
            upload_tar(self._clients.s3, self._root.model, uri)
        self.job.record_model(uri)

    def _upload_output_data(self) -> None:
        if any(self._root.output_data.iterdir()):
            path = self.job.request.output_data_config.s3_output_path.rstrip("/")
            uri = f"{path}/{self.job.training_job_name}/output/output.tar.gz"
            upload_tar(self._clients.s3, self._root.output_data, uri)

    def _end_if_stopped(self) -> bool:
        self._look_for_loss()
        if self._abandoned.is_set():
            self.job.fail("InternalServerError: the local cloud was shut down before the job ran.")
        elif self.job.stop_requested.is_set():
            self.job.enter("Stopped", "Training job stopped", "Stopped")
            self._announce()
        return self.job.is_over

    def _enter(self, secondary: str, message: str) -> None:
        self.job.enter(secondary, message)
        self._announce()

    def _fail(self, reason: str) -> None:
        self.job.fail(reason)
        if not self._abandoned.is_set():
            self._announce()

    def _announce(self) -> None:
        announce(
            self._clients.events,
            "SageMaker Training Job State Change",
            self.job.arn,
            self.job.response_object,
        )


class _MetricSink:
    """Passes lines on to the log and keeps the last value of each defined metric."""

    def __init__(self, job: TrainingJobRecord, log: LogStream) -> None:
        self._job = job
        self._log = log
        self._definitions = [
            (definition.name, re.compile(definition.regex))
            for definition in job.request.algorithm_specification.metric_definitions
        ]

    def write_line(self, line: str) -> None:
        self._log.write_line(line)
        for name, pattern in self._definitions:
            if match := pattern.search(line):
                try:
                    self._job.record_metric(name, float(match.group(1)))
                except (ValueError, IndexError):
                    continue
