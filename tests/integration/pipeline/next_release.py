"""The template as a later release would have it: other code, another archive, another machine."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path

_ARCHIVES = (".zip", ".tar.gz")
_LAST = '"Succeeded":{"Type":"Succeed"}'
_SUPERSEDED = '"Succeeded":{"Type":"Fail","Error":"Superseded"}'


def next_release(assembly: Path, target: Path) -> Path:
    """Copy a synthesized assembly to `target`, with every asset and the state machine changed.

    An execution that ends by the changed machine fails. As the CDK does, an asset's key is the
    SHA-256 of its content: what a role may read depends on it.

    Args:
        target: Its name goes into every archive, so that no two releases are alike.
    """
    shutil.copytree(assembly, target)
    manifest = target / "Stratos.assets.json"
    template = target / "Stratos.template.json"
    texts = {path: path.read_text() for path in (manifest, template)}
    assert _quoted(_LAST) in texts[template]
    texts[template] = texts[template].replace(_quoted(_LAST), _quoted(_SUPERSEDED))
    for before, asset in json.loads(texts[manifest])["files"].items():
        archive = target / asset["source"]["path"]
        if not archive.name.endswith(_ARCHIVES):
            continue
        deployed = _sha256(archive)  # what jobs compare with, which is not the asset's key
        _add_a_file(archive, target.name)
        after = _sha256(archive)
        texts = {path: text.replace(deployed, after) for path, text in texts.items()}
        archive.rename(archive.with_name(archive.name.replace(before, after)))
        texts = {path: text.replace(before, after) for path, text in texts.items()}
    for path, text in texts.items():
        path.write_text(text)
    return target


def _sha256(archive: Path) -> str:
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def _quoted(text: str) -> str:
    """As it stands within a string of JSON."""
    return json.dumps(text)[1:-1]


def _add_a_file(archive: Path, content: str) -> None:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "a") as packed:
            packed.writestr("release.txt", content)
        return
    with tarfile.open(archive) as before:
        members = [
            (member, before.extractfile(member).read() if member.isfile() else b"")  # type: ignore[union-attr]
            for member in before.getmembers()
        ]
    with tarfile.open(archive, "w:gz", compresslevel=1) as after:
        for member, held in members:
            after.addfile(member, io.BytesIO(held) if member.isfile() else None)
        added = tarfile.TarInfo("release.txt")
        added.size = len(content.encode())
        after.addfile(added, io.BytesIO(content.encode()))
