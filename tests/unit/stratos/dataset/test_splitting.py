"""Which records are held out, which probe, which train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stratos.errors import DatasetRejected
from tests import factories
from tests.unit.stratos.dataset.inspecting import inspect


def test_splits_have_the_size_asked_for_and_share_no_group(tmp_path: Path) -> None:
    found, splits = inspect(tmp_path, factories.dataset_rows(400))
    assert found.num_records == {"train": 300, "probe": 40, "heldout": 60}
    groups = {name: {record.group for record in records} for name, records in splits.items()}
    assert groups["train"].isdisjoint(groups["probe"] | groups["heldout"])
    assert groups["probe"].isdisjoint(groups["heldout"])
    assert all(record.split == name for name, records in splits.items() for record in records)


@pytest.mark.parametrize("size", [7, 11])
def test_groups_that_fill_no_split_exactly_make_it_a_little_larger(
    tmp_path: Path, size: int
) -> None:
    rows = factories.dataset_rows(400)
    for number, row in enumerate(rows):
        row["group"] = f"g{number // size}"
    found, _ = inspect(tmp_path, rows)
    assert 60 <= found.num_records["heldout"] < 60 + size
    assert 40 <= found.num_records["probe"] < 40 + size


@given(st.randoms(use_true_random=False))
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_splits_depend_on_content_and_not_on_order(tmp_path: Path, rng: Any) -> None:
    rows = factories.dataset_rows(400)
    _, before = inspect(tmp_path, rows)
    rng.shuffle(rows)
    _, after = inspect(tmp_path, rows)
    assert {r.id for r in before["heldout"]} == {r.id for r in after["heldout"]}
    assert {r.id for r in before["probe"]} == {r.id for r in after["probe"]}


def test_more_records_move_few_of_those_held_out(tmp_path: Path) -> None:
    _, before = inspect(tmp_path, factories.dataset_rows(400))
    _, after = inspect(tmp_path, factories.dataset_rows(440))
    stayed = {r.id for r in before["heldout"]} & {r.id for r in after["heldout"]}
    assert len(stayed) >= 45


@pytest.mark.parametrize(
    ("count", "changes"),
    [(100, {}), (140, {}), (400, {"heldout_records": 380})],
)
def test_too_few_records_are_refused_with_the_counts(
    tmp_path: Path, count: int, changes: dict[str, Any]
) -> None:
    with pytest.raises(DatasetRejected, match=f"too few records: {count} usable"):
        inspect(tmp_path, factories.dataset_rows(count), **changes)
