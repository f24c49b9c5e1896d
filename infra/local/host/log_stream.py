"""A log file on disk whose lines also appear in CloudWatch Logs, half a second later at most."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.logs.models import LogsBackend

from infra.local.host.patching import Patches

logger = logging.getLogger(__name__)

_FLUSH_SECONDS = 0.5
_EVENTS_PER_CALL = 1000
_BYTES_PER_CALL = 900_000
_CHARACTERS_PER_EVENT = 16_000
"""CloudWatch takes 10,000 events or 1 MiB a call, and 256 KiB an event."""
_TAIL_LINES = 40


def delete_folders_with_streams(
    patches: Patches, group: str, home_in: Callable[[str], Path]
) -> None:
    """Let a job's folder go with its stream: on AWS its disk went with the job.

    Args:
        home_in: For a region, what holds a folder for each job there, of the name with which its
            stream begins.
    """

    def delete(backend: Any, log_group_name: str, log_stream_name: str) -> None:
        original(backend, log_group_name, log_stream_name)
        job = log_stream_name.partition("/")[0]
        if log_group_name == group and job.strip("."):  # else it is no folder below home
            shutil.rmtree(home_in(backend.region_name) / job, ignore_errors=True)

    original = patches.replace(LogsBackend, "delete_log_stream", delete)


class LogStream:
    """One stream of one log group, written to by one process and shipped by one thread."""

    def __init__(self, logs: Any, group: str, stream: str, path: Path) -> None:
        self.group = group
        self.stream = stream
        self._logs = logs
        self._pending: deque[dict[str, Any]] = deque()
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._closing = threading.Event()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._shipped = self._create()
        self._shipper = threading.Thread(target=self._ship, daemon=True)
        self._shipper.start()

    def write_line(self, line: str) -> None:
        self._file.write(line + "\n")
        if line.strip():  # PutLogEvents refuses an empty message
            self._tail.append(line)
            if not self._shipped:
                return
            message = line[:_CHARACTERS_PER_EVENT]
            self._pending.append({"timestamp": int(time.time() * 1000), "message": message})

    def tail(self, characters: int) -> str:
        """The last whole lines that fit in `characters`; of one longer line, its end."""
        kept: list[str] = []
        for line in reversed(self._tail.copy()):
            if kept and sum(map(len, kept)) + len(kept) + len(line) > characters:
                break
            kept.append(line)
        return "\n".join(reversed(kept)).strip()[-characters:]

    def close(self) -> None:
        """Ship what is pending and close the file."""
        self._closing.set()
        self._shipper.join()
        self._file.close()

    def _create(self) -> bool:
        """Make group and stream. Without the right to do so there is only the file, as on AWS."""
        for create, names in (
            (self._logs.create_log_group, {"logGroupName": self.group}),
            (
                self._logs.create_log_stream,
                {"logGroupName": self.group, "logStreamName": self.stream},
            ),
        ):
            try:
                create(**names)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code == "AccessDeniedException":
                    logger.warning("%s has no log: %s", self.stream, error)
                    return False
                if code != "ResourceAlreadyExistsException":
                    raise
        return True

    def _ship(self) -> None:
        while not self._closing.wait(_FLUSH_SECONDS):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        while self._pending:
            batch: list[dict[str, Any]] = []
            num_bytes = 0
            while self._pending and len(batch) < _EVENTS_PER_CALL and num_bytes < _BYTES_PER_CALL:
                batch.append(self._pending.popleft())
                num_bytes += len(batch[-1]["message"].encode()) + 26
            self._put(batch)

    def _put(self, events: list[dict[str, Any]]) -> None:
        try:
            self._logs.put_log_events(
                logGroupName=self.group, logStreamName=self.stream, logEvents=events
            )
        except (BotoCoreError, ClientError) as error:
            logger.warning("%d lines of %s did not reach Logs: %s", len(events), self.stream, error)
