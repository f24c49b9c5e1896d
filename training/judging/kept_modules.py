"""Source of modules that a library imports only when a function of it is called.

It is read while files can still be read, and compiled if it is asked for. sympy, for one, imports
within most of its functions, and so do email and the codecs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType

MAX_BYTES = 64 * 2**20
"""Of one package; of a larger one nothing is kept."""
_LEFT_OUT = ("test", "tests", "testing", "benchmarks")
_PROGRAMS = ("ensurepip", "idlelib", "lib2to3", "pydoc_data", "tkinter", "turtledemo")
"""Of the standard library: what nobody computes with."""
_OURS = ("stratos", "training")


class KeptModules(MetaPathFinder, Loader):
    """Finds modules in memory after all other finders have found nothing."""

    def __init__(self, failed: Mapping[str, ImportError] | None = None) -> None:
        """Set up.

        Args:
            failed: What came of modules that could be found, by name.
        """
        self._failed = failed or {}
        self._sources: dict[str, Path] = {}
        self._texts: dict[str, bytes] = {}

    def keep(self, packages: Iterable[ModuleType]) -> None:
        """Read what these packages could still import of themselves, if it can be read."""
        for package in packages:
            with suppress(OSError):
                self._keep(
                    pair
                    for folder in package.__path__
                    for pair in _modules(package.__name__, Path(folder))
                )

    def keep_standard_library(self) -> None:
        """Read what of it is written in Python and could still be imported."""
        with suppress(OSError):
            self._keep(_standard_modules(Path(os.__file__).parent))

    def _keep(self, modules: Iterable[tuple[str, Path]]) -> None:
        found = {name: path for name, path in modules if name not in sys.modules}
        if sum(path.stat().st_size for path in found.values()) <= MAX_BYTES:
            self._texts |= {name: path.read_bytes() for name, path in found.items()}
            self._sources |= found

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As importlib asks."""
        if fullname in self._failed:
            raise self._failed[fullname].with_traceback(None)
        if fullname not in self._sources:
            return None
        origin = self._sources[fullname]
        spec = spec_from_loader(
            fullname, self, origin=str(origin), is_package=origin.name == "__init__.py"
        )
        if spec is not None:
            spec.has_location = True  # so that the module has a `__file__`
        return spec

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


def _standard_modules(folder: Path) -> Iterable[tuple[str, Path]]:
    for path in folder.iterdir():
        if path.stem in sys.stdlib_module_names and path.stem not in _PROGRAMS:
            if path.suffix == ".py":
                yield path.stem, path
            elif path.is_dir():
                yield from _modules(path.name, path)


def _modules(package: str, folder: Path) -> Iterable[tuple[str, Path]]:
    for path in folder.rglob("*.py"):
        parts = path.relative_to(folder).with_suffix("").parts
        if set(parts).isdisjoint(_LEFT_OUT):
            inner = parts[:-1] if parts[-1] == "__init__" else parts
            yield ".".join((package, *inner)), path
