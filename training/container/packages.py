"""The Python packages of a job: those of its image, and those that come in a channel.

The archive has one folder, named by the interpreter whose packages it holds: `cp312-…`. Compiled
packages load in no other, so the archive is left packed where the interpreter is another one, and
the image must have the packages itself.
"""

from __future__ import annotations

import hashlib
import logging
import platform
import sys
import tarfile
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path

from stratos.errors import JobNotStarted

NEEDED = (
    "boto3",
    "duckdb",
    "gguf",
    "huggingface_hub",
    "jinja2",
    "jsonschema",
    "peft",
    "phonenumbers",
    "pydantic",
    "pytz",
    "rensa",
    "safetensors",
    "tensorboardX",
    "stdnum",
    "torch",
    "transformers",
    "xllamacpp",
    "yaml",
)
"""What jobs import beyond the standard library: torch, and `training/requirements.txt`."""
_log = logging.getLogger(__name__)


def interpreter_tag() -> str:
    """What the folder of an archive for this interpreter is called."""
    major, minor = sys.version_info[:2]
    system = "manylinux" if sys.platform == "linux" else sys.platform
    return f"cp{major}{minor}-{system}_{platform.machine()}"


def unpack_packages(
    channel: Path | None,
    target: Path,
    needed: Sequence[str] = NEEDED,
    sha256: str | None = None,
) -> Path | None:
    """Return the folder to import from before the image's own packages; None where there is none.

    Args:
        channel: Folder of the channel with the archive; None if the job has none.
        target: Where it is unpacked.
        sha256: Of the archive that was deployed; None where nobody said it.

    Raises:
        JobNotStarted: when a package is neither in the archive nor in the image, or the archive is
            another than was deployed.
    """
    if channel is not None and sha256 is not None:
        _refuse_another(_archive(channel), sha256)
    found = _archive_tag(channel)
    tag = interpreter_tag()
    folder = None
    if channel is not None and found == tag:
        with tarfile.open(_archive(channel)) as archive:
            archive.extractall(target, filter="data")
        folder = target / tag
    path = [*([str(folder)] if folder else []), *sys.path]
    missing = [name for name in needed if PathFinder.find_spec(name, path) is None]
    if missing:
        brought = f"its archive of packages is for {found}" if found else "it brought no packages"
        raise JobNotStarted(
            f"{', '.join(missing)} cannot be imported: this image's Python is {tag}, and {brought}."
            " Use an image with that Python, or build the archive for this one"
        )
    _log.info("packages: %s", folder or f"those of the image ({tag})")
    return folder


def _archive(channel: Path) -> Path:
    """The one file of the channel.

    Raises:
        JobNotStarted: when there is not exactly one.
    """
    files = sorted(channel.iterdir()) if channel.is_dir() else []
    if len(files) != 1:
        raise JobNotStarted(
            f"the channel {channel.name} holds {[file.name for file in files]}; one tar archive "
            "is needed. Give its whole key as the channel's S3Uri"
        )
    return files[0]


def _refuse_another(archive: Path, sha256: str) -> None:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise JobNotStarted(
            f"the archive of packages has the SHA-256 {found}; {sha256} was deployed. Somebody has "
            "written over it: deploy the stack again, and look who may write to its assets' bucket"
        )


def _archive_tag(channel: Path | None) -> str | None:
    """For which interpreter the archive is, from the name of its first entry alone."""
    if channel is None:
        return None
    try:
        with tarfile.open(_archive(channel)) as archive:
            first = archive.next()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise JobNotStarted(f"the archive of packages cannot be read: {error}") from error
    return first.name.split("/")[0] if first is not None else None
