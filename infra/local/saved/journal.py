"""What was acknowledged since the last whole save, a line each, in files that are numbered.

A line is written before whoever asked for the change is answered, so that it is there after
`kill -9` of this process. A save begins a new file, and deletes the older ones once it is whole.
"""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import RLock
from typing import Any, BinaryIO

from infra.local.saved.encoding import decode, encode

log = logging.getLogger(__name__)

Entry = dict[str, Any]


class Journal:
    """The files of one state directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._file: BinaryIO | None = None
        self._blobs: set[str] = set()
        self.num_bytes = 0
        """Of the current file."""
        self.lock = RLock()
        """Held from the look at what has changed to the end of its line: lines are in order."""

    @property
    def blobs(self) -> frozenset[str]:
        """Contents that lines of the current file name."""
        with self.lock:
            return frozenset(self._blobs)

    def begin(self) -> int:
        """Write to a new file from now on, and return its number."""
        with self.lock:
            self.close()
            number = max(self._numbers(), default=0) + 1
            self.directory.mkdir(parents=True, exist_ok=True)
            self._file = self._path(number).open("ab", buffering=0)
            self._blobs, self.num_bytes = set(), 0
            return number

    def write(self, entry: Mapping[str, Any], blobs: frozenset[str] = frozenset()) -> None:
        """
        Raises:
            OSError: It is not kept, as on a full disk.
        """
        with self.lock:
            if self._file is None:
                return
            # The line's end comes first: one that is cut does not spoil the next.
            line = b"\n" + json.dumps(entry, default=encode).encode()
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, "a line was cut", str(self.directory))
            self.num_bytes += len(line)
            self._blobs |= blobs

    def read(self, first: int) -> Iterator[Entry]:
        """The lines of this file and all later ones, oldest first."""
        for number in sorted(number for number in self._numbers() if number >= first):
            with self._path(number).open("rb") as lines:
                for line in lines:
                    if not line.strip():
                        continue
                    try:
                        yield json.loads(line, object_hook=decode)
                    except ValueError:
                        # Cut by the end of the process: nobody was told that it is kept.
                        log.warning("a line of %s is cut", self._path(number))

    def forget_before(self, first: int) -> None:
        for number in self._numbers():
            if number < first:
                self._path(number).unlink(missing_ok=True)

    def close(self) -> None:
        with self.lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _numbers(self) -> list[int]:
        return [int(path.stem.partition("-")[2]) for path in self.directory.glob("journal-*.jsonl")]

    def _path(self, number: int) -> Path:
        return self.directory / f"journal-{number}.jsonl"
