"""Contents of objects as files: written once, never changed, gone with the last object."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_CHUNK_BYTES = 256 * 1024


class _File:
    """A file that is deleted once nothing refers to this object."""

    def __init__(self, path: Path) -> None:
        self.path = path
        weakref.finalize(self, path.unlink, missing_ok=True)


@dataclass(frozen=True)
class ObjectBody:
    """A file's bytes, or a range of them, read when they are asked for.

    moto takes the length of a body and slices it, and Flask iterates over one.
    """

    file: _File
    start: int
    length: int

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[bytes]:
        with self.file.path.open("rb") as content:
            content.seek(self.start)
            left = self.length
            while left and (chunk := content.read(min(_CHUNK_BYTES, left))):
                left -= len(chunk)
                yield chunk

    def __getitem__(self, part: slice) -> ObjectBody:
        start, stop, _ = part.indices(self.length)
        return ObjectBody(self.file, self.start + start, max(stop - start, 0))

    @property
    def name(self) -> str:
        """What a store calls the file."""
        return self.file.path.name

    @cached_property
    def md5(self) -> str:
        digest = hashlib.md5(usedforsecurity=False)
        for chunk in self:
            digest.update(chunk)
        return digest.hexdigest()

    def read(self) -> bytes:
        return b"".join(self)

    def link_to(self, path: Path) -> None:
        """Give the file a second name, under which it stays when the object goes."""
        with suppress(FileExistsError):
            os.link(self.file.path, path)


class BodyStore:
    """The contents of one embedded cloud's objects, in one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._files: weakref.WeakValueDictionary[str, _File] = weakref.WeakValueDictionary()

    def clear(self) -> None:
        """Begin empty: a cloud that was killed leaves files."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)

    def write(self, chunks: Iterable[bytes]) -> ObjectBody:
        file = _File(self.directory / uuid.uuid4().hex)
        length = 0
        with file.path.open("wb") as content:
            for chunk in chunks:
                length += content.write(chunk)
        return ObjectBody(file, 0, length)

    def adopt(self, path: Path) -> ObjectBody:
        """The content of a file elsewhere on the same disk, which stays there too."""
        file = self._files.get(path.name)
        if file is None:
            own = self.directory / path.name
            os.link(path, own)
            self._files[path.name] = file = _File(own)
        return ObjectBody(file, 0, file.path.stat().st_size)
