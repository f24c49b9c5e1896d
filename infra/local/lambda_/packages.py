"""Deployment packages on disk, once for each content; moto holds one in memory per function."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import weakref
from pathlib import Path
from typing import Any

from moto.awslambda.models import LambdaFunction, LayerVersion

from infra.local.host.patching import Patches


class _Package:
    """A file that goes with the last function, version or layer that has it."""

    def __init__(self, path: Path) -> None:
        self.path = path


class Packages:
    """The packages of all functions and layers, in a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.RLock()  # the collector may end a package in the midst of `keep`
        self._packages: weakref.WeakValueDictionary[str, _Package] = weakref.WeakValueDictionary()
        self._is_closed = False
        # Whatever lies there is of functions that are gone: they are made again with their code.
        shutil.rmtree(directory, ignore_errors=True)

    def keep(self, content: bytes) -> _Package:
        sha256 = hashlib.sha256(content).hexdigest()
        with self._lock:
            package = self._packages.get(sha256)
            if package is None:
                package = self._packages[sha256] = _Package(self._directory / sha256)
                self._write(package.path, content)
                weakref.finalize(package, self._forget, sha256).atexit = False
            return package

    def _write(self, path: Path, content: bytes) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.urandom(4).hex()}")
        draft.write_bytes(content)
        draft.replace(path)

    def close(self) -> None:
        """Leave the directory to the next: functions of this one may be collected only then."""
        with self._lock:
            self._is_closed = True

    def _forget(self, sha256: str) -> None:
        with self._lock:
            # Or else it was uploaded again in the meantime.
            if not self._is_closed and sha256 not in self._packages:
                (self._directory / sha256).unlink(missing_ok=True)


class _Untracked(list[Any]):
    """Stands for moto's list of all instances of a class, which would keep them for ever."""

    def append(self, instance: Any) -> None:
        """Forget it."""


def keep_packages(patches: Patches, directory: Path) -> Packages:
    """Let functions and layers read their package from `directory` when it is asked for."""
    packages = Packages(directory)

    def get(owner: Any) -> bytes:
        path: Path = owner.kept_package.path
        return path.read_bytes()

    def set_(owner: Any, content: bytes) -> None:
        owner.kept_package = packages.keep(content)

    for owner in (LambdaFunction, LayerVersion):
        patches.add(owner, "code_bytes", property(get, set_))
        patches.replace(owner, "instances_tracked", _Untracked())
    return packages
