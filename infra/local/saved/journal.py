"""What was acknowledged since the last whole save, a line each, in files that are numbered.

A line is written before whoever asked for the change is answered, so that it is there after
`kill -9` of this process. A save begins a new file, and deletes the older ones once it is whole.
A file may end in a line that was cut by a kill: nobody was told that it is kept. Any other that
cannot be read is damaged.
"""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import Any, BinaryIO

from infra.local.saved.encoding import decode, encode

log = logging.getLogger(__name__)

Entry = dict[str, Any]
_KINDS = frozenset({"object", "item", "errand", "done", "execution", "resource"})


def link_into(folder: Path, path: Path) -> None:
    """Give a file a second name in a folder; one that is there stays."""
    folder.mkdir(exist_ok=True)
    with suppress(FileExistsError):
        (folder / path.name).hardlink_to(path)


def _entry(line: bytes) -> Entry | None:
    """What a line says; None for one that cannot be read."""
    try:
        found = json.loads(line, object_hook=decode)
    except (ValueError, TypeError):
        return None
    is_entry = isinstance(found, dict) and len(found) == 1 and found.keys() <= _KINDS
    return found if is_entry else None


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
            line = json.dumps(entry, default=encode).encode() + b"\n"
            if self._file.write(line) != len(line):
                self._file.truncate(self.num_bytes)
                raise OSError(errno.ENOSPC, "a line was cut", str(self.directory))
            self.num_bytes += len(line)
            self._blobs |= blobs

    def read(self, first: int) -> Iterator[Entry]:
        """The lines of this file and all later ones, oldest first; those that are damaged are left
        out and told."""
        self.damaged.clear()
        for number in sorted(number for number in self._numbers() if number >= first):
            path = self._path(number)
            *whole, last = path.read_bytes().split(b"\n")
            for line in (*whole, last):
                if not line.strip():
                    continue
                entry = _entry(line)
                if entry is not None:
                    yield entry
                elif line is last and b"\0" not in line:
                    log.warning("the last line of %s is cut", path)
                else:
                    self.damaged.append(f"{path.name}: a change that was acknowledged")

    def put_aside(self, first: int, folder: Path) -> None:
        """Give files before a number a second name, in a folder."""
        for number in self._numbers():
            if number < first:
                link_into(folder, self._path(number))

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
