"""A finished model artifact, brought back onto disk."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

from pydantic import TypeAdapter

from stratos.contracts.plan import ServedPrecision
from training.container.storage import ObjectStore


def fetch_artifact(storage: ObjectStore, uri: str, folder: Path) -> Path:
    """Download a model.tar.gz and unpack it into a folder of its own.

    Only what lies inside the folder is unpacked: no absolute path, no link that leads out, no
    device (tarfile's `data` filter).

    Raises:
        ValueError: when it is no such archive, or holds no model.
    """
    archive = folder / "model.tar.gz"
    storage.download(uri, archive)
    target = folder / "model"
    try:
        with tarfile.open(archive, "r:*") as members:
            members.extractall(target, filter="data")
    except tarfile.TarError as error:
        raise ValueError(f"{uri} cannot be unpacked: {error}; expected a model.tar.gz") from error
    archive.unlink()
    if not (target / "config.json").exists():
        found = sorted(path.name for path in target.iterdir())
        raise ValueError(f"{uri} holds {found}, no config.json; expected a distilled model")
    return target


def gguf_precisions(folder: Path) -> dict[str, ServedPrecision]:
    """The precision of each GGUF in an artifact, by file name; none in those of before."""
    path = folder / "manifest.json"
    files = json.loads(path.read_text(encoding="utf-8")).get("gguf", {}) if path.exists() else {}
    return TypeAdapter(dict[str, ServedPrecision]).validate_python(
        {name: file["precision"] for name, file in files.items() if (folder / name).exists()}
    )
