"""A llama.cpp server as a child process: started, waited for, asked, stopped."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from stratos.waiting import every, wait_until, within

HOST = "127.0.0.1"
API_KEY = "LLAMA_API_KEY"
"""llama-server's variable for the key that a request has to name: any web page that a browser on
this machine has open could send it requests otherwise, and llama-server lets it read the answers.
"""
_START_SECONDS = 600.0
_POLL_SECONDS = 0.02
_TAIL_BYTES = 2_000
_SEARCHED_BYTES = 2**20
"""Of the log's end, for the reason that the program gave."""
REASON = "llama-server: error: "
"""Begins what the program says of its own end; llama.cpp's threads may write on behind it."""
_STOP_SECONDS = 10.0


class ServerFailed(RuntimeError):
    """The server did not start, or has ended; the message holds the end of its own log."""


class LlamaServer:
    """A server of one GGUF on a free port of this machine. A context manager: it ends with it.

    Attributes:
        url: Where it answers, without a path.
        headers: Without which it answers nobody.
    """

    def __init__(
        self, gguf: Path, arguments: Sequence[str], *, start_seconds: float = _START_SECONDS
    ) -> None:
        """Start it and wait until it is healthy.

        Args:
            arguments: Of `llama-server`, beyond model, host and port.

        Raises:
            ServerFailed: it ended, or was not healthy in time.
        """
        port, key = free_port(), new_api_key()
        self.url = f"http://{HOST}:{port}"
        self.headers = key_header(key)
        self._last_words = ""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        # Python and llama.cpp write at once: at one position, one would overwrite the other.
        fcntl.fcntl(self._log, fcntl.F_SETFL, os.O_APPEND)
        self._process = subprocess.Popen(
            server_command(["--model", str(gguf), *arguments], port),
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=server_environment(key),
        )
        try:
            healthy = wait_until(
                self.is_healthy, deadline=within(start_seconds), pauses=every(_POLL_SECONDS)
            )
            if not healthy:
                raise ServerFailed(
                    f"llama.cpp did not start in {start_seconds:.0f} s. Its log ends: {self.tail()}"
                )
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> LlamaServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_healthy(self) -> bool:
        """Whether it answers now.

        Raises:
            ServerFailed: it has ended.
        """
        self.require_alive()
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def require_alive(self) -> None:
        """Raise `ServerFailed` if it has ended."""
        code = self._process.poll()
        if code is not None:
            raise ServerFailed(f"llama.cpp ended with code {code}. Its log ends: {self.tail()}")

    def tail(self) -> str:
        """The end of its log, and the reason that it gave where that stands before the end."""
        if self._log.closed:
            return self._last_words
        file = self._log.fileno()
        start = max(0, os.fstat(file).st_size - _SEARCHED_BYTES)
        log = os.pread(file, _SEARCHED_BYTES, start)
        tail = log[-_TAIL_BYTES:].decode(errors="replace").strip()
        _, given, after = log.rpartition(REASON.encode())
        reason = (given + after.partition(b"\n")[0]).decode(errors="replace")
        return tail if not given or reason in tail else f"{reason}\n… {tail}"

    def stop(self) -> None:
        """End it; more than once does no harm."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._last_words = self.tail()
        self._log.close()


def server_command(arguments: Sequence[str], port: int) -> list[str]:
    """The program that serves with these arguments on a port of this machine."""
    program = [sys.executable, "-m", "serving.llama_cpp.server"]
    return [*program, "--host", HOST, "--port", str(port), *arguments]


def server_environment(api_key: str) -> dict[str, str]:
    """What the program needs to find this project's code as this process found it, and its key."""
    path = os.pathsep.join(filter(None, sys.path))
    return os.environ | {"PYTHONPATH": path, API_KEY: api_key}


def new_api_key() -> str:
    return secrets.token_urlsafe()


def key_header(api_key: str) -> dict[str, str]:
    """Of a request that names the key."""
    return {"Authorization": f"Bearer {api_key}"}


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
