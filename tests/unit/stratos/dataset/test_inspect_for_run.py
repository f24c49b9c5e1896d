"""A dataset is held against what the spec of its run wants."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratos.catalog.files import FilesOnDisk
from stratos.contracts.records import SPLITS
from stratos.dataset.allowance import UNLIMITED, Allowance
from stratos.dataset.inspect_dataset import inspect_dataset
from stratos.dataset.inspect_for_run import inspect_for_run
from stratos.errors import DatasetTooLarge, SpecRejected
from tests import factories
from tests.unit.stratos.dataset.inspecting import files

CONTENT = factories.jsonl(factories.dataset_rows())


def test_splits_are_those_of_the_dataset_alone_and_tokens_are_counted(tmp_path: Path) -> None:
    spec, splits, alone = factories.spec(), tmp_path / "splits", tmp_path / "alone"
    splits.mkdir()
    alone.mkdir()
    for name, body in factories.spec_folder().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(body)
    data = files({"dataset.jsonl": CONTENT})
    found = inspect_for_run(spec, data, FilesOnDisk(tmp_path), splits, UNLIMITED)
    beside = inspect_dataset(data, spec.task, alone)
    for split in SPLITS:
        assert (splits / f"{split}.jsonl").read_bytes() == (alone / f"{split}.jsonl").read_bytes()
    assert found.tokens is not None
    assert found.model_copy(update={"tokens": None}) == beside


def test_a_model_that_cannot_be_asked_the_dataset_is_a_problem_of_the_spec(tmp_path: Path) -> None:
    data = files({"dataset.jsonl": CONTENT})
    with pytest.raises(SpecRejected, match="models/student has no chat template"):
        inspect_for_run(factories.spec(), data, FilesOnDisk(tmp_path), tmp_path, UNLIMITED)


def test_a_limit_is_told_as_one(tmp_path: Path) -> None:
    data = files({"dataset.jsonl": CONTENT})
    with pytest.raises(DatasetTooLarge, match="no more fits on the disk"):
        inspect_for_run(
            factories.spec(), data, FilesOnDisk(tmp_path), tmp_path, Allowance(max_bytes=3000)
        )
