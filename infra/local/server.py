"""The embedded cloud's process: `python -m infra.local.server --state-dir DIR --port N`."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.core.config import default_user_config
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from infra.local.cloudformation.stacks import CloudFormation
from infra.local.events.deliveries import Deliveries
from infra.local.events.rules import Rules
from infra.local.events.scheduler import Scheduler
from infra.local.host.guard import GUARD
from infra.local.host.identity import ProcessIdentity
from infra.local.host.lock import try_lock
from infra.local.host.process_list import ProcessList
from infra.local.host.seam import Seam
from infra.local.host.settings import LocalSettings
from infra.local.iam.enforcement import AccessControl
from infra.local.lambda_.function_processes import FunctionProcesses
from infra.local.requests.between_regions import BetweenRegions
from infra.local.requests.owners_only import OwnersOnly
from infra.local.requests.refusals import RequestValidation
from infra.local.requests.service_quotas import ServiceQuotas
from infra.local.s3.bucket_policies import BucketPolicies
from infra.local.s3.bucket_regions import BucketRegions
from infra.local.s3.objects_on_disk import ObjectsOnDisk
from infra.local.sagemaker.endpoints.endpoint_processes import EndpointProcesses
from infra.local.sagemaker.scalable_targets import ScalableTargets
from infra.local.sagemaker.training.jobs import TrainingJobProcesses
from infra.local.sagemaker.transform.jobs import TransformJobProcesses
from infra.local.saved.keeping import Keeping
from infra.local.saved.state import RestoreError, SavedState
from infra.local.stepfunctions.executions import StepFunctions
from infra.local.stepfunctions.sagemaker_sync import SyncIntegrations
from stratos.log_lines import log_to
from stratos.waiting import every, wait_until, within

OF_REQUESTS: tuple[type[Seam], ...] = (
    OwnersOnly,
    RequestValidation,
    ObjectsOnDisk,
    AccessControl,
    BucketRegions,
    BetweenRegions,
    BucketPolicies,
    ServiceQuotas,
    Rules,
)
"""Closed once nothing is served any more: without them no request is to be answered."""
SEAMS: tuple[type[Seam], ...] = (
    *OF_REQUESTS,
    ScalableTargets,
    CloudFormation,
    StepFunctions,
    SyncIntegrations,
    FunctionProcesses,
    Deliveries,
    TrainingJobProcesses,
    TransformJobProcesses,
    EndpointProcesses,
    Scheduler,
)
"""In order of installation; closed in reverse. What was saved is restored before the last one,
the clock, so that no schedule fires just for having been made again."""

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
"""Between looks at whether the state directory is still there."""
_NAMED_DAMAGES = 10
"""Of damaged objects so many are named by `status`; the log names all."""


class AlreadyRunningError(RuntimeError):
    """Another process serves this state directory."""


class LocalCloud:
    """One embedded cloud in this process: the API server, its seams, its saved state."""

    def __init__(self, settings: LocalSettings) -> None:
        self.settings = settings
        self._server: ThreadedMotoServer | None = None
        self._seams: list[Seam] = []
        self._saved: SavedState | None = None
        self._keeping: Keeping | None = None
        self._environment: dict[str, str | None] = {}

    def start(self) -> LocalSettings:
        """Serve, install every seam and restore what was saved.

        Returns:
            The settings with the port that was taken.

        Raises:
            OSError: The port is in use.
        """
        self.settings.make_state_dir()
        self.settings = self.settings.model_copy(update={"port": self._port()})
        default_user_config["stepfunctions"] = {"execute_state_machine": True}
        self._server = ThreadedMotoServer(self.settings.host, self.settings.port, verbose=False)
        self._server.start()
        _, port = self._server.get_host_and_port()
        self.settings = self.settings.model_copy(update={"port": port})
        self.settings.port_file.write_text(str(port))
        self.settings.regions_file.write_text(json.dumps(self.settings.regions))
        # The state machine engine and boto3 clients inside moto find this server through these.
        self._set_environment(
            MOTO_PORT=str(port),
            AWS_DEFAULT_REGION=self.settings.home,
            **self.settings.key.owner.environment(),
        )
        try:
            for seam_class in SEAMS:
                if seam_class is SEAMS[-1]:
                    self._saved = SavedState(self.settings)
                    self._saved.restore()
                seam = seam_class()
                self._seams.append(seam)
                seam.install(self.settings)
            assert self._saved is not None
            self._keeping = Keeping(self._saved)
            self._keeping.start()
        except BaseException:
            self.stop(save=False)
            raise
        return self.settings

    def stop(self, *, save: bool = True) -> None:
        """Save the state, stop every process the seams started, and stop serving."""
        try:
            if self._keeping is not None:
                self._keeping.pause()
            if save and self._saved is not None:
                self._saved.save()
        finally:
            self._close()

    @property
    def damaged(self) -> list[str]:
        """Objects whose content was not what was saved, in words."""
        return [] if self._saved is None else self._saved.damaged

    def _close(self) -> None:
        if self._keeping is not None:
            self._keeping.leave_ends()
        self._close_seams(len(OF_REQUESTS))
        if self._server is not None:
            self._server.stop()
            self._server = None
        self._close_seams(0)
        if self._keeping is not None:
            self._keeping.close()  # last: what ended the processes may have written
            self._keeping = None
        default_user_config["stepfunctions"] = {"execute_state_machine": False}
        for name, value in self._environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    def _close_seams(self, num_left: int) -> None:
        while len(self._seams) > num_left:
            seam = self._seams.pop()
            try:
                seam.close()
            except Exception:
                log.exception("%s did not close cleanly", type(seam).__name__)

    def _port(self) -> int:
        """The port asked for; else the one of last time, which shells may still point at."""
        if self.settings.port:
            _check_free(self.settings.host, self.settings.port)
            return self.settings.port
        try:
            port = int(self.settings.port_file.read_text())
            _check_free(self.settings.host, port)
        except (FileNotFoundError, ValueError, OSError):
            return 0
        return port

    def _set_environment(self, **variables: str) -> None:
        for name, value in variables.items():
            self._environment[name] = os.environ.get(name)
            os.environ[name] = value


def serve(settings: LocalSettings) -> None:
    """Run a cloud in the foreground until SIGTERM or SIGINT, saving its state at the end.

    Raises:
        AlreadyRunningError: Another process serves `settings.state_dir`.
    """
    state_dir = settings.state_dir.resolve()
    settings = settings.model_copy(update={"state_dir": state_dir})
    settings.make_state_dir()
    # Not emptied before it is locked: it says who has the lock.
    with settings.lock_file.open("a+") as lock:
        # More than once: whoever looks whether it is locked holds it for a moment.
        locked = wait_until(lambda: try_lock(lock), pauses=every(0.1), deadline=within(1.0))
        if not locked:
            raise AlreadyRunningError(
                f"an embedded cloud already serves {state_dir}; stop it first, or choose "
                "another state directory"
            )
        settings.ready_file.unlink(missing_ok=True)  # What a killed process left.
        lock.truncate(0)
        lock.write(str(ProcessIdentity.of(os.getpid())))
        lock.flush()
        processes = ProcessList(settings.processes_file)
        if ended := processes.end():
            log.warning("ended %d process(es) that a killed cloud had left", ended)
        processes.begin()
        GUARD.list_in(processes)
        try:
            _serve_until_signalled(settings, os.fstat(lock.fileno()).st_ino)
        finally:
            GUARD.list_in(None)


def _serve_until_signalled(settings: LocalSettings, lock_inode: int) -> None:
    stopping = threading.Event()
    previous: dict[int, Any] = {
        number: signal.signal(number, lambda *_: stopping.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    scratch = settings.state_dir / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)  # What a killed process left.
    scratch.mkdir()
    tempfile.tempdir = str(scratch)
    # moto loads these with CloudFormation, and they are a quarter of what the process holds.
    INSTANCE_TYPES.clear()
    INSTANCE_TYPE_OFFERINGS.clear()
    cloud = LocalCloud(settings)
    try:
        running = cloud.start()
        _write_atomically(
            settings.ready_file,
            {
                "url": running.endpoint_url,
                "regions": running.regions,
                "pid": os.getpid(),
                "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "num_damaged": len(cloud.damaged),
                "damaged": cloud.damaged[:_NAMED_DAMAGES],
            },
        )
        for words in cloud.damaged:
            log.warning("damaged: %s", words)
        log.info("embedded cloud serves %s", running.endpoint_url)
        while not stopping.wait(_LOOK_SECONDS) and _is_there(settings.lock_file, lock_inode):
            pass
        if not stopping.is_set():
            log.error("%s was deleted: its cloud ends, and saves nothing", settings.state_dir)
            cloud.stop(save=False)
            return
        log.info("stopping")
        settings.ready_file.unlink(missing_ok=True)
        cloud.stop()
    finally:
        if _is_there(settings.lock_file, lock_inode):
            settings.ready_file.unlink(missing_ok=True)
        tempfile.tempdir = None
        for number, handler in previous.items():
            signal.signal(number, handler)


def _is_there(path: Path, inode: int) -> bool:
    """Whether a file is still the one of this process: its folder may have been deleted, and made
    again for another."""
    try:
        return path.stat().st_ino == inode
    except OSError:
        return False


def _check_free(host: str, port: int) -> None:
    """moto's server thread would die silently on a port that is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OSError(
                f"cannot listen on {host}:{port}: {error.strerror}; choose another port, or 0 "
                "for any free one"
            ) from error


def _write_atomically(path: Path, content: dict[str, Any]) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(content))
    draft.replace(path)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; options mirror `LocalSettings`."""
    defaults = LocalSettings()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state-dir", type=Path, default=defaults.state_dir)
    parser.add_argument("--host", default=defaults.host)
    parser.add_argument("--port", type=int, default=defaults.port, help="0 takes a free one")
    parser.add_argument("--settings", help="all settings as JSON; overrides the other options")
    options = parser.parse_args(arguments)
    settings = (
        LocalSettings.model_validate_json(options.settings)
        if options.settings
        else LocalSettings(state_dir=options.state_dir, host=options.host, port=options.port)
    )
    log_to(sys.stderr, "%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    # The engine logs every error that a state machine may well catch; its history has them all.
    logging.getLogger("moto.stepfunctions.parser.asl").setLevel(logging.CRITICAL)
    try:
        serve(settings)
    except (AlreadyRunningError, RestoreError, OSError) as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
