"""The template as a later release would have it: other code, another archive, another machine."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path

NEXT = "next-"
"""What keys of the next release's assets begin with."""

_ARCHIVES = (".zip", ".tar.gz")
_LAST = '"Succeeded":{"Type":"Succeed"}'
_SUPERSEDED = '"Succeeded":{"Type":"Fail","Error":"Superseded"}'


def next_release(assembly: Path, target: Path) -> Path:
    """Copy a synthesized assembly to `target`, with every asset and the state machine changed.

    An execution that ends by the changed machine fails.
    """
    shutil.copytree(assembly, target)
    for asset in target.iterdir():
        if asset.name.startswith("asset.") and asset.name.endswith(_ARCHIVES):
            _add_a_file(asset)
    manifest = target / "Stratos.assets.json"
    assets = json.loads(manifest.read_text())
    template_file = target / "Stratos.template.json"
    template = template_file.read_text()
    for content_hash, asset in assets["files"].items():
        if asset["source"]["path"].endswith(_ARCHIVES):
            template = template.replace(content_hash, NEXT + content_hash)
            for destination in asset["destinations"].values():
                destination["objectKey"] = NEXT + destination["objectKey"]
    changed = template.replace(json.dumps(_LAST)[1:-1], json.dumps(_SUPERSEDED)[1:-1])
    assert changed != template
    template_file.write_text(changed)
    manifest.write_text(json.dumps(assets))
    return target


def _add_a_file(archive: Path) -> None:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "a") as packed:
            packed.writestr("release.txt", "next")
        return
    with tarfile.open(archive) as before:
        members = [
            (member, before.extractfile(member).read() if member.isfile() else b"")  # type: ignore[union-attr]
            for member in before.getmembers()
        ]
    with tarfile.open(archive, "w:gz") as after:
        for member, content in members:
            after.addfile(member, io.BytesIO(content) if member.isfile() else None)
        added = tarfile.TarInfo("release.txt")
        added.size = len(b"next")
        after.addfile(added, io.BytesIO(b"next"))
