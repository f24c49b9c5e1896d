"""Source of modules that a library imports only when a function of it is called.

It is read while files can still be read, and compiled if it is asked for. sympy, for one, imports
within most of its functions.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType

MAX_BYTES = 64 * 2**20
"""Of one package; of a larger one nothing is kept."""
_LEFT_OUT = ("test", "tests", "testing", "benchmarks")
_OURS = ("stratos", "training")


class KeptModules(MetaPathFinder, Loader):
    """Finds modules in memory after all other finders have found nothing."""

    def __init__(self) -> None:
        self._sources: dict[str, Path] = {}
        self._texts: dict[str, bytes] = {}

    def keep(self, packages: Iterable[ModuleType]) -> None:
        """Read what these packages could still import of themselves, if it can be read."""
        for package in packages:
            with suppress(OSError):
                found = {
                    name: path
                    for folder in package.__path__
                    for name, path in _modules(package.__name__, Path(folder))
                    if name not in sys.modules
                }
                if sum(path.stat().st_size for path in found.values()) <= MAX_BYTES:
                    self._texts |= {name: path.read_bytes() for name, path in found.items()}
                    self._sources |= found

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As importlib asks."""
        if fullname not in self._sources:
            return None
        origin = self._sources[fullname]
        return spec_from_loader(
            fullname, self, origin=str(origin), is_package=origin.name == "__init__.py"
        )

    def exec_module(self, module: ModuleType) -> None:
        """As importlib asks."""
        name = module.__name__
        exec(compile(self._texts[name], str(self._sources[name]), "exec"), module.__dict__)


def loaded_packages() -> list[ModuleType]:
    """Every package of others that is not in the standard library, by its outermost name."""
    known = {*sys.stdlib_module_names, *_OURS}
    return [
        module
        for name, module in list(sys.modules.items())
        if "." not in name and name not in known and hasattr(module, "__path__")
    ]


def _modules(package: str, folder: Path) -> Iterable[tuple[str, Path]]:
    for path in folder.rglob("*.py"):
        parts = path.relative_to(folder).with_suffix("").parts
        if set(parts).isdisjoint(_LEFT_OUT):
            inner = parts[:-1] if parts[-1] == "__init__" else parts
            yield ".".join((package, *inner)), path
