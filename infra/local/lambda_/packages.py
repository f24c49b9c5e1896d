"""Deployment packages on disk, once for each content; moto holds one in memory per function."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from moto.awslambda.models import LambdaFunction, LayerVersion

from infra.local.host.patching import Patches


def keep_packages(patches: Patches, directory: Path) -> None:
    """Let functions and layers read their package from `directory` when it is asked for."""

    def get(owner: Any) -> bytes:
        path: Path = directory / owner.package_sha256
        return path.read_bytes()

    def set_(owner: Any, package: bytes) -> None:
        owner.package_sha256 = hashlib.sha256(package).hexdigest()
        path = directory / owner.package_sha256
        if not path.exists():
            directory.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(f".{os.urandom(4).hex()}")
            draft.write_bytes(package)
            draft.replace(path)

    for owner in (LambdaFunction, LayerVersion):
        patches.add(owner, "code_bytes", property(get, set_))
