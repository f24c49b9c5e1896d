"""How large a dataset may be, and how long it may take."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from stratos.dataset.allowance import Allowance
from stratos.dataset.inspect_dataset import inspect_dataset
from stratos.errors import DatasetRejected
from tests import factories
from tests.unit.stratos.dataset.inspecting import files, task


def test_a_dataset_too_large_for_the_disk_is_refused_with_what_to_do(tmp_path: Path) -> None:
    content = factories.jsonl(factories.dataset_rows(400))
    with pytest.raises(DatasetRejected, match=r"more than 0\.00 GB as records, 15 rows in.*split"):
        inspect_dataset(files({"d.jsonl": content}), task(), tmp_path, Allowance(max_bytes=3000))


@pytest.mark.parametrize("ticks", [3, 8], ids=["reading", "writing"])
def test_an_inspection_ends_in_words_before_its_time_is_over(tmp_path: Path, ticks: int) -> None:
    content = factories.jsonl(factories.dataset_rows(5000))
    clock = itertools.count()
    allowance = Allowance(max_seconds=ticks, clock=lambda: next(clock))
    rows = "4,001" if ticks == 3 else "5,000"
    with pytest.raises(
        DatasetRejected, match=f"with {rows} rows read .* not split after {ticks} s"
    ):
        inspect_dataset(files({"d.jsonl": content}), task(), tmp_path, allowance)
