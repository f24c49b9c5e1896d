"""Conversations never cross splits, whatever their rows look like."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest

from stratos.contracts.records import Record
from stratos.dataset.inspect_dataset import inspect_dataset
from tests import factories
from tests.unit.stratos.dataset.inspecting import files, inspect, task

TURNS = 4


def turn(conversation: int, number: int, branch: str = "") -> list[dict[str, str]]:
    said = f"{conversation}-{number}{branch}"
    return [
        {"role": "user", "content": f"question {said}"},
        {"role": "assistant", "content": f"s{said}"},
    ]


def histories(conversation: int) -> list[dict[str, Any]]:
    """A row for each turn that repeats all before it, as gateways log them; and two branches."""
    turns = [turn(conversation, number) for number in range(TURNS)]
    rows = [{"messages": [*itertools.chain(*turns[: n + 1])]} for n in range(TURNS)]
    other = turn(conversation, 1, "b")
    again = [turn(conversation, 0)[0], {"role": "assistant", "content": "another"}]
    return [
        *rows,
        {"messages": [*turns[0], *other]},
        {"messages": [*again, *turn(conversation, 1, "c")]},
    ]


def conversations_of(record: Record) -> set[str]:
    """The conversations whose turns a record holds."""
    said = [m.content for m in record.messages if m.role == "user"]
    return {text.removeprefix("question ").partition("-")[0] for text in said}


def crossing(splits: dict[str, list[Record]]) -> set[str]:
    """Conversations that have turns in several splits."""
    held = {name: set().union(*map(conversations_of, records)) for name, records in splits.items()}
    return {
        conversation
        for one, other in itertools.combinations(held.values(), 2)
        for conversation in one & other
    }


@pytest.mark.parametrize("learn", ["last", "all"])
def test_rows_that_repeat_a_history_branch_and_come_in_any_order_stay_together(
    tmp_path: Path, learn: str
) -> None:
    rows = [row for number in range(100) for row in histories(number)]
    random.Random(3).shuffle(rows)
    found, splits = inspect(tmp_path, rows, learn=learn)
    assert crossing(splits) == set()
    assert found.num_groups == 100
    for records in splits.values():
        for record in records:
            assert record.group is not None


def test_a_record_of_each_group_has_the_groups_name(tmp_path: Path) -> None:
    rows = [row for number in range(100) for row in histories(number)]
    _, splits = inspect(tmp_path, rows)
    groups: dict[str, set[str | None]] = {}
    for record in itertools.chain(*splits.values()):
        groups.setdefault(min(conversations_of(record)), set()).add(record.group)
    assert all(len(names) == 1 for names in groups.values())
    assert len(set().union(*groups.values())) == 100


def test_single_turns_have_no_group_of_ours(tmp_path: Path) -> None:
    rows = [{"messages": turn(number, 0)} for number in range(300)]
    _, splits = inspect(tmp_path, rows)
    assert all(record.group is None for records in splits.values() for record in records)


@pytest.mark.parametrize("field", ["conversation_id", "session_id", "threadId"])
def test_turns_that_share_nothing_but_the_conversations_name_stay_together(
    tmp_path: Path, field: str
) -> None:
    rows = [
        {"messages": turn(number, part), field: f"c{number}"}
        for number in range(100)
        for part in range(TURNS)
    ]
    _, splits = inspect(tmp_path, rows)
    assert crossing(splits) == set()


def test_one_id_in_one_file_is_a_conversation_and_every_record_keeps_an_id_of_its_own(
    tmp_path: Path,
) -> None:
    rows = [
        {"id": f"c{number}", "messages": turn(number, part)}
        for part in range(TURNS)
        for number in range(100)
    ]
    found, splits = inspect(tmp_path, rows)
    assert crossing(splits) == set()
    assert found.num_repeated_ids == 300
    ids = [record.id for records in splits.values() for record in records]
    assert len(set(ids)) == len(ids) == 400


def test_row_numbers_of_two_files_tie_nothing(tmp_path: Path) -> None:
    rows = [
        {"id": number % 200, "prompt": f"q {number}", "completion": "s1"} for number in range(400)
    ]
    contents = {"a.jsonl": factories.jsonl(rows[:200]), "b.jsonl": factories.jsonl(rows[200:])}
    found = inspect_dataset(files(contents), task(), tmp_path)
    assert (found.num_repeated_ids, found.num_groups, found.num_bad_lines) == (200, 400, 0)


def test_an_id_that_would_be_made_up_and_is_there_already_is_not_taken_twice(
    tmp_path: Path,
) -> None:
    rows = factories.dataset_rows(300)
    rows[1]["id"] = rows[0]["id"]
    rows[2]["id"] = f"{rows[0]['id']}#2"
    _, splits = inspect(tmp_path, rows)
    ids = [record.id for records in splits.values() for record in records]
    assert len(set(ids)) == len(ids) == 300


def test_names_and_openings_tie_by_any_chain(tmp_path: Path) -> None:
    """Row k has the opening k and the name k, and another row ties name k to opening k + 1."""
    chain = 6
    rows = []
    for number in range(60):
        for link in range(chain):
            messages = turn(number, link)
            rows.append({"messages": messages, "session_id": f"{number}.{link}"})
            follow = [*turn(number, link + 1), *turn(number, link + 1, "x")]
            rows.append({"messages": follow, "session_id": f"{number}.{link}"})
    random.Random(1).shuffle(rows)
    found, splits = inspect(tmp_path, rows)
    assert found.num_groups == 60
    assert crossing(splits) == set()


def test_a_group_of_the_dataset_is_not_tied_to_others(tmp_path: Path) -> None:
    rows = [
        {"messages": turn(number, 0), "session_id": "all", "group": f"g{number}"}
        for number in range(300)
    ]
    found, _ = inspect(tmp_path, rows)
    assert found.num_groups == 300


def test_a_question_that_also_opens_a_conversation_is_in_its_group(tmp_path: Path) -> None:
    rows = [row for number in range(100) for row in histories(number)]
    alone = [{"messages": turn(1000 + number, 0)} for number in range(100)]
    _, splits = inspect(tmp_path, rows + alone)
    for record in itertools.chain(*splits.values()):
        conversation = min(conversations_of(record))
        assert (record.group is None) == (int(conversation) >= 1000)
