"""Datasets inspected in tests."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Any

from stratos.contracts.messages import Message
from stratos.contracts.records import SPLITS, Record, read_jsonl
from stratos.dataset.inspect_dataset import DataFile, inspect_dataset
from stratos.dataset.inspection import Inspection
from stratos.spec import Task
from tests import factories


def task(**changes: Any) -> Task:
    return Task.model_validate(factories.spec_dict()["task"] | changes)


def inspect(
    folder: Path, rows: list[dict[str, Any]], **changes: Any
) -> tuple[Inspection, dict[str, list[Record]]]:
    return inspect_bytes(folder, factories.jsonl(rows), **changes)


def inspect_bytes(
    folder: Path, content: bytes, name: str = "d.jsonl", **changes: Any
) -> tuple[Inspection, dict[str, list[Record]]]:
    found = inspect_dataset([DataFile(name, partial(io.BytesIO, content))], task(**changes), folder)
    splits = {split: list(read_jsonl(folder / f"{split}.jsonl", Record)) for split in SPLITS}
    return found, splits


def record(words: list[str], gold: str) -> Record:
    return Record(id="r", messages=(Message(role="user", content=" ".join(words)),), gold=gold)


def files(contents: dict[str, bytes]) -> list[DataFile]:
    return [DataFile(name, partial(io.BytesIO, content)) for name, content in contents.items()]
