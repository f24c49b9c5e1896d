"""The leaderboard's questions as a dataset of ours, whose held-out functions nobody was taught."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import Any

from benchmarks.bfcl_cases import Calls, Case, our_gold
from stratos.contracts.messages import Message
from stratos.contracts.records import Record, TrainingRecord

CATEGORIES = ("simple_python", "multiple", "live_simple", "irrelevance")
"""One call of one function, of one among several, as users asked; and no call that would fit."""
NOTHING_FITS = "None of these functions can do that."
"""Learned where nothing is to be called."""
ALIKE = 0.5
"""Share of their words from which on two functions are one."""
MOST_TIED = 8
_EVERY = {"irrelevance": 2}
"""Of a category only every so manieth question, lest the held-out split be full of it."""
_KINDS = {"dict": "object", "float": "number", "tuple": "array"}
"""The leaderboard's types that are none of JSON Schema; `any` is no type at all."""
_NO_KEYWORDS = frozenset({"optional"})
_WORD = re.compile(r"[a-z]+|[0-9]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_COMMON = frozenset(
    {"a", "an", "and", "by", "calculate", "for", "find", "from", "get", "given", "in", "is", "of"}
    | {"on", "or", "that", "the", "this", "to", "with"}
)
Function = dict[str, Any]


def usable(found: Iterable[Case], theirs: Callable[[Case, Calls], bool]) -> tuple[list[Case], int]:
    """The questions whose learned answer the leaderboard's checker takes, and how many are left
    out: a few of its answers break their own function's schema."""
    kept, left = [], 0
    seen = Counter[str]()
    for case in found:
        seen[case.category] += 1
        if seen[case.category] % _EVERY.get(case.category, 1):
            continue
        if case.possible and not theirs(case, json.loads(gold_of(case))):
            left += 1
        else:
            kept.append(case)
    return kept, left


def gold_of(case: Case) -> str:
    """The right answers. The first, which is learned, leaves out what may be left out: the question
    seldom says it."""
    calls = json.loads(our_gold(case))
    for call in calls:
        optional = call.pop("optional")
        for name in optional:
            if name in call["arguments"]:
                call["any_of"][name].insert(0, call["arguments"].pop(name))
        call["any_of"] = {name: values for name, values in call["any_of"].items() if values}
    return json.dumps(calls, ensure_ascii=False)


def dataset_rows(found: Sequence[Case]) -> list[dict[str, Any]]:
    """Lines of a dataset file; functions that are alike, or offered together, are one group."""
    groups = groups_of(found)
    return [
        {
            "id": case.name,
            "group": groups[case.name],
            "workload": case.category,
            "tools": [tool(function) for function in case.functions],
            "messages": case.messages
            if case.possible
            else [*case.messages, {"role": "assistant", "content": NOTHING_FITS}],
        }
        | ({"gold": gold_of(case)} if case.possible else {})
        for case in found
        if case.name in groups
    ]


def demonstrations(taught: Sequence[Record], count: int) -> tuple[Message, ...]:
    """So many calls as past turns: those of the shortest questions that are taught."""
    calling = [
        record
        for record in taught
        if record.reply is not None and record.reply.tool_calls and len(record.messages) == 1
    ]
    shortest = sorted(calling, key=lambda one: (len(one.question), one.id))[:count]
    return tuple(
        message
        for record in shortest
        for message in (*record.messages, record.reply)
        if message is not None
    )


def after(shown: Sequence[Message], asked: Sequence[Message]) -> tuple[Message, ...]:
    """A question after some past turns; what the system says comes first."""
    first = sum(message.role == "system" for message in asked)
    return (*asked[:first], *shown, *asked[first:])


def functions_in_common(
    ones: Sequence[Record | TrainingRecord], others: Sequence[Record | TrainingRecord]
) -> set[str]:
    """The functions that both offer, by name."""
    first, then = (
        {tool.name for record in records for tool in record.tools or ()}
        for records in (ones, others)
    )
    return first & then


def tool(function: Function) -> dict[str, Any]:
    """A function as OpenAI's chat schema has it."""
    return {
        "type": "function",
        "function": {
            "name": function["name"],
            "description": function["description"],
            "parameters": json_schema(function["parameters"]),
        },
    }


def json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema that a schema of the leaderboard means."""
    written: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NO_KEYWORDS or (key, value) == ("type", "any"):
            continue
        if key == "type":
            written[key] = _KINDS.get(value, value)
        elif key == "properties":
            written[key] = {name: json_schema(one) for name, one in value.items()}
        elif key == "items":
            written[key] = json_schema(value)
        else:
            written[key] = value
    return written


def groups_of(found: Sequence[Case]) -> dict[str, str]:
    """Question → its group, named by the first of its functions.

    Functions are tied if they are offered together or are alike: the same words in their names, or
    at least half of all words in names, descriptions and parameters. A question that would tie more
    than `MOST_TIED` questions has no group: a few functions are offered beside half of all others.
    """
    leader: dict[str, str] = {}
    tied = Counter[str]()

    def lead(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    def tie(names: Iterable[str]) -> None:
        first, *others = sorted(set(map(lead, names)))
        for other in others:
            leader[other] = first
            tied[first] += tied.pop(other, 0)

    words: dict[str, list[frozenset[str]]] = defaultdict(list)
    for case in found:
        for function in case.functions:
            words[function["name"]].append(_words(function))
    for one, other in combinations(sorted(words), 2):
        if _name_words(one) == _name_words(other) or _alike(words[one], words[other]):
            tie((one, other))
    kept = []
    for case in sorted(found, key=lambda one: -len(one.functions)):
        names = {function["name"] for function in case.functions}
        if sum(tied[one] for one in set(map(lead, names))) < MOST_TIED:
            tie(names)
            tied[lead(case.functions[0]["name"])] += 1
            kept.append(case)
    return {case.name: lead(case.functions[0]["name"]) for case in kept}


def _alike(ones: Sequence[frozenset[str]], others: Sequence[frozenset[str]]) -> bool:
    """Whether any two variants share enough of their words."""
    return any(len(one & other) >= ALIKE * len(one | other) > 0 for one in ones for other in others)


def _name_words(name: str) -> frozenset[str]:
    return frozenset(_split(name))


def _words(function: Function) -> frozenset[str]:
    properties = function["parameters"].get("properties", {})
    text = " ".join([function["name"], function["description"], *properties])
    return frozenset(_split(text)) - _COMMON


def _split(text: str) -> list[str]:
    return _WORD.findall(_HUMP.sub(" ", text).lower())
