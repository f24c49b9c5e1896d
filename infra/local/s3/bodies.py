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
from threading import Lock

_CHUNK_BYTES = 256 * 1024


class DamagedContentError(Exception):
    """A content is not what was written; the message says what was found and what was needed."""


class _File:
    """A file that is deleted once nothing refers to this object.

    Attributes:
        num_bytes: What it had when it was written.
        md5: Its digest then; None where nobody has kept it.
    """

    def __init__(self, path: Path, num_bytes: int = 0, md5: str | None = None) -> None:
        self.path = path
        self.num_bytes = num_bytes
        self.md5 = md5
        self._sound: tuple[int, int] | None = None
        """Size and time of its last change when it was known to be what was written."""
        self._checking = Lock()
        weakref.finalize(self, path.unlink, missing_ok=True)

    def __deepcopy__(self, _: object) -> _File:
        """moto copies what refers to a file; the file is one, and stays for all of them."""
        return self

    def written(self, num_bytes: int, md5: str) -> None:
        """All of it is there, from the same process."""
        self.num_bytes, self.md5, self._sound = num_bytes, md5, self._look()

    def check_size(self) -> None:
        """
        Raises:
            DamagedContentError: It is gone or cut, or cannot be looked at.
        """
        found, _ = self._look()
        if found != self.num_bytes:
            raise DamagedContentError(
                f"{self.path} has {found:,} bytes; it was written with {self.num_bytes:,}"
            )

    def check(self) -> None:
        """Look at the whole of it if it may have changed since the last look.

        Raises:
            DamagedContentError: It is not what was written.
        """
        if self._look() == self._sound:
            return
        with self._checking:  # once for the parallel reads of one object
            self._check_again()

    def _check_again(self) -> None:
        looked = self._look()
        if looked == self._sound:
            return
        self.check_size()
        if self.md5 is not None:
            try:
                found = _md5_of(ObjectBody(self, 0, self.num_bytes))
            except OSError as error:
                raise DamagedContentError(f"{self.path} cannot be read ({error})") from error
            if found != self.md5:
                raise DamagedContentError(
                    f"{self.path} has the MD5 digest {found}; it was written with {self.md5}"
                )
        self._sound = looked

    def _look(self) -> tuple[int, int]:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            raise DamagedContentError(f"the file {self.path} is gone") from None
        except OSError as error:
            raise DamagedContentError(f"{self.path} cannot be looked at ({error})") from error
        return found.st_size, found.st_mtime_ns


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
        is_whole = (self.start, self.length) == (0, self.file.num_bytes)
        return (self.file.md5 if is_whole else None) or _md5_of(self)

    def read(self) -> bytes:
        return b"".join(self)

    def link_to(self, path: Path) -> None:
        """Give the file a second name, under which it stays when the object goes."""
        # One that is gone is told when it is read, and keeps nothing else from being saved.
        with suppress(FileExistsError, FileNotFoundError):
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
        length, digest = 0, hashlib.md5(usedforsecurity=False)
        with file.path.open("wb") as content:
            for chunk in chunks:
                length += content.write(chunk)
                digest.update(chunk)
        file.written(length, digest.hexdigest())
        return ObjectBody(file, 0, length)

    def adopt(self, path: Path, num_bytes: int | None = None, md5: str | None = None) -> ObjectBody:
        """The content of a file elsewhere on the same disk, which stays there too.

        Args:
            num_bytes: What it was written with. None where nobody has kept it: what it has now.
        """
        file = self._files.get(path.name)
        if file is None:
            own = self.directory / path.name
            with suppress(FileNotFoundError):  # which is told when it is read
                os.link(path, own)
            if num_bytes is None:
                num_bytes = own.stat().st_size if own.exists() else 0
            self._files[path.name] = file = _File(own, num_bytes, md5)
        return ObjectBody(file, 0, file.num_bytes)


def _md5_of(chunks: Iterable[bytes]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
