"""The files of a spec's folder, wherever they lie: read whole, or a part of one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """Files by their paths in a folder. What is not there is a FileNotFoundError."""

    def read(self, path: str) -> bytes:
        """All bytes of a file."""
        ...

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """`length` bytes of a file from `start` on; fewer where it ends before."""
        ...

    def names(self, folder: str) -> list[str]:
        """The names of the files that lie in a folder itself; none where there is no folder."""
        ...


def parse_json(content: bytes, path: str) -> object:
    """What a file of JSON says.

    Raises:
        ValueError: it is none, or so deep that no program wrote it.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON that can be read; save the model again") from error


@dataclass(frozen=True)
class FilesOnDisk:
    """A folder of this machine."""

    root: Path

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def read_range(self, path: str, start: int, length: int) -> bytes:
        with (self.root / path).open("rb") as file:
            file.seek(start)
            return file.read(length)

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.root / folder).glob("*") if path.is_file())
