"""Columns of a table by what they are usually called, where its rows are in no known format."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

QUESTIONS = (
    *("prompt", "question", "text", "message", "ticket", "input", "query", "utterance"),
    *("sentence", "review", "content", "body"),
)
ANSWERS = (
    *("answer", "label", "intent", "category", "class", "completion", "target", "output"),
    *("response", "reply"),
)
"""Names of columns, in the order in which they are looked for."""


def usual_columns(file: Path) -> dict[str, Any]:
    """The columns of a table whose names no format has, by what they are usually called."""
    if not file.is_file():
        return {}
    fields = {name.strip().lower(): name for name in _fields(file) if name.strip()}
    asked = next((fields[name] for name in QUESTIONS if name in fields), None)
    answer = next((fields[name] for name in ANSWERS if name in fields), None)
    known = {"prompt", "completion"} <= fields.keys() or {"input", "output"} <= fields.keys()
    if asked is None or answer is None or known:
        return {}
    return {"columns": {"prompt": asked, "answer": answer}}


def other_columns(file: Path, columns: Mapping[str, str]) -> list[str]:
    """Names of columns of a table that `columns` does not name."""
    return [name for name in _fields(file) if name.strip() and name not in columns.values()]


def _fields(file: Path) -> list[str]:
    """Of the first row of a CSV or JSON lines file; none where it cannot be told."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            if file.suffix == ".csv":
                return next(csv.reader(lines), [])
            row = json.loads(lines.readline()) if file.suffix == ".jsonl" else None
    except (OSError, ValueError, csv.Error):
        return []
    if not isinstance(row, dict) or not all(isinstance(value, str) for value in row.values()):
        return []
    return list(row)
