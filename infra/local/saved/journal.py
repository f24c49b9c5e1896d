"""What was acknowledged since the last whole save, a line each, in files that are numbered.

A line is written before whoever asked for the change is answered, so that it is there after
`kill -9` of this process. A save begins a new file, and deletes the older ones once it is whole.
A line has a break before and behind it: one that lacks the latter was cut by a kill or a full disk,
and nobody was told that it is kept; one that cannot be read for all that is damaged.
"""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Iterator, Mapping
from itertools import pairwise
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
        self.damaged: list[str] = []
        """Lines that `read` could not read, in words."""
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
            line = b"\n" + json.dumps(entry, default=encode).encode() + b"\n"
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, "a line was cut", str(self.directory))
            self.num_bytes += len(line)
            self._blobs |= blobs

    def read(self, first: int) -> Iterator[Entry]:
        """The lines of this file and all later ones, oldest first; those that are damaged are left
        out and told."""
        self.damaged.clear()
        for number in sorted(number for number in self._numbers() if number >= first):
            path = self._path(number)
            lines = path.read_bytes().split(b"\n")
            for line, following in pairwise([*lines, b"none"]):
                if not line.strip():
                    continue
                try:
                    yield json.loads(line, object_hook=decode)
                except ValueError:
                    if following:
                        log.warning("a line of %s is cut", path)
                    else:
                        self.damaged.append(f"{path.name}: a change that was acknowledged")

    def forget_before(self, first: int, aside: Path | None = None) -> None:
        """Delete files before a number, or put them into a folder."""
        for number in self._numbers():
            if number < first:
                path = self._path(number)
                if aside is None:
                    path.unlink(missing_ok=True)
                else:
                    path.replace(aside / path.name)

    def close(self) -> None:
        with self.lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _numbers(self) -> list[int]:
        return [int(path.stem.partition("-")[2]) for path in self.directory.glob("journal-*.jsonl")]

    def _path(self, number: int) -> Path:
        return self.directory / f"journal-{number}.jsonl"
