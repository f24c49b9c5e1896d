"""The tensors of a model folder, one in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import Tensor


@dataclass(frozen=True)
class StoredTensors:
    """Every tensor of a folder's safetensors, by its name; the files are mapped, not read."""

    _files: dict[str, Any]

    @property
    def names(self) -> list[str]:
        return sorted(self._files)

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._files[name].get_slice(name).get_shape())

    def read(self, name: str) -> Tensor:
        tensor: Tensor = self._files[name].get_tensor(name)
        return tensor


@contextmanager
def open_tensors(folder: Path) -> Iterator[StoredTensors]:
    """Map the safetensors of a folder, however many files they are in."""
    with ExitStack() as stack:
        files: dict[str, Any] = {}
        for path in sorted(folder.glob("*.safetensors")):
            file = stack.enter_context(safe_open(path, framework="pt"))
            files |= dict.fromkeys(file.keys(), file)
        yield StoredTensors(files)
