"""Pinned wheels, unpacked for the machine that will import them, which is not this one.

Neither Docker nor a matching machine is needed. What no import needs is pruned.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from infra.packaging.archives import digest
from infra.packaging.wheel_index import platforms_of


@dataclass(frozen=True)
class Platform:
    """An interpreter on x86-64 Linux, and the newest glibc that its wheels may want."""

    name: str
    python: str
    glibc_minor: int

    @property
    def tag(self) -> str:
        """The folder in which its packages lie, for whoever must choose: `cp312-…`."""
        return f"cp{self.python.replace('.', '')}-manylinux_x86_64"

    @property
    def choosing_wheels(self) -> list[str]:
        """What makes pip choose this platform's wheels."""
        return [
            *("--only-binary=:all:", "--no-deps", "--implementation=cp"),
            f"--python-version={self.python}",
            *(f"--platform={name}" for name in platforms_of("x86_64", self.glibc_minor)),
        ]


LAMBDA = Platform("Lambda", python="3.11", glibc_minor=26)
"""Lambda's python3.11 runs on Amazon Linux 2, whose glibc is 2.26."""
TRAINING_IMAGE = Platform("AWS's PyTorch image for training", python="3.12", glibc_minor=34)
"""Amazon Linux 2023 has glibc 2.34. https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html"""

_UNUSED_AT_RUNTIME = ("tests", "test", "__pycache__", "bin", "include")
_UNUSED_SUFFIXES = (".pyc", ".pyi", ".pxd", ".pyx", ".c", ".cpp", ".h", ".a", ".lib")
_MIB = 1024**2


def unpacked(
    cache: Path,
    requirements: list[Path],
    platform: Platform,
    prune: Callable[[Path], None] = lambda folder: None,
) -> Path:
    """A folder under `cache` with the wheels unpacked and pruned, kept for the next build.

    Args:
        prune: Deletes further files, besides those that no package needs.

    Raises:
        RuntimeError: when pip cannot install a requirement for the platform.
    """
    folder = cache / digest(recipe(requirements))[:16]
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=cache))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-compile", "--target", str(staging), *platform.choosing_wheels]
    command += ["--require-hashes", *(f"--requirement={path}" for path in requirements)]
    installed = subprocess.run(command, capture_output=True, text=True, check=False)
    if installed.returncode:
        shutil.rmtree(staging)
        raise RuntimeError(
            f"pip could not install {', '.join(str(path) for path in requirements)} "
            f"for {platform.name}:\n{installed.stderr.strip()}\n"
            "Check the network, or that each pinned version has a wheel for "
            f"CPython {platform.python} on Linux."
        )
    _prune(staging)
    prune(staging)
    staging.chmod(0o755)
    return staging.rename(folder)


def recipe(requirements: Iterable[Path]) -> list[tuple[str, Path]]:
    """What a build depends on besides the code: the pins, and the modules that build."""
    modules = [
        Path(__file__).with_name(f"{name}.py")
        for name in ("archives", "assets", "wheel_index", "wheels")
    ]
    return [(path.name, path) for path in (*requirements, *modules)]


def files_in(folder: Path) -> dict[str, Path]:
    """Every file below a folder by its name there."""
    return {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }


def _prune(folder: Path) -> None:
    """Delete what no import needs: it would take the planning package over Lambda's limit."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and path.name in _UNUSED_AT_RUNTIME:
            shutil.rmtree(path)
        elif path.is_file() and path.name.endswith(_UNUSED_SUFFIXES):
            path.unlink()


def drop_debug_information(folder: Path) -> None:
    """Cut from large shared libraries what no loader maps: llama.cpp's are three quarters of it."""
    for library in folder.rglob("*.so*"):
        if library.stat().st_size > _MIB:
            _keep_segments(library)


def _keep_segments(library: Path) -> None:
    """Cut an ELF file after its last segment, and its header's table of sections with it.

    The loader reads segments alone; sections, with symbols and debug information, lie behind
    them. https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
    """
    with library.open("r+b") as file:
        header = bytearray(file.read(64))
        if header[:6] != b"\x7fELF\x02\x01":
            return
        (table,) = struct.unpack_from("<Q", header, 32)
        size, count = struct.unpack_from("<HH", header, 54)
        end = table + size * count
        for index in range(count):
            file.seek(table + index * size)
            offset, _, _, length = struct.unpack_from("<4Q", file.read(size), 8)
            end = max(end, offset + length)
        struct.pack_into("<Q", header, 40, 0)
        struct.pack_into("<HH", header, 60, 0, 0)
        file.seek(0)
        file.write(header)
        os.ftruncate(file.fileno(), end)
