"""What the stack uploads: three function packages and the source archive of the training jobs.

    build/lambda/steps.zip       the functions that only parse, check and call AWS
    build/lambda/dataset.zip     the same with Parquet and MinHash, for the one that splits
    build/lambda/planning.zip    the same with numpy and the optimizer, for the two that plan
    build/source.tar.gz          training/, serving/, stratos/ and requirements.txt

Every archive is a function of its inputs alone: sorted entries, no times, no owners. Dependencies
are wheels for Lambda's platform, so that neither Docker nor a matching machine is needed.
`python -m infra.packaging.assets` builds what has changed; of two builds at once, one waits for the
other.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LAMBDA_LIMIT_BYTES = 250 * 1024**2
"""Of a function's unpacked code. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_PLATFORMS = tuple(f"manylinux_2_{minor}_x86_64" for minor in (17, 24, 26))
"""Lambda's python3.11 runs on Amazon Linux 2, whose glibc 2.26 loads no newer wheel."""
_REQUIREMENTS = {
    "steps": ("lambdas/requirements.txt",),
    "dataset": ("lambdas/requirements.txt", "lambdas/requirements-dataset.txt"),
    "planning": ("lambdas/requirements.txt", "lambdas/requirements-planning.txt"),
}
_NOT_SHIPPED = ("stratos/cli", "stratos/docs.py")
"""The command line and the generated pages: Lambdas and jobs lack what these import."""
_UNUSED_AT_RUNTIME = ("tests", "test", "__pycache__", "bin", "include")
_UNUSED_SUFFIXES = (".pyc", ".pyi", ".pxd", ".pyx", ".c", ".cpp", ".h", ".a", ".lib")


@dataclass(frozen=True)
class Assets:
    """Where the built archives lie."""

    steps: Path
    dataset: Path
    planning: Path
    source: Path


def build_assets(root: Path) -> Assets:
    """Build every archive whose inputs changed, under `build/` of the checkout at `root`.

    Raises:
        RuntimeError: when pip cannot install a dependency for Lambda's platform.
    """
    build = root / "build"
    with exclusive(build):
        packages = {name: _build_package(root, build / "lambda", name) for name in _REQUIREMENTS}
        return Assets(
            steps=packages["steps"],
            dataset=packages["dataset"],
            planning=packages["planning"],
            source=_build_source(root, build),
        )


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a folder's lock: others that ask for it wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def digest(files: Iterable[tuple[str, Path]]) -> str:
    """SHA-256 over names and contents, in the order given."""
    total = hashlib.sha256()
    for name, path in files:
        content = path.read_bytes()
        total.update(f"{name}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def _build_package(root: Path, target: Path, name: str) -> Path:
    package = target / f"{name}.zip"
    code = dict(_code(root, ("lambdas", "stratos"), without=_NOT_SHIPPED))
    requirements = [root / path for path in _REQUIREMENTS[name]]
    inputs = digest([*code.items(), *_recipe(requirements)])
    if not _is_current(package, inputs):
        dependencies = _dependencies(target, requirements)
        wheels = {
            path.relative_to(dependencies).as_posix(): path
            for path in dependencies.rglob("*")
            if path.is_file()
        }
        _write(package, _zip(wheels | code))
        _stamp(package).write_text(inputs)
    return package


def _recipe(requirements: Iterable[Path]) -> list[tuple[str, Path]]:
    """What a build depends on besides the code: the pins, and this file."""
    return [(path.name, path) for path in (*requirements, Path(__file__))]


def _dependencies(target: Path, requirements: list[Path]) -> Path:
    """The pinned wheels unpacked and pruned, kept from one build to the next."""
    folder = target / "dependencies" / digest(_recipe(requirements))[:16]
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=folder.parent))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-compile", "--only-binary=:all:", "--implementation=cp"]
    command += ["--python-version=3.11", *(f"--platform={name}" for name in _PLATFORMS)]
    command += ["--target", str(staging), *(f"--requirement={path}" for path in requirements)]
    installed = subprocess.run(command, capture_output=True, text=True, check=False)
    if installed.returncode:
        shutil.rmtree(staging)
        raise RuntimeError(
            f"pip could not install {', '.join(str(path) for path in requirements)} "
            f"for Lambda:\n{installed.stderr.strip()}\n"
            "Check the network, or that each pinned version has a wheel for CPython 3.11 on Linux."
        )
    _prune(staging)
    staging.chmod(0o755)
    return staging.rename(folder)


def _prune(folder: Path) -> None:
    """Delete what no import needs: it would take the planning package over Lambda's limit."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and path.name in _UNUSED_AT_RUNTIME:
            shutil.rmtree(path)
        elif path.is_file() and path.name.endswith(_UNUSED_SUFFIXES):
            path.unlink()


def _build_source(root: Path, build: Path) -> Path:
    source = build / "source.tar.gz"
    files = dict(_code(root, ("training", "serving", "stratos"), without=_NOT_SHIPPED))
    requirements = root / "training" / "requirements.txt"
    if requirements.exists():
        files["requirements.txt"] = requirements
    inputs = digest([*files.items(), *_recipe([])])
    if not _is_current(source, inputs):
        _write(source, _tar_gz(files))
        _stamp(source).write_text(inputs)
    return source


def _code(
    root: Path, packages: Iterable[str], *, without: Iterable[str]
) -> Iterator[tuple[str, Path]]:
    """Files of the given packages as (name in the archive, path), sorted."""
    left_out = tuple(without)
    for package in packages:
        for path in sorted((root / package).rglob("*")):
            name = path.relative_to(root).as_posix()
            hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
            if path.is_file() and not hidden and not name.startswith(left_out):
                yield name, path


def _stamp(archive: Path) -> Path:
    return archive.with_name(archive.name + ".inputs")


def _is_current(archive: Path, inputs: str) -> bool:
    stamp = _stamp(archive)
    return archive.exists() and stamp.exists() and stamp.read_text() == inputs


def _write(archive: Path, content: bytes) -> None:
    """Replace the archive in one step: somebody else may be reading the old one."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=archive.parent, delete=False) as staging:
        staging.write(content)
    Path(staging.name).chmod(0o644)
    Path(staging.name).rename(archive)


def _zip(files: dict[str, Path]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=1)
    return buffer.getvalue()


def _tar_gz(files: dict[str, Path]) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", filename="", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, path in sorted(files.items()):
            content = path.read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


if __name__ == "__main__":
    build_assets(Path(__file__).parents[2])
