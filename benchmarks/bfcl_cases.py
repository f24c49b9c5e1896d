"""The leaderboard's questions that have an answer, and right answers altered one way at a time.

Each `.json` file of the Berkeley Function Calling Leaderboard holds one object a line.
"""

from __future__ import annotations

import copy
import itertools
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CATEGORIES = (
    "simple_python",
    "multiple",
    "parallel",
    "parallel_multiple",
    "live_simple",
    "live_multiple",
    "live_parallel",
    "live_parallel_multiple",
)
MOST_VALUES = 200
"""Right values of one argument; the leaderboard gives them for each field of an object apart."""
LEFT_OUT = ""
"""Among an argument's right values: it may be left out."""

Calls = list[dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """A question, its functions and what may be called.

    Attributes:
        possible: For each call, function → argument → right values, as the leaderboard has it; none
            where nothing is to be called.
        messages: The first turn.
    """

    name: str
    category: str
    functions: list[dict[str, Any]]
    possible: list[dict[str, dict[str, list[Any]]]]
    messages: list[dict[str, str]]


def cases(package: Path, categories: Sequence[str] = CATEGORIES) -> Iterator[Case]:
    """The leaderboard's questions of some categories: one JSON object a line."""
    data = package / "bfcl_eval" / "data"
    for category in categories:
        answered = data / "possible_answer" / f"BFCL_v4_{category}.json"
        answers = {
            row["id"]: row["ground_truth"] for row in (rows(answered) if answered.exists() else ())
        }
        for row in rows(data / f"BFCL_v4_{category}.json"):
            possible = answers[row["id"]] if answered.exists() else []
            yield Case(row["id"], category, row["function"], possible, row["question"][0])


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def our_gold(case: Case) -> str:
    """The right answers as a gold answer of ours."""
    return json.dumps([_gold_call(*one) for call in case.possible for one in call.items()])


def _gold_call(name: str, possible: dict[str, list[Any]]) -> dict[str, Any]:
    values = {argument: right_values(listed) for argument, listed in possible.items()}
    return {
        "name": name,
        "arguments": {argument: found[0] for argument, found in values.items() if found},
        "any_of": {argument: found[1:] for argument, found in values.items() if found},
        "optional": [argument for argument, listed in possible.items() if LEFT_OUT in listed],
    }


def right_values(listed: list[Any]) -> list[Any]:
    """An argument's right values: those of an object are listed for each of its fields."""
    return [
        value
        for one in listed
        if not _is_left_out(one)
        for value in itertools.islice(_expanded(one), MOST_VALUES)
    ]


def _is_left_out(value: Any) -> bool:
    return isinstance(value, str) and value == LEFT_OUT


def _expanded(value: Any) -> Iterator[Any]:
    """The leaderboard's checker goes no deeper than the fields of an object."""
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        yield from map(list, itertools.product(*map(list, map(_expanded, value))))
    elif isinstance(value, dict):
        fields = [
            [None if _is_left_out(one) else (key, one) for one in listed]
            if isinstance(listed, list)
            else [(key, listed)]
            for key, listed in value.items()
        ]
        for chosen in itertools.product(*fields):
            yield dict(field for field in chosen if field is not None)
    else:
        yield value


def right_calls(case: Case) -> Calls:
    """The first right answer, with every argument."""
    return [
        {"name": call["name"], "arguments": copy.deepcopy(call["arguments"])}
        for call in json.loads(our_gold(case))
    ]


def other_values(case: Case) -> Calls | None:
    """Every argument has the last of its right values."""
    calls = json.loads(our_gold(case))
    changed = False
    for call in calls:
        for argument, values in call["any_of"].items():
            if values:
                call["arguments"][argument] = values[-1]
                changed = True
    return _bare(calls) if changed else None


def without_optional(case: Case) -> Calls | None:
    calls = json.loads(our_gold(case))
    left = [call["arguments"].pop(name, None) for call in calls for name in call["optional"]]
    return _bare(calls) if left else None


def without_needed(case: Case) -> Calls | None:
    calls = json.loads(our_gold(case))
    needed = [name for name in calls[0]["arguments"] if name not in calls[0]["optional"]]
    if not needed:
        return None
    del calls[0]["arguments"][needed[0]]
    return _bare(calls)


def _bare(calls: Calls) -> Calls:
    return [{"name": call["name"], "arguments": call["arguments"]} for call in calls]


def wrong_name(case: Case) -> Calls:
    first, *others = right_calls(case)
    return [{**first, "name": first["name"] + "_all"}, *others]


def one_more(case: Case) -> Calls:
    first, *others = right_calls(case)
    return [{**first, "arguments": {**first["arguments"], "verbosity": 1}}, *others]


def swapped(case: Case) -> Calls | None:
    calls = right_calls(case)
    return calls[::-1] if len(calls) > 1 else None


def one_dropped(case: Case) -> Calls:
    return right_calls(case)[1:]


def one_twice(case: Case) -> Calls:
    first, *others = right_calls(case)
    return [first, *others, first]


def first_changed(change: Callable[[Any], Any]) -> Callable[[Case], Calls | None]:
    """Change the first argument of the first call that can be changed so."""

    def altered(case: Case) -> Calls | None:
        calls = right_calls(case)
        for name, value in calls[0]["arguments"].items():
            if (new := change(value)) is not None:
                calls[0]["arguments"][name] = new
                return calls
        return None

    return altered


def other_number(value: Any) -> Any:
    return value + 1000.5 if _is_number(value) else None


def number_as_text(value: Any) -> Any:
    return str(value) if _is_number(value) else None


def whole_as_decimal(value: Any) -> Any:
    return float(value) if _is_number(value) and float(value).is_integer() else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def text_in_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else None


def other_text(value: Any) -> Any:
    return value + " elsewhere" if isinstance(value, str) and value else None


def capitals(value: Any) -> Any:
    return value.upper() if isinstance(value, str) and value.upper() != value else None


def without_blanks(value: Any) -> Any:
    changed = value.replace(" ", "") if isinstance(value, str) else value
    return changed if changed != value else None


def other_truth(value: Any) -> Any:
    return (not value) if isinstance(value, bool) else None


def number_for_truth(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else None


def reversed_list(value: Any) -> Any:
    if isinstance(value, list) and value != value[::-1]:
        return value[::-1]
    return None


@dataclass(frozen=True)
class Alteration:
    """One way to alter right calls.

    Attributes:
        is_right: Whether what comes out is right; None where that is a matter of taste.
    """

    make: Callable[[Case], Calls | None]
    is_right: bool | None


ALTERATIONS = {
    "none": Alteration(right_calls, True),
    "other right values": Alteration(other_values, True),
    "optional arguments left out": Alteration(without_optional, True),
    "calls in another order": Alteration(swapped, True),
    "whole number as a decimal": Alteration(first_changed(whole_as_decimal), True),
    "text in capitals": Alteration(first_changed(capitals), None),
    "text without its blanks": Alteration(first_changed(without_blanks), None),
    "wrong name": Alteration(wrong_name, False),
    "needed argument left out": Alteration(without_needed, False),
    "one argument more": Alteration(one_more, False),
    "other number": Alteration(first_changed(other_number), False),
    "number as text": Alteration(first_changed(number_as_text), False),
    "other text": Alteration(first_changed(other_text), False),
    "text in a list": Alteration(first_changed(text_in_list), False),
    "other truth value": Alteration(first_changed(other_truth), False),
    "number for a truth value": Alteration(first_changed(number_for_truth), False),
    "list reversed": Alteration(first_changed(reversed_list), False),
    "one call dropped": Alteration(one_dropped, False),
    "one call twice": Alteration(one_twice, False),
    "no call": Alteration(lambda _case: [], False),
}
