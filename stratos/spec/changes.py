"""A spec as it would be with some fields changed: `constraints.max_budget_usd=50`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

import yaml
from pydantic import BaseModel

from stratos.errors import SpecRejected
from stratos.problems import Problem
from stratos.spec import Constraints, Spec
from stratos.spec.folder import ListFiles, read_spec_in_folder
from stratos.spec.yaml_tree import read_yaml

_PART = re.compile(r"[^.\[\]]+")
_PATH = re.compile(r"[^.\[\]=]+(\.[^.\[\]=]+|\[\d+\])*")


def read_changed_spec(content: bytes, list_files: ListFiles, changes: Sequence[str]) -> Spec:
    """Read a spec file of a folder as if some of its fields were written otherwise.

    Args:
        changes: Each `FIELD=VALUE`: the field by its dotted path, entries of lists by number from
            0, the value as YAML. Without a value the field is left out. A constraint may be named
            alone.

    Raises:
        SpecRejected: if a change names no field, or the changed spec has problems.
    """
    if not changes:
        return read_spec_in_folder(content, list_files)
    tree = read_yaml(content)
    if not isinstance(tree.data, dict):
        return read_spec_in_folder(content, list_files)  # which says what is wrong
    data = tree.data
    for change in changes:
        _apply(data, change)
    try:
        return read_spec_in_folder(yaml.safe_dump(data, sort_keys=False), list_files)
    except SpecRejected as error:
        # Lines are those of a text that nobody has.
        problems = [problem.model_copy(update={"line": None}) for problem in error.problems]
        raise SpecRejected(problems) from error


def changed_field(change: str) -> str:
    """The dotted path that a change sets."""
    name = change.partition("=")[0].strip()
    return f"constraints.{name}" if _is_constraint(name) else name


def _is_constraint(name: str) -> bool:
    return name in Constraints.model_fields and name not in Spec.model_fields


def _apply(data: dict[str, Any], change: str) -> None:
    written, equals, text = change.partition("=")
    name = changed_field(change)
    if not equals or not _PATH.fullmatch(name):
        raise _refused(
            change, "needed: FIELD=VALUE, such as constraints.max_budget_usd=50 or load.origins="
        )
    parts: list[int | str] = [int(part) if part.isdigit() else part for part in _PART.findall(name)]
    if parts[0] not in Spec.model_fields:
        raise _refused(change, f"there is no field {written.strip()!r}{_hint(str(parts[-1]))}")
    tree = read_yaml(f"value: {text}")
    if tree.problems or not isinstance(tree.data, dict):
        raise _refused(change, f"{text!r} is no value in YAML; quote it, say")
    _set(data, parts, tree.data.get("value"), change)


def _set(data: Any, parts: list[int | str], value: object, change: str) -> None:
    *above, last = parts
    for at, part in enumerate(above):
        if isinstance(data, dict) and data.get(part) is None and isinstance(parts[at + 1], str):
            data[part] = {}
        data = _inside(data, part, change)
    if value is None and isinstance(data, dict):
        data.pop(last, None)
    elif isinstance(data, dict):
        data[last] = value
    else:
        _inside(data, last, change)
        data[last] = value


def _inside(data: Any, part: int | str, change: str) -> Any:
    if isinstance(data, dict):
        if part in data:
            return data[part]
        raise _refused(change, f"the spec has no {part!r} to change; give the whole of it")
    if isinstance(data, list):
        if isinstance(part, int) and part < len(data):
            return data[part]
        entries = f"entries 0 to {len(data) - 1}" if data else "no entries"
        raise _refused(change, f"the list has {entries}, and none {part!r}")
    raise _refused(change, f"{part!r} is of a value that has no fields")


def _hint(name: str) -> str:
    """The dotted path of the field that is named most like it."""
    paths: dict[str, str] = {}
    for field, info in Spec.model_fields.items():
        paths[field] = field
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            paths |= {inner: f"{field}.{inner}" for inner in info.annotation.model_fields}
    close = difflib.get_close_matches(name, paths, n=1, cutoff=0.5)
    return f"; did you mean `{paths[close[0]]}`?" if close else ""


def _refused(change: str, why: str) -> SpecRejected:
    return SpecRejected([Problem(path=f"--what-if {change}", line=None, message=why)])
