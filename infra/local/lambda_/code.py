"""Function code on disk: each deployment package and layer unpacked once, and the runtime's path.

A function sees its own package, its layers, and what the AWS Python runtime ships: the interface
client and boto3. The site-packages of this environment stay out of sight, so a package that lacks
a dependency fails here as it does on AWS.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tempfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

RUNTIME_MODULES = (
    "awslambdaric",
    "runtime_client",
    "snapshot_restore_py",
    "simplejson",
    "boto3",
    "botocore",
    "s3transfer",
    "jmespath",
    "dateutil",
    "urllib3",
    "six",
)
"""What the managed runtime holds. https://docs.aws.amazon.com/lambda/latest/dg/python-package.html"""

_LOCATE = """
import importlib.util, json, sys
found = {}
for name in sys.argv[1:]:
    spec = importlib.util.find_spec(name)
    if spec:
        found[name] = (spec.submodule_search_locations or [spec.origin])[0]
print(json.dumps(found))
"""


class CodeStore:
    """Unpacked packages under one directory, named by the hash of their content."""

    def __init__(self, directory: Path, python: str) -> None:
        self._directory = directory.resolve()
        self._python = python
        self._lock = threading.Lock()

    def runtime_path(self) -> Path:
        """Directory of links to the modules of the managed runtime.

        Raises:
            RuntimeError: the interpreter lacks one of them.
        """
        located = subprocess.run(
            [self._python, "-c", _LOCATE, *RUNTIME_MODULES],
            check=True,
            capture_output=True,
            text=True,
        )
        sources: dict[str, str] = json.loads(located.stdout)
        if missing := [name for name in RUNTIME_MODULES if name not in sources]:
            raise RuntimeError(
                f"{self._python} has no {', '.join(missing)}, which the Lambda runtime needs. "
                "Install the extra 'local' into that environment."
            )
        runtime = self._directory / "runtime"
        shutil.rmtree(runtime, ignore_errors=True)
        runtime.mkdir(parents=True)
        for source in sources.values():
            (runtime / Path(source).name).symlink_to(source)
        return runtime

    def unpack(self, sha256: str, read: Callable[[], bytes]) -> Path:
        """Directory holding the content of a zip archive; unpacked on first use.

        Raises:
            ValueError: the archive is not a zip file.
        """
        target = self._directory / "code" / sha256
        with self._lock:
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                staging = Path(tempfile.mkdtemp(dir=target.parent))
                try:
                    _extract(read(), staging)
                    staging.rename(target)
                except BaseException:
                    shutil.rmtree(staging, ignore_errors=True)
                    raise
        return target


def _extract(archive: bytes, target: Path) -> None:
    try:
        package = zipfile.ZipFile(io.BytesIO(archive))
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"The deployment package is {len(archive)} bytes that are no zip file ({error}). "
            "Upload a zip archive."
        ) from error
    with package:
        for entry in package.infolist():
            extracted = Path(package.extract(entry, target))
            if mode := (entry.external_attr >> 16) & 0o777:
                extracted.chmod(mode | (0o700 if entry.is_dir() else 0o400))
    target.chmod(0o755)


def search_path(task_root: Path, layers: list[Path], runtime: Path) -> str:
    """The function's PYTHONPATH: its package, its layers, then the managed runtime."""
    layer_paths = [
        candidate
        for layer in layers
        for candidate in (layer / "python", *layer.glob("python/lib/python3.*/site-packages"))
        if candidate.is_dir()
    ]
    return os.pathsep.join(str(path) for path in (task_root, *layer_paths, runtime))
