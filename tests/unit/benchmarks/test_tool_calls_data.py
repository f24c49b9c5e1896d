"""The leaderboard's questions as a dataset: schemas, right answers, and who shares a group."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.bfcl_cases import Case, cases
from benchmarks.tool_calls_data import (
    MOST_TIED,
    NOTHING_FITS,
    after,
    dataset_rows,
    demonstrations,
    functions_in_common,
    gold_of,
    groups_of,
    json_schema,
    usable,
)
from stratos.contracts.messages import Message, Tool, ToolCall
from stratos.contracts.records import Record, read_jsonl
from stratos.dataset.inspect_dataset import DataFile, inspect_dataset
from stratos.spec import Task, ToolCalls
from stratos.spec.json_schema import check_schema


def function(name: str, description: str = "", **properties: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": description,
        "parameters": {
            "type": "dict",
            "properties": {key: {"type": kind} for key, kind in properties.items()},
            "required": [],
        },
    }


def case(name: str, *functions: dict[str, Any], **values: list[Any]) -> Case:
    """A question that calls the first of its functions."""
    possible = [{functions[0]["name"]: values}] if values else []
    return Case(
        name, "simple_python", list(functions), possible, [{"role": "user", "content": name}]
    )


def test_a_schema_of_the_leaderboard_becomes_a_json_schema() -> None:
    theirs = {
        "type": "dict",
        "properties": {
            "at": {"type": "tuple", "items": {"type": "float"}},
            "what": {"type": "any", "description": "Anything.", "optional": True},
            "type": {"type": "string", "enum": ["dict"]},
        },
        "required": ["at"],
    }
    ours = json_schema(theirs)
    check_schema(ours)
    assert ours == {
        "type": "object",
        "properties": {
            "at": {"type": "array", "items": {"type": "number"}},
            "what": {"description": "Anything."},
            "type": {"type": "string", "enum": ["dict"]},
        },
        "required": ["at"],
    }


def test_what_may_be_left_out_is_not_learned_and_stays_right() -> None:
    asked = case("q", function("area"), base=[10], unit=["units", "cm", ""])
    assert json.loads(gold_of(asked)) == [
        {"name": "area", "arguments": {"base": 10}, "any_of": {"unit": ["units", "cm"]}}
    ]


def test_functions_that_are_offered_together_share_a_group() -> None:
    groups = groups_of(
        [
            case("a", function("north", "Draws a map of hills.")),
            case(
                "b", function("south", "Sends money."), function("north", "Draws a map of hills.")
            ),
            case("c", function("west", "Bakes bread.")),
        ]
    )
    assert groups["a"] == groups["b"] != groups["c"]


def test_a_question_that_would_tie_too_many_has_no_group() -> None:
    singles = [case(f"{n}", function(f"f{n}{n}")) for n in range(MOST_TIED + 1)]
    pair = case("pair", function("f11"), function("f22"))
    more = [case(f"again {n}", function("f11")) for n in range(MOST_TIED)]
    groups = groups_of([*singles, *more, pair])
    assert groups["pair"] == groups["1"] == groups["2"]
    sizes = Counter(groups.values())
    assert max(sizes.values()) == MOST_TIED
    assert len(groups) == len(singles) + 1 + MOST_TIED - 3


def test_functions_with_the_same_words_in_their_names_share_a_group() -> None:
    groups = groups_of(
        [
            case("a", function("math.findRoot", "Solves an equation.")),
            case("b", function("find_root_math", "Looks below a tree.")),
            case("c", function("find_branch", "Climbs up.")),
        ]
    )
    assert groups["a"] == groups["b"] != groups["c"]


def test_functions_that_are_described_alike_share_a_group() -> None:
    groups = groups_of(
        [
            case("a", function("hcf", "Greatest common divisor of two numbers.", one="integer")),
            case("b", function("gcd", "The greatest common divisor of numbers.", one="integer")),
            case("c", function("lcm", "Smallest number that both divide.", one="integer")),
        ]
    )
    assert groups["a"] == groups["b"] != groups["c"]


def test_answers_that_their_own_checker_refuses_are_left_out_and_counted() -> None:
    found = [case("a", function("f"), x=[1]), case("b", function("f"), x=["1"])]
    kept, left = usable(found, lambda one, calls: calls[0]["arguments"]["x"] == 1)
    assert [one.name for one in kept] == ["a"]
    assert left == 1


def test_the_splits_of_a_run_share_no_function(tmp_path: Path) -> None:
    words = ["amber", "birch", "cedar", "daisy", "elder", "fern", "gorse", "hazel"]
    names = [f"{one}_{other}" for one in words for other in words if one < other]
    found = [
        case(f"question {number} on {name}", function(name), n=[number])
        for name in names
        for number in range(6)
    ]
    task = Task(
        dataset="bfcl.jsonl",
        verifier=ToolCalls(kind="tool_call"),
        probe_records=20,
        heldout_records=50,
    )
    file = tmp_path / task.dataset
    file.write_text("".join(json.dumps(row) + "\n" for row in dataset_rows(found)))
    inspect_dataset([DataFile(file.name, lambda: file.open("rb"))], task, tmp_path)
    taught = list(read_jsonl(tmp_path / "train.jsonl", Record))
    heldout = list(read_jsonl(tmp_path / "heldout.jsonl", Record))
    assert heldout
    assert not functions_in_common(taught, heldout)
    assert functions_in_common(taught, taught[:1]) == {taught[0].tools[0].name}  # type: ignore[index]
    reply = heldout[0].reply
    assert reply is not None
    assert reply.tool_calls


def test_where_nothing_is_to_be_called_something_is_said() -> None:
    (row,) = dataset_rows([case("q", function("f"))])
    assert row["messages"][-1] == {"role": "assistant", "content": NOTHING_FITS}
    assert "gold" not in row


def test_the_shortest_calls_are_shown_as_past_turns_behind_the_system_message() -> None:
    def record(name: str, *calls: ToolCall) -> Record:
        return Record(
            id=name,
            messages=(Message(role="user", content=name),),
            tools=(Tool(name="f"),),
            reply=Message(role="assistant", content="", tool_calls=calls or None),
        )

    call = ToolCall(name="f")
    taught = [record("longest", call), record("no"), record("long", call), record("a", call)]
    shown = demonstrations(taught, 2)
    assert [one.role for one in shown] == ["user", "assistant"] * 2
    assert [one.content for one in shown if one.role == "user"] == ["a", "long"]
    system = Message(role="system", content="s")
    asked = Message(role="user", content="q")
    assert after(shown, (system, asked)) == (system, *shown, asked)


def test_a_category_without_right_answers_calls_nothing(tmp_path: Path) -> None:
    data = tmp_path / "bfcl_eval" / "data"
    data.mkdir(parents=True)
    asked = {"role": "user", "content": "?"}
    row = {"id": "irrelevance_0", "question": [[asked]], "function": [function("f")]}
    (data / "BFCL_v4_irrelevance.json").write_text(json.dumps(row))
    (found,) = cases(tmp_path, ["irrelevance"])
    assert found.possible == []
    assert found.messages == [asked]
