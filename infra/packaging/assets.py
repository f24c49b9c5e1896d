"""What the stack uploads: three function packages, the jobs' source, and the jobs' packages.

    build/lambda/steps.zip       the functions that only parse, check and call AWS
    build/lambda/dataset.zip     the same with Parquet and MinHash, for the one that splits
    build/lambda/planning.zip    the same with numpy and the optimizer, for the two that plan
    build/source.tar.gz          training/, serving/ and stratos/
    build/packages.tar.gz        what these import beyond AWS's PyTorch image

Every archive is a function of its inputs alone. Dependencies are wheels for the platform that
imports them, so that neither Docker nor a matching machine is needed.
`python -m infra.packaging.assets` builds what has changed; of two builds at once, one waits for the
other.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.packaging.archives import digest, keep_current, tar_gz, zipped
from infra.packaging.wheels import (
    LAMBDA,
    TRAINING_IMAGE,
    drop_debug_information,
    files_in,
    recipe,
    unpacked,
)

LAMBDA_LIMIT_BYTES = 250 * 1024**2
"""Of a function's unpacked code. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

SERVICES_OF_JOBS = ("bedrock", "bedrock-runtime", "s3", "secretsmanager", "sts")
"""What a job asks AWS: botocore carries a description of every service, 28 MB in all."""

_REQUIREMENTS = {
    "steps": ("lambdas/requirements.txt",),
    "dataset": ("lambdas/requirements.txt", "lambdas/requirements-dataset.txt"),
    "planning": ("lambdas/requirements.txt", "lambdas/requirements-planning.txt"),
}
_NOT_SHIPPED = ("stratos/cli", "stratos/ui", "stratos/docs.py")
"""The command line, its pages and the generated ones: Lambdas and jobs lack what these import."""


@dataclass(frozen=True)
class Assets:
    """Where the built archives lie."""

    steps: Path
    dataset: Path
    planning: Path
    source: Path
    packages: Path


def build_assets(root: Path) -> Assets:
    """Build every archive whose inputs changed, under `build/` of the checkout at `root`.

    Raises:
        RuntimeError: when pip cannot install a dependency for its platform.
    """
    build = root / "build"
    with exclusive(build):
        functions = {
            name: _function_package(root, build / "lambda", name) for name in _REQUIREMENTS
        }
        return Assets(
            steps=functions["steps"],
            dataset=functions["dataset"],
            planning=functions["planning"],
            source=_source(root, build),
            packages=_packages(root, build),
        )


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a folder's lock: others that ask for it wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _function_package(root: Path, target: Path, name: str) -> Path:
    code = dict(_code(root, ("lambdas", "stratos"), without=_NOT_SHIPPED))
    requirements = [root / path for path in _REQUIREMENTS[name]]

    def build() -> bytes:
        wheels = unpacked(target / "dependencies", requirements, LAMBDA)
        return zipped(files_in(wheels) | code)

    inputs = digest([*code.items(), *recipe(requirements)])
    return keep_current(target / f"{name}.zip", inputs, build)


def _source(root: Path, build: Path) -> Path:
    files = dict(_code(root, ("training", "serving", "stratos"), without=_NOT_SHIPPED))
    inputs = digest([*files.items(), *recipe([])])
    return keep_current(build / "source.tar.gz", inputs, lambda: tar_gz(files))


def _packages(root: Path, build: Path) -> Path:
    """One folder, named by the interpreter that may import from it."""
    requirements = [root / "training" / "requirements.lock"]

    def archive() -> bytes:
        folder = unpacked(build / "packages", requirements, TRAINING_IMAGE, _prune_for_jobs)
        files = files_in(folder)
        return tar_gz({f"{TRAINING_IMAGE.tag}/{name}": path for name, path in files.items()})

    return keep_current(build / "packages.tar.gz", digest(recipe(requirements)), archive)


def _prune_for_jobs(folder: Path) -> None:
    drop_debug_information(folder)
    services = folder / "botocore" / "data"
    for name, path in files_in(services).items():
        if "/" in name and name.partition("/")[0] not in SERVICES_OF_JOBS:
            path.unlink()


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


if __name__ == "__main__":
    build_assets(Path(__file__).parents[2])
