"""The tensors of a model folder, one in memory at a time."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

_EXPERT = re.compile(r"(.+\.experts)\.(\d+)\.(.+)")


@dataclass(frozen=True)
class StoredTensors:
    """Every tensor of a folder's safetensors, by its name; the files are mapped, not read.

    The experts of a layer are one tensor, also where they are stored one by one.
    """

    _files: Mapping[str, Any]
    _parts: Mapping[str, tuple[str, ...]]
    """The names that a tensor is stored under."""

    @property
    def names(self) -> list[str]:
        return sorted(self._parts)

    def shape(self, name: str) -> tuple[int, ...]:
        parts = self._parts[name]
        shape = tuple(self._files[parts[0]].get_slice(parts[0]).get_shape())
        return shape if parts == (name,) else (len(parts), *shape)

    def read(self, name: str) -> Tensor:
        parts = self._parts[name]
        tensors = [self._files[part].get_tensor(part) for part in parts]
        return tensors[0] if parts == (name,) else torch.stack(tensors)


@contextmanager
def open_tensors(folder: Path) -> Iterator[StoredTensors]:
    """Map the safetensors of a folder, however many files they are in."""
    with ExitStack() as stack:
        files: dict[str, Any] = {}
        for path in sorted(folder.glob("*.safetensors")):
            file = stack.enter_context(safe_open(path, framework="pt"))
            files |= dict.fromkeys(file.keys(), file)
        yield StoredTensors(files, _together(files))


def _together(names: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    numbered: defaultdict[str, dict[int, str]] = defaultdict(dict)
    alone = {}
    for name in names:
        found = _EXPERT.fullmatch(name)
        if found is None:
            alone[name] = (name,)
        else:
            numbered[f"{found[1]}.{found[3]}"][int(found[2])] = name
    experts = {
        name: tuple(parts[index] for index in sorted(parts)) for name, parts in numbered.items()
    }
    return alone | experts
