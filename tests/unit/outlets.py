"""Where the code lets text out: found by what writes it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNITS = ("stratos", "lambdas", "training", "serving", "infra/local")
_CALLS = {
    "Console": "terminal",
    "typer.echo": "terminal",
    "print": "terminal",
    "stdout.write": "terminal",
    "stdout.writelines": "terminal",
    "stderr.write": "terminal",
    "stderr.writelines": "terminal",
    "Environment": "page",
    "HTMLResponse": "page",
    "basicConfig": "log",
    "Formatter": "log",
    "StreamHandler": "log",
    "FileHandler": "log",
    "Logger": "log",
    "publish": "notice",
    "WebhookPost": "notice",
    "writer": "table",
    "DictWriter": "table",
    "write_text": "file",
}
"""A call's name, or its last two parts → the kind of outlet that it is."""
_MAY_WRITE = re.compile(rf"\b({'|'.join(map(re.escape, _CALLS))})\(|\"Value\"")


def outlets() -> set[tuple[str, str]]:
    """Kind of outlet and file, of every unit."""
    return {
        (kind, path.relative_to(ROOT).as_posix())
        for unit in UNITS
        for path in sorted((ROOT / unit).rglob("*.py"))
        if _MAY_WRITE.search(text := path.read_text())
        for kind in _kinds(ast.parse(text))
    }


def _kinds(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            parts = ast.unparse(node.func).split(".")
            names = {parts[-1], ".".join(parts[-2:])}
            if isinstance(node.func, ast.Attribute):
                names.discard("print")  # of a console, which is an outlet where it is made
            yield from (_CALLS[name] for name in names if name in _CALLS)
        if isinstance(node, ast.Dict):
            keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
            if keys == {"Key", "Value"}:
                yield "tag"
