"""A spec as if some of its fields were written otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratos.errors import SpecRejected
from stratos.spec import Spec
from stratos.spec.changes import changed_field, read_changed_spec
from stratos.spec.folder import files_under
from tests import factories


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in factories.spec_folder().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def changed(folder: Path, *changes: str) -> Spec:
    content = (folder / "spec.yaml").read_bytes()
    return read_changed_spec(content, files_under(folder), changes)


def test_without_changes_the_spec_is_as_it_is_written(folder: Path) -> None:
    assert changed(folder) == factories.spec()


def test_any_field_can_be_changed_by_its_path(folder: Path) -> None:
    spec = changed(
        folder,
        "constraints.max_budget_usd=50",
        "hosting.max_cold_start_seconds=60",
        "students[0].layers=4",
        "load={requests_per_second: 3}",
        "description=no",
        "constraints.regions=[us-east-1, eu-west-1]",
    )
    assert spec.constraints.max_budget_usd == 50
    assert spec.hosting.max_cold_start_seconds == 60
    assert spec.students[0].layers == 4
    assert spec.load.requests_per_second == 3
    assert spec.description == "no"  # text, as in the file itself
    assert spec.constraints.regions == ("us-east-1", "eu-west-1")


def test_a_field_without_a_value_is_as_if_it_were_not_written(folder: Path) -> None:
    assert changed(folder, "students=").students == ()
    assert changed(folder, "constraints.max_budget_usd=").constraints.max_budget_usd is None


def test_later_changes_win(folder: Path) -> None:
    both = ("constraints.min_accuracy=0.5", "min_accuracy=0.4")
    assert changed(folder, *both).constraints.min_accuracy == 0.4
    assert {changed_field(change) for change in both} == {"constraints.min_accuracy"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("constraints.max_p9_latency_ms=3", "did you mean `max_p99_latency_ms`"),
        ("ttl_hours=3", "no field 'ttl_hours'; did you mean `hosting.ttl_hours`"),
        ("max_budget_usd", "needed: FIELD=VALUE"),
        ("=3", "needed: FIELD=VALUE"),
        ("students[7].layers=4", r"entries 0 to 0, and none 7"),
        ("students.first.layers=4", "and none 'first'"),
        ("name.first=a", "'first' is of a value that has no fields"),
        ("constraints.regions=[us-east-1", "is no value in YAML"),
        ("constraints.max_budget_usd=-1", "constraints.max_budget_usd: found -1; needed: greater"),
        ("task.dataset=other.jsonl", "there is no file 'other.jsonl'"),
    ],
)
def test_what_cannot_be_changed_so_is_refused_in_words(folder: Path, change: str, why: str) -> None:
    with pytest.raises(SpecRejected, match=why) as refusal:
        changed(folder, change)
    assert all(problem.line is None for problem in refusal.value.problems)


def test_a_file_that_is_no_mapping_is_refused_as_ever(folder: Path) -> None:
    with pytest.raises(SpecRejected, match="not a mapping of fields"):
        read_changed_spec(b"- 1", files_under(folder), ["name=x"])
