"""What a checker's file names is imported while files can still be read.

A library may import a module of its own only when it is first named, as numpy does with
`numpy.random`. So what the file names of a module is looked up, too.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import suppress
from types import ModuleType

from training.judging.kept_modules import KeptModules, loaded_packages

_COMPILED = (
    *("array", "binascii", "cmath", "math", "pyexpat", "select", "unicodedata", "zlib"),
    *("_bisect", "_blake2", "_bz2", "_csv", "_datetime", "_decimal", "_elementtree", "_heapq"),
    *("_json", "_lzma", "_md5", "_opcode", "_pickle", "_queue", "_random", "_sha1", "_sha2"),
    *("_sha256", "_sha3", "_sha512", "_socket", "_statistics", "_struct", "_uuid", "_zoneinfo"),
    *("_codecs_cn", "_codecs_hk", "_codecs_iso2022", "_codecs_jp", "_codecs_kr", "_codecs_tw"),
    "_multibytecodec",
)
"""Of the standard library, on some Python: what its modules compute with, which are kept as source.
An interpreter may have them built in or not at all."""


def import_early(tree: ast.AST) -> None:
    """Import what a source names, and keep what else may be imported when that is used.

    A module that fails, fails in the same words wherever the source imports it.
    """
    failed: dict[str, ImportError] = {}
    for module in (*_COMPILED, *named_modules(tree)):
        try:
            if _is_installed(module):
                importlib.import_module(module)
        except (Exception, SystemExit) as error:
            if not (isinstance(error, ModuleNotFoundError) and error.name == module):
                failed |= dict.fromkeys(_not_loaded(module), _as_import_error(module, error))
    for module, *names in named_attributes(tree):
        with suppress(Exception, SystemExit):
            _look_up(module, names)
    kept = KeptModules(failed)
    kept.keep_standard_library()
    kept.keep(loaded_packages())
    sys.meta_path.append(kept)


def named_modules(tree: ast.AST) -> Iterator[str]:
    """Every module that a source imports, also within functions; perhaps names of other things."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def named_attributes(tree: ast.AST) -> list[tuple[str, ...]]:
    """What a source names of modules that it imports: a module, and names one within the other."""
    known: dict[str, set[tuple[str, ...]]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                module = alias.name if alias.asname else alias.name.partition(".")[0]
                known.setdefault(alias.asname or module, set()).add((module,))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                known.setdefault(alias.asname or alias.name, set()).add((node.module, alias.name))
    found = {chain for chains in known.values() for chain in chains if len(chain) > 1}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            first, *names = _names(node)
            found |= {(*chain, *names) for chain in known.get(first, ())}
    return sorted(found)


def _names(node: ast.expr) -> list[str]:
    """`a.b.c` as its names; the first is empty if it is of something that has none."""
    if isinstance(node, ast.Attribute):
        return [*_names(node.value), node.attr]
    return [node.id if isinstance(node, ast.Name) else ""]


def _look_up(module: str, names: list[str]) -> None:
    found: object = sys.modules[module]
    for name in names:
        if not isinstance(found, ModuleType):
            break
        found = getattr(found, name)


def _is_installed(module: str) -> bool:
    """Whether it is of a module or package; any folder on the way would be a namespace."""
    spec = importlib.util.find_spec(module.partition(".")[0])
    return spec is not None and spec.origin is not None


def _not_loaded(module: str) -> list[str]:
    """The names on the way to a module that stand for none yet."""
    parts = module.split(".")
    ways = [".".join(parts[: end + 1]) for end in range(len(parts))]
    return [way for way in ways if way not in sys.modules]


def _as_import_error(module: str, error: BaseException) -> ImportError:
    """What a source expects of an import, in the words of what came."""
    if isinstance(error, ImportError):
        return error.with_traceback(None)
    return ImportError(f"importing {module} failed with {type(error).__name__}: {error}")
