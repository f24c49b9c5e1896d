"""How the code is laid out: entries and import arrows of each folder, and files on four paths.

    python benchmarks/house.py                       this checkout
    python benchmarks/house.py --before DIR          beside another one, which has its own `.venv`
    python benchmarks/house.py --before DIR --write  into benchmarks/results/house.json as well

An *entry* of a folder is a module or a package in it. An *arrow* leads from one entry to another
that it imports. Of a path those files are counted that a call enters from another file: how many,
and how many of them are entered again. Of both synthesized templates, every value that differs is
counted.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import io
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

HERE = Path(__file__).resolve().parents[1]
RESULT = HERE / "benchmarks" / "results" / "house.json"
PACKAGES = ("stratos", "lambdas", "infra", "training", "serving")
FOLDERS = ("stratos", "stratos/planning", "lambdas", "infra", "infra/local", "training", "serving")
EXAMPLE = "examples/mahjong-waits"
TEMPLATE = "cdk.out/Stratos.template.json"
_HASH = re.compile(r"[0-9a-f]{64}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", type=Path, default=HERE)
    parser.add_argument("--before", type=Path, help="a checkout to compare with")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--json", action="store_true", help="print the figures alone")
    arguments = parser.parse_args()
    if arguments.json:
        print(json.dumps(measure(arguments.root.resolve())))
        return
    found = {"after": _measured(arguments.root.resolve())}
    if arguments.before is not None:
        before = arguments.before.resolve()
        found = {"before": _measured(before), **found}
        found["after"]["template"] = _template_changes(before, arguments.root.resolve())
    _print(found)
    if arguments.write:
        RESULT.write_text(json.dumps(found, indent=2) + "\n")


def _measured(root: Path) -> dict[str, Any]:
    """By the checkout's own interpreter, so that no module is imported from elsewhere."""
    command = [str(root / ".venv" / "bin" / "python"), __file__, "--json", "--root", str(root)]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def measure(root: Path) -> dict[str, Any]:
    """Folders and paths of a checkout."""
    sys.path.insert(0, str(root))
    commit = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return {
        "commit": commit,
        "folders": {name: _folder(root, name) for name in FOLDERS},
        "paths": {name: _path(root, walk) for name, walk in WALKS.items()},
    }


# --- folders ----------------------------------------------------------------------------------


def _folder(root: Path, name: str) -> dict[str, int]:
    """Entries of a folder, the arrows between them, and those on a circle."""
    folder = root / name
    entries = {path.stem for path in folder.glob("*.py") if path.stem != "__init__"}
    entries |= {path.parent.name for path in folder.glob("*/__init__.py")}
    arrows = set()
    for path in folder.rglob("*.py"):
        own = path.relative_to(folder).parts[0].removesuffix(".py")
        for module in _imports(path, root):
            parts = module.split(".")
            prefix = name.split("/")
            if parts[: len(prefix)] != prefix or len(parts) <= len(prefix):
                continue
            other = parts[len(prefix)]
            if own in entries and other in entries and own != other:
                arrows.add((own, other))
    return {"entries": len(entries), "arrows": len(arrows), "circles": len(_circles(arrows))}


def _imports(path: Path, root: Path) -> Iterator[str]:
    """Modules that a file imports, those of `from package import module` by their full name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for item in node.names:
                whole = f"{node.module}.{item.name}"
                there = root / whole.replace(".", "/")
                module = there.with_suffix(".py").exists() or there.is_dir()
                yield whole if module else node.module


def _circles(arrows: set[tuple[str, str]]) -> set[frozenset[str]]:
    """Entries that import each other, straight or by way of others."""
    reach = {own: {other for one, other in arrows if one == own} for own, _ in arrows}
    for _ in reach:
        for others in reach.values():
            others |= {far for other in set(others) for far in reach.get(other, set())}
    return {
        frozenset({one, other})
        for one in reach
        for other in reach[one]
        if one != other and one in reach.get(other, set())
    }


# --- paths ------------------------------------------------------------------------------------


class Walk:
    """Counts each time that a call enters a file of the project from another one."""

    def __init__(self, root: Path) -> None:
        self._roots = tuple(f"{root}/{package}/" for package in PACKAGES)
        self._prefix = len(f"{root}/")
        self.entered: Counter[str] = Counter()

    def __enter__(self) -> Walk:
        sys.setprofile(self._seen)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _seen(self, frame: FrameType, event: str, _argument: object) -> None:
        name = frame.f_code.co_filename
        if event != "call" or not name.startswith(self._roots) or _is_attribute(frame):
            return
        caller = frame.f_back
        while caller is not None and not caller.f_code.co_filename.startswith(self._roots):
            caller = caller.f_back
        if caller is None or caller.f_code.co_filename != name:
            self.entered[name[self._prefix :]] += 1


def _is_attribute(frame: FrameType) -> bool:
    """A property of what is passed along, which is no step on its way."""
    held = type(frame.f_locals.get("self"))
    return isinstance(getattr(held, frame.f_code.co_name, None), property)


def _path(root: Path, walk: Callable[[Path], Callable[[], object]]) -> dict[str, Any]:
    """Files that a call enters; once before it is counted, so that no import is."""
    call = walk(root)
    call()
    with Walk(root) as counted:
        call()
    entered = counted.entered
    return {
        "files": len(entered),
        "entries": sum(entered.values()),
        "entered again": sum(times > 1 for times in entered.values()),
        "entered": dict(sorted(entered.items())),
    }


def _from(name: str, *modules: str) -> Any:
    """A name from the first of some modules that exists; before, it was in the last."""
    for module in modules:
        try:
            return getattr(importlib.import_module(module), name)
        except (ModuleNotFoundError, AttributeError):
            continue
    raise SystemExit(f"{name} is in none of {', '.join(modules)}")


def _spec(root: Path) -> Callable[[], Any]:
    """From a folder to a `Spec`."""
    read = _from("read_spec_in_folder", "stratos.spec.folder", "stratos.spec_folder")
    files = _from("files_under", "stratos.spec.folder", "stratos.spec_folder")
    folder = root / EXAMPLE
    content = (folder / "spec.yaml").read_bytes()
    return lambda: read(content, files(folder))


def _request(root: Path) -> Any:
    servers = importlib.import_module("stratos.catalog.servers").ServerCatalog.aws()
    request = _from(
        "request_of_folder", "stratos.planning.offline.folder", "stratos.planning.folder"
    )
    spec = _spec(root)()
    free = spec.constraints.model_copy(update=dict.fromkeys(type(spec.constraints).model_fields))
    spec = spec.model_copy(update={"constraints": free})  # on AWS's servers the example's bind
    return request(root / EXAMPLE, spec, servers)


def _plan(root: Path) -> Callable[[], object]:
    """From a planning request to the choice and its front."""
    request = _request(root)
    choose = importlib.import_module("stratos.planning.choose")
    return lambda: choose.plan_before_probing(request)


def _deployment(root: Path) -> Callable[[], object]:
    """From a plan to what the state machine asks SageMaker for."""
    factories = importlib.import_module("tests.factories")
    build = importlib.import_module(
        "stratos.hosting.build" if _is_new(root) else "stratos.deployment"
    )
    plan = importlib.import_module("tests.summaries")
    spec = factories.spec()
    evidence = factories.match_evidence(plan.server(), 400.0)
    if _is_new(root):
        order = factories.order(spec, evidence)
        return lambda: build.build_deployment(order)
    run, lineage = factories.run_ref(), factories.lineage()
    evaluation = factories.evaluate_result()
    return lambda: build.build_deployment(
        run,
        spec,
        evidence,
        evaluation,
        "s3://bucket/model.tar.gz",
        artifact_bytes=1000,
        lineage=lineage,
        live_config=None,
        live_mode=None,
        now=datetime(2026, 11, 24, tzinfo=UTC),
    )


def _record(root: Path) -> Callable[[], object]:
    """From a line of the dataset to a canonical record."""
    reader = importlib.import_module("stratos.dataset.reading").DatasetReader
    lines = importlib.import_module("stratos.dataset.lines")
    task = _spec(root)().task
    line = (root / EXAMPLE / "dataset.jsonl").read_bytes().splitlines(keepends=True)[0]

    def read() -> object:
        rows = lines.read_lines(io.BytesIO(line), gzipped=False)
        return list(reader(task).read("dataset.jsonl", rows))

    return read


def _is_new(root: Path) -> bool:
    return (root / "stratos" / "hosting").is_dir()


WALKS: dict[str, Callable[[Path], Callable[[], object]]] = {
    "spec": _spec,
    "plan": _plan,
    "deployment": _deployment,
    "record": _record,
}


# --- template ---------------------------------------------------------------------------------


def _template_changes(before: Path, after: Path) -> dict[str, int]:
    """How many values of the synthesized template differ, by kind; each other one by its path."""
    old, new = (
        dict(_leaves(json.loads((root / TEMPLATE).read_text()))) for root in (before, after)
    )
    found: Counter[str] = Counter()
    for path in sorted(old.keys() | new.keys()):
        was, now = old.get(path), new.get(path)
        if was == now:
            continue
        if _HASH.sub("…", str(was)) == _HASH.sub("…", str(now)):
            found["hash of an asset"] += 1
        elif path.endswith("/Handler"):
            found["handler's module"] += 1
        else:
            found[path] += 1
    return dict(found)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in pairs:
            yield from _leaves(item, f"{path}/{key}")
    else:
        yield path, value


# --- output -----------------------------------------------------------------------------------


def _print(found: dict[str, Any]) -> None:
    for kind in ("folders", "paths"):
        for name in found["after"][kind]:
            for when, figures in found.items():
                row = {key: value for key, value in figures[kind][name].items() if key != "entered"}
                shown = ", ".join(f"{value} {key}" for key, value in row.items())
                print(f"{name:<18}{when if len(found) > 1 else '':<8}{shown}")
    for change, count in found["after"].get("template", {}).items():
        print(f"template          {count} × {change}")


if __name__ == "__main__":
    main()
