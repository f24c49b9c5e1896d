"""Which lines of a journal are moments, and how they are read while they are written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.kill_moments import NUM_KILLS, WITNESS, JournalTail, moments, told
from infra.local.saved.journal import Journal

LINES = {
    "object specs/RUN/spec.yaml": {"object": {"key": "specs/kills-3/spec.yaml"}},
    "object runs/RUN/jobs/RUN-distill-aN/config.json": {
        "object": {"key": "runs/kills-3-0a1b2c3d4e/jobs/kills-3-0a1b2c3d4e-distill-a0/config.json"}
    },
    "row RUN succeeded": {
        "item": {
            "table": "Stratos-Runs",
            "key": {"run_id": {"S": "kills-3-0a1b2c3d4e"}},
            "item": {"run_id": {"S": "kills-3-0a1b2c3d4e"}, "status": {"S": "succeeded"}},
        }
    },
    "row RUN": {"item": {"table": "T", "key": {"k": {"S": "kills-3-0a1b2c3d4e"}}, "item": None}},
    "delivery taken on": {"errand": {"kind": "delivery", "content": {}, "id": "1"}},
    "errand done": {"done": "1"},
    "execution started": {"execution": {"arn": "a", "aborted": {}}},
    "execution ended": {"execution": {"arn": "a"}},
}


@pytest.mark.parametrize("words", LINES)
def test_a_line_is_told_as_that_of_any_run(words: str) -> None:
    assert told(LINES[words], "kills-3") == words


@pytest.mark.parametrize(
    "entry",
    [{"object": {"key": f"{WITNESS}/1"}}, {"item": {"table": WITNESS, "key": {}, "item": {}}}],
    ids=["object", "row"],
)
def test_what_the_witness_writes_is_no_moment(entry: dict[str, Any]) -> None:
    assert told(entry, "kills-3") == ""


def test_the_seed_chooses_among_the_kinds_of_lines() -> None:
    many = [f"object {letter}" for letter in "abcdefghijklmnopqrstuvwxyz"] * 2
    chosen = moments(many)
    assert chosen == moments(many)
    assert len({moment.line for moment in chosen}) == len(chosen) == NUM_KILLS
    few = moments(["a", "b", "c"])
    assert len(few) == NUM_KILLS
    assert {moment.line for moment in few} == {"a", "b", "c"}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path)
    journal.begin()
    yield journal
    journal.close()


def test_lines_are_read_once_from_now_on_whatever_file_they_are_in(
    journal: Journal, tmp_path: Path
) -> None:
    journal.write({"n": 0})
    tail = JournalTail(tmp_path)
    journal.write({"n": 1})
    assert tail.new() == [{"n": 1}]
    journal.write({"n": 2})
    journal.forget_before(journal.begin())
    journal.write({"n": 3})
    assert tail.new() == [{"n": 2}, {"n": 3}]
    assert tail.new() == []
    tail.close()


def test_a_line_that_is_being_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal-1.jsonl"
    path.write_bytes(b"")
    tail = JournalTail(tmp_path)
    with path.open("ab", buffering=0) as file:
        file.write(b'\n{"n": ')
        assert tail.new() == []
        file.write(b"1}")
        assert tail.new() == [{"n": 1}]
        file.write(b'\n{"n": 2}\n{"cut')
        file.write(b'\n{"n": 3}')
        assert tail.new() == [{"n": 2}, {"n": 3}]
    tail.close()
