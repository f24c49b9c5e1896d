"""`stratos pull`: a run's model, as a folder on this machine."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from stratos.cli.options import Json, RunId
from stratos.cli.report import how_to_open_curves, save_report
from stratos.cli.runs import find_run
from stratos.cli.screen import make_console, print_json
from stratos.cli.stack import Stack
from stratos.contracts.bucket import EVENTS_FOLDER, RunKeys, split_uri
from stratos.contracts.run import RunRow
from stratos.errors import DamagedModel, FolderTaken, ModelNotFound

_ARCHIVE = "/output/model.tar.gz"
_MANIFEST = "manifest.json"
_ADDED = (_MANIFEST, "run.json", "report.html")
"""What is in a pulled folder beside the files that the manifest lists."""


def pull_command(
    run_id: RunId,
    to: Annotated[
        Path | None, typer.Option(help="Folder that receives the model; RUN by default.")
    ] = None,
    push_to_hub: Annotated[
        str | None,
        typer.Option(
            metavar="OWNER/NAME",
            help="Also upload it to this repository of the Hugging Face Hub, made if missing and "
            "private then.",
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Bring a run's model home: weights, adapter, GGUF, and a README with how to load each.

    Every file is compared with the digest that the training job wrote down. `stratos serve`
    answers from the folder.
    """
    stack, console = Stack.find(), make_console()
    run = find_run(stack, run_id)
    folder = Path(run_id) if to is None else to
    with console.status("downloading") as status:
        pull(stack, run, folder, lambda done: status.update(f"downloading, {done / 1e6:,.0f} MB"))
    url = None
    if push_to_hub is not None:
        from stratos.cli.hub import push

        url = push(folder, push_to_hub)
    if json_:
        print_json({"folder": str(folder), "files": _files(folder), "hub": url})
        return
    for name, size in _files(folder).items():
        console.print(f"  {size / 1e6:>10,.1f} MB  {name}", highlight=False, markup=False)
    console.print(
        f"{folder} holds the model of run {run_id}; its README says how to load it. Ask it here "
        f"with `stratos serve {folder}`",
        soft_wrap=True,
        markup=False,
    )
    if (how := how_to_open_curves(folder)) is not None:
        console.print(how, soft_wrap=True, markup=False)
    if url is not None:
        console.print(f"uploaded to {url}", soft_wrap=True)


def pull(
    stack: Stack, run: RunRow, folder: Path, tell: Callable[[int], None] = lambda done: None
) -> None:
    """Download, unpack and check a run's model; the folder appears whole or not at all.

    A folder that holds it already is checked only.

    Args:
        tell: Called with the bytes that have come.

    Raises:
        ModelNotFound: the run has no model, or none any more.
        FolderTaken: the folder is there and not empty.
        DamagedModel: a file is not what the training job wrote.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if _run_of(folder) == run.run_id:
            return _check(folder)
        raise FolderTaken(f"{folder} is there already; name another with --to, or remove it")
    bucket, key = split_uri(_artifact(stack, run))
    parent = folder.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    with _scratch(parent) as scratch:
        archive, unpacked = scratch / "model.tar.gz", scratch / "model"
        stack.s3.download_file(bucket, key, str(archive), Callback=_summed(tell))
        _unpack(archive, unpacked)
        _check(unpacked)
        save_report(stack, run.run_id, unpacked)
        if folder.exists():
            folder.absolute().rmdir()
        unpacked.rename(folder.absolute())
    return None


def _artifact(stack: Stack, run: RunRow) -> str:
    """The model in service, or else the last that the run trained."""
    if run.model_artifact is not None:
        return run.model_artifact
    keys = RunKeys(run.run_id)
    pages = stack.s3.get_paginator("list_objects_v2").paginate(
        Bucket=run.bucket, Prefix=keys.models
    )
    found: list[Any] = [item for page in pages for item in page.get("Contents", [])]
    trained = [item for item in found if item["Key"].endswith(_ARCHIVE)]
    if not trained:
        raise ModelNotFound(
            f"run {run.run_id} is {run.status} and has no model; `stratos report {run.run_id}` "
            "says what became of it"
        )
    latest = max(trained, key=lambda item: item["LastModified"])
    return f"s3://{run.bucket}/{latest['Key']}"


def _run_of(folder: Path) -> str | None:
    """The run whose model a folder holds, as its manifest says."""
    try:
        return str(json.loads((folder / _MANIFEST).read_text())["run_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")  # nothing outside of the folder
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DamagedModel(f"the model's archive cannot be unpacked: {error}") from error


def _check(folder: Path) -> None:
    """Compare every file with its digest in the manifest.

    Raises:
        DamagedModel: naming files that differ, are missing, or that the manifest does not know.
    """
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
        expected: dict[str, str] = {
            str(name): str(sum_) for name, sum_ in manifest["files"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedModel(f"the model's {_MANIFEST} cannot be read: {error}") from error
    found = {
        name: path
        for name, path in _paths(folder).items()
        if name not in _ADDED and not name.startswith(EVENTS_FOLDER)
    }
    wrong = {
        name for name in expected if name not in found or _sha256(found[name]) != expected[name]
    }
    wrong |= found.keys() - expected.keys()
    if wrong or not expected:
        raise DamagedModel(
            f"{', '.join(sorted(wrong)) or 'all files'} of the model differ from what the training "
            "job wrote; pull again, and if that does not help, run the spec again"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _summed(tell: Callable[[int], None]) -> Callable[[int], None]:
    done = 0

    def add(more: int) -> None:
        nonlocal done
        done += more
        tell(done)

    return add


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    """A folder on the same disk as the target, gone afterwards."""
    scratch = Path(tempfile.mkdtemp(prefix=".stratos-pull-", dir=parent))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _files(folder: Path) -> dict[str, int]:
    """Name → bytes of every file, in order."""
    return {name: path.stat().st_size for name, path in _paths(folder).items()}


def _paths(folder: Path) -> dict[str, Path]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in found}
