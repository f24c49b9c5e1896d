"""One production variant's container: a model's server as a subprocess on a free port."""

from __future__ import annotations

import logging
import secrets
import shutil
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import urllib3

from infra.local.host.log_stream import LogStream
from infra.local.host.process import LoggedProcess, describe_exit
from infra.local.host.settings import LocalSettings
from infra.local.host.transfers import TransferError, download_prefix, download_tar
from infra.local.iam.sessions import Session
from infra.local.sagemaker.alarm_watch import Observations
from infra.local.sagemaker.container import ContainerRoot
from infra.local.sagemaker.execution_role import pull_image
from infra.local.sagemaker.model_program import ImageNotRunnable, ModelProgram
from infra.local.sagemaker.restarts import MOST, WINDOW_SECONDS, Restarts
from stratos.loopback import ENDPOINT_KEY
from stratos.waiting import every, wait_until, within

logger = logging.getLogger(__name__)

_STARTUP_SECONDS = 60
_PING_SECONDS = 2.0
_POLL_SECONDS = 0.05
_TAIL_CHARACTERS = 600
_DELETED = "The endpoint was deleted while it started."
_MIB_PER_SERVERLESS_THREAD = 1769
"""As in Lambda, on which serverless endpoints run; SageMaker names no figure."""

_ports_given: set[int] = set()
_ports_lock = threading.Lock()


class StartupError(Exception):
    """A variant did not become healthy; the message says why, with the end of its log."""


class ModelServer:
    """A running server for one variant, and the connections to it."""

    def __init__(
        self,
        variant: Mapping[str, Any],
        container: Mapping[str, Any],
        *,
        session: Session,
        directory: Path,
        log: LogStream,
        settings: LocalSettings,
        observations: Observations,
    ) -> None:
        self.variant_name = str(variant["VariantName"])
        self.log = log
        self.observations = observations
        """What its requests come to, for alarms."""
        self._variant = variant
        self._container = container
        self.session = session
        self._root = ContainerRoot(directory)
        self._settings = settings
        self._program: ModelProgram | None = None
        self._process: LoggedProcess | None = None
        self._launching = threading.Lock()
        self._keeper: threading.Thread | None = None
        self._abandoned = threading.Event()
        self._port = _free_port()
        self._key = secrets.token_urlsafe()
        self._in_flight = 0
        self._idle = threading.Condition()

    def start(self, s3: Any) -> None:
        """Unpack the model, start its server and wait until `/ping` answers 200.

        Raises:
            StartupError: Its image cannot run here; or it ended, was abandoned, or was not healthy
                in time.
            TransferError: The model artifact is missing or is no archive.
            AccessDeniedError: The model's role may not pull the image.
        """
        pull_image(self.session, str(self._container.get("Image") or ""))
        self._download(s3)
        try:
            self._program = ModelProgram.of(self._container, self._root.model)
        except ImageNotRunnable as error:
            raise StartupError(str(error)) from error
        self._launch(self._program)

    def keep_up(self, gave_up: Callable[[str], None]) -> None:
        """From now on, start it again when it ends, until `Restarts` says no.

        Args:
            gave_up: Gets why, with the end of the log, once it is not started again.
        """
        arguments = (Restarts(), gave_up)
        self._keeper = threading.Thread(target=self._keep_up, args=arguments, daemon=True)
        self._keeper.start()

    def ended(self) -> str | None:
        """Why it no longer runs, with the end of its log; None while it does."""
        assert self._process is not None
        code = self._process.returncode()
        return None if code is None else self._end(code, "while it was in service")

    @property
    def max_concurrency(self) -> int | None:
        """How many requests a serverless endpoint takes at once; None for any number."""
        serverless = self._variant.get("ServerlessConfig")
        return None if serverless is None else int(serverless["MaxConcurrency"])

    @property
    def in_flight(self) -> int:
        with self._idle:
            return self._in_flight

    def enter(self) -> None:
        with self._idle:
            self._in_flight += 1

    def leave(self) -> None:
        with self._idle:
            self._in_flight -= 1
            self._idle.notify_all()

    def post(
        self,
        body: bytes,
        headers: Mapping[str, str],
        *,
        timeout_seconds: float,
        preload: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        """Put a request to `/invocations`; with `preload`, its answer is read at once.

        Raises:
            HTTPError: there was no answer, or none in time.
        """
        with self._connection() as connection:
            return connection.request(
                "POST",
                "/invocations",
                body=body,
                headers={**headers, **self._named},
                timeout=timeout_seconds,
                preload_content=preload,
            )

    def drain(self, timeout_seconds: float) -> None:
        """Wait until no request is in flight, or the time is over."""
        with self._idle:
            self._idle.wait_for(lambda: self._in_flight == 0, timeout_seconds)

    def stop(self, grace_seconds: float) -> None:
        """End the process and its log."""
        self._abandoned.set()
        with self._launching:
            process = self._process
        if process is not None:
            process.stop(grace_seconds)
        if self._keeper is not None and self._keeper is not threading.current_thread():
            self._keeper.join()
        self.log.close()
        shutil.rmtree(self._root.path, ignore_errors=True)
        with _ports_lock:
            _ports_given.discard(self._port)

    def abandon(self) -> None:
        """Kill the process at once; `stop` still has to be called."""
        self._abandoned.set()
        with self._launching:
            if self._process is not None:
                self._process.kill_group()

    def _download(self, s3: Any) -> None:
        source = (self._container.get("ModelDataSource") or {}).get("S3DataSource") or {}
        uri = self._container.get("ModelDataUrl") or source.get("S3Uri")
        if not uri:
            raise TransferError("The model's container has no ModelDataUrl; give it one.")
        self._root.model.parent.mkdir(parents=True, exist_ok=True)
        if source.get("CompressionType") == "None":
            self._root.model.mkdir(exist_ok=True)
            if download_prefix(s3, uri, self._root.model) == 0:
                raise TransferError(f"Cannot read {uri}: there are no objects below it.")
        else:
            download_tar(s3, uri, self._root.model)

    def _launch(self, program: ModelProgram) -> None:
        with self._launching:
            if self._abandoned.is_set():
                raise StartupError(_DELETED)
            self._process = LoggedProcess(
                [self._settings.python, "-m", "serving"],
                directory=program.directory,
                environment=self._environment(program),
                sink=self.log,
            )
        self._await_health()

    def _keep_up(self, restarts: Restarts, gave_up: Callable[[str], None]) -> None:
        problem = self._await_end()
        while not self._abandoned.is_set():
            if not restarts.take():
                often = f"{MOST} times in {WINDOW_SECONDS / 60:.0f} minutes"
                gave_up(f"It was started again {often}, and ended again. {problem}")
                return
            logger.warning("It is started again. %s", problem)
            problem = self._restart() or self._await_end()

    def _await_end(self) -> str:
        assert self._process is not None
        code = self._process.wait_for_end()
        return "" if self._abandoned.is_set() else self._end(code, "while it was in service")

    def _restart(self) -> str | None:
        """Start it again on its port; why it is not healthy, if so."""
        assert self._program is not None
        assert self._process is not None
        try:
            self._launch(self._program)
        except StartupError as error:
            self._process.finish()
            return str(error)
        return None

    def _end(self, code: int, when: str) -> str:
        assert self._process is not None
        self._process.finish()
        return (
            f"The container of variant {self.variant_name} ended {when} ({describe_exit(code)}). "
            f"Its log ends: {self.log.tail(_TAIL_CHARACTERS)}"
        )

    def _environment(self, program: ModelProgram) -> dict[str, str]:
        given: dict[str, str] = self._container.get("Environment") or {}
        return {
            **self._settings.process_environment(self.session.region),
            **self.session.credentials().environment(),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": str(self._threads()),
            **program.environment,
            **{name: self._root.localize(value) for name, value in given.items()},
            "SAGEMAKER_BIND_TO_PORT": str(self._port),
            ENDPOINT_KEY: self._key,
        }

    @property
    def _named(self) -> dict[str, str]:
        """The headers without which the server answers nobody."""
        return {"Authorization": f"Bearer {self._key}", "Connection": "close"}

    def _connection(self) -> urllib3.HTTPConnectionPool:
        """A connection for one request, closed once its answer is read.

        One that is kept may be closed by its server just as it is used again, which cannot be told
        from a request that the server would not take. A server need not say that it closes it.
        """
        return urllib3.HTTPConnectionPool(self._settings.host, self._port, maxsize=1, retries=False)

    def _threads(self) -> int:
        """Of the instance type; of a serverless endpoint, by its memory."""
        serverless = self._variant.get("ServerlessConfig")
        if serverless is None:
            return self._settings.threads_of(str(self._variant.get("InstanceType") or ""))
        threads = int(serverless["MemorySizeInMB"]) // _MIB_PER_SERVERLESS_THREAD
        return min(max(1, threads), self._settings.max_threads)

    def _await_health(self) -> None:
        allowed = float(
            self._variant.get("ContainerStartupHealthCheckTimeoutInSeconds") or _STARTUP_SECONDS
        )
        if not wait_until(self._is_healthy, deadline=within(allowed), pauses=every(_POLL_SECONDS)):
            raise StartupError(
                f"The container of variant {self.variant_name} did not pass the ping health "
                f"check in {allowed:.0f} s. Its log ends: {self.log.tail(_TAIL_CHARACTERS)}"
            )

    def _is_healthy(self) -> bool:
        """Whether `/ping` answers 200.

        Raises:
            StartupError: it never will: the process ended, or nobody waits for it any more.
        """
        assert self._process is not None
        if self._abandoned.is_set():
            raise StartupError(_DELETED)
        code = self._process.returncode()
        if code is not None:
            raise StartupError(self._end(code, "before it was healthy"))
        return self._ping()

    def _ping(self) -> bool:
        try:
            with self._connection() as connection:
                answer = connection.request(
                    "GET", "/ping", headers=self._named, timeout=_PING_SECONDS
                )
            return answer.status == 200
        except urllib3.exceptions.HTTPError:
            return False


def _free_port() -> int:
    """A port nobody listens on and no other server of this process was given."""
    with _ports_lock:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port: int = probe.getsockname()[1]
            if port not in _ports_given:
                _ports_given.add(port)
                return port
