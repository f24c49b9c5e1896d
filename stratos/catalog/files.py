"""The files of a spec's folder, wherever they lie: read whole, or a part of one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stratos.units import MIB

_FIRST_BYTES = 2**20
"""Read at once: most files are within, and ask a bucket no second time."""
_LONGEST_REASON = 200


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


MOST_TEXT_BYTES = 64 * MIB
"""Of one file of JSON or a template: twice the largest tokenizer.json there is."""


def read_text(files: Files, path: str) -> bytes:
    """A file that is read whole.

    Raises:
        ValueError: it is larger than any such file.
        FileNotFoundError: it is not there.
    """
    content = files.read_range(path, 0, _FIRST_BYTES)
    if len(content) == _FIRST_BYTES:
        content += files.read_range(path, _FIRST_BYTES, MOST_TEXT_BYTES)
    if len(content) > MOST_TEXT_BYTES:
        raise ValueError(
            f"{path} is larger than the {MOST_TEXT_BYTES:,} bytes that are read of such a file; "
            "save the model again"
        )
    return content


def parse_json(content: bytes, path: str) -> object:
    """What a file of JSON says.

    Raises:
        ValueError: it is none, so deep that no program wrote it, or has text that is no Unicode.
    """
    try:
        found = json.loads(content)
        if b"\\ud" in content or b"\\uD" in content:  # only an escape can make half a character
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON that can be read; save the model again") from error
    return found


def read_json(files: Files, path: str) -> object:
    """What a file of JSON in a folder says.

    Raises:
        ValueError: as `read_text` and `parse_json` do.
        FileNotFoundError: it is not there.
    """
    return parse_json(read_text(files, path), path)


@contextmanager
def as_saved(folder: str) -> Iterator[None]:
    """Read files of any content: what Python finds wrong with a value is told as a fault of it.

    Raises:
        ValueError: naming the folder, and what is wrong where nothing better is known.
    """
    try:
        yield
    except (LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        told = f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
        raise ValueError(
            f"{folder} holds something else than save_pretrained() writes ({told}); save the model "
            "again"
        ) from error


@dataclass(frozen=True)
class FilesOnDisk:
    """A folder of this machine."""

    root: Path

    def read(self, path: str) -> bytes:
        with _readable(path):
            return (self.root / path).read_bytes()

    def read_range(self, path: str, start: int, length: int) -> bytes:
        with _readable(path), (self.root / path).open("rb") as file:
            file.seek(start)
            return file.read(length)

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.root / folder).glob("*") if path.is_file())


@contextmanager
def _readable(path: str) -> Iterator[None]:
    """Raises ValueError for a file that is there and cannot be read."""
    try:
        yield
    except (FileNotFoundError, IsADirectoryError):
        raise
    except NotADirectoryError as error:
        raise FileNotFoundError(f"{path} does not exist") from error
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}); give a plain file that you may read"
        ) from error
