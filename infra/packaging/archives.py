"""Archives that are a function of their inputs: sorted entries, no times, no owners."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)
_GZIP_LEVEL = 6


def digest(files: Iterable[tuple[str, Path]]) -> str:
    """SHA-256 over names and contents, in the order given."""
    total = hashlib.sha256()
    for name, path in files:
        content = path.read_bytes()
        total.update(f"{name}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def sha256_of(archive: Path) -> str:
    """Of an archive's bytes, by which a job knows it."""
    with archive.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep_current(archive: Path, inputs: str, build: Callable[[], bytes]) -> Path:
    """Build an archive unless it was built from the inputs with this digest."""
    stamp = archive.with_name(archive.name + ".inputs")
    if not (archive.exists() and stamp.exists() and stamp.read_text() == inputs):
        _write(archive, build())
        stamp.write_text(inputs)
    return archive


def zipped(files: Mapping[str, Path]) -> bytes:
    """A zip of the files by their names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=1)
    return buffer.getvalue()


def tar_gz(files: Mapping[str, Path]) -> bytes:
    """A compressed tar of the files by their names."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(
            fileobj=buffer, mode="wb", filename="", mtime=0, compresslevel=_GZIP_LEVEL
        ) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, path in sorted(files.items()):
            content = path.read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _write(archive: Path, content: bytes) -> None:
    """Replace the archive in one step: somebody else may be reading the old one."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=archive.parent, delete=False) as staging:
        staging.write(content)
    Path(staging.name).chmod(0o644)
    Path(staging.name).rename(archive)
