"""Tool calls as answers: which tools are called, and with what."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from stratos.normal_text import normalise
from stratos.scoring.json_text import json_in
from stratos.scoring.json_values import JsonInput, Likeness, equal_json, read_json, sort_key
from stratos.spec import ToolCalls

_USUAL_NUMBER = 10**15
_MAX_PAIRED = 64
"""Calls of one answer that are paired in the best way. More are compared in sorted order."""


@dataclass(frozen=True)
class CallFigures:
    """How far the calls of an answer are right.

    Attributes:
        names_right: The tools that are called are the right ones, each as often as it should be.
        arguments_right: The arguments are right, whatever the tools are called.
        exact: The calls are right.
    """

    names_right: bool
    arguments_right: bool
    exact: bool


@dataclass(frozen=True)
class _Call:
    name: str
    arguments: dict[str, JsonInput]


@dataclass(frozen=True)
class _GoldCall(_Call):
    """A call that is right.

    Attributes:
        others: Argument → values that are right, too.
        optional: Arguments that may be left out.
    """

    others: dict[str, list[JsonInput]] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()


_Matches = Callable[[_Call, _GoldCall], bool]


def compare_calls(verifier: ToolCalls, answer: str, gold: str) -> CallFigures:
    """Tell how far calls are right. An answer that cannot be read, however odd, is wrong."""
    try:
        return _compared(verifier, _calls(read_json(json_in(answer))), _alternatives(gold))
    except (ArithmeticError, RecursionError, ValueError):
        return CallFigures(names_right=False, arguments_right=False, exact=False)


def calls_fault(gold: str) -> str | None:
    """Return why a text is no gold answer of tool calls; None if it is one."""
    try:
        _alternatives(gold)
    except (ArithmeticError, RecursionError, ValueError) as error:
        return str(error)
    return None


def surely_gold(name: str, arguments: Mapping[str, object]) -> bool:
    """Whether a call as text has no fault, told without reading the text again.

    False means only that the text has to be read: some arguments are not of the usual kinds.
    """
    for value in arguments.values():
        if isinstance(value, str) or value is None:
            continue
        if not isinstance(value, int) or abs(value) > _USUAL_NUMBER:
            return False
    return bool(name)


def a_right_answer(gold: str) -> str:
    """Return one answer that is right: the first, where a gold answer names several.

    Raises:
        ValueError: when the text is no gold answer of tool calls.
    """
    if (fault := calls_fault(gold)) is not None:
        raise ValueError(fault)
    value = json.loads(gold)
    first = value["any_of"][0] if isinstance(value, dict) and "any_of" in value else value
    calls = [first] if isinstance(first, dict) else first
    bare = [{"name": call["name"], "arguments": call.get("arguments", {})} for call in calls]
    return json.dumps(bare, ensure_ascii=False)


def _compared(
    verifier: ToolCalls, called: list[_Call], answers: list[list[_GoldCall]]
) -> CallFigures:
    def same_arguments(call: _Call, right: _GoldCall) -> bool:
        return _same_arguments(verifier, call, right)

    def same_call(call: _Call, right: _GoldCall) -> bool:
        return _same_name(call, right) and same_arguments(call, right)

    def any_fits(matches: _Matches) -> bool:
        return any(_paired(verifier, called, right, matches) for right in answers)

    return CallFigures(any_fits(_same_name), any_fits(same_arguments), any_fits(same_call))


def _alternatives(gold: str) -> list[list[_GoldCall]]:
    """The lists of calls that are right."""
    value = read_json(gold)
    if isinstance(value, dict) and "any_of" in value:
        several = value["any_of"]
        if not isinstance(several, list) or not several:
            raise ValueError('"any_of" must list the answers that are right, at least one')
        return [_gold_calls(one) for one in several]
    return [_gold_calls(value)]


def _gold_calls(value: JsonInput) -> list[_GoldCall]:
    return [_gold_call(one) for one in _listed(value)]


def _calls(value: JsonInput) -> list[_Call]:
    return [_call(one) for one in _listed(value)]


def _listed(value: JsonInput) -> list[dict[str, JsonInput]]:
    """A list of calls; one call may stand alone."""
    several = [value] if isinstance(value, dict) else value
    if not isinstance(several, list):
        raise ValueError('not calls; give a list of {"name", "arguments"}, and [] for none')
    calls = [one for one in several if isinstance(one, dict)]
    if len(calls) < len(several):
        raise ValueError('one of the calls is not an object with "name" and "arguments"')
    return calls


def _call(value: dict[str, JsonInput]) -> _Call:
    name, arguments = value.get("name"), value.get("arguments", {})
    if not isinstance(name, str) or not name:
        raise ValueError('a call has no "name"')
    if not isinstance(arguments, dict):
        raise ValueError(f'the "arguments" of {name} are not an object')
    return _Call(name, arguments)


def _gold_call(value: dict[str, JsonInput]) -> _GoldCall:
    call = _call(value)
    others, optional = value.get("any_of", {}), value.get("optional", [])
    if not isinstance(others, dict) or not isinstance(optional, list):
        raise ValueError(
            f'of {call.name}, "any_of" must map arguments to lists of values, and "optional" must '
            "list arguments"
        )
    lists = {name: values for name, values in others.items() if isinstance(values, list)}
    if len(lists) < len(others):
        raise ValueError(f'"any_of" of {call.name} must map each argument to a list of values')
    left_out = frozenset(name for name in optional if isinstance(name, str))
    return _GoldCall(call.name, call.arguments, lists, left_out)


def _same_name(call: _Call, right: _GoldCall) -> bool:
    return call.name == right.name


def _same_arguments(verifier: ToolCalls, call: _Call, right: _GoldCall) -> bool:
    ignored = set(verifier.ignored_arguments)
    given, wanted = call.arguments.keys() - ignored, right.arguments.keys() - ignored
    known = wanted | (right.others.keys() - ignored)
    needed = wanted - right.optional - set(verifier.optional_arguments)
    if not needed <= given or not given <= known:
        return False
    return all(_same_argument(verifier, name, call.arguments[name], right) for name in given)


def _same_argument(verifier: ToolCalls, name: str, value: JsonInput, right: _GoldCall) -> bool:
    likeness = Likeness(
        Decimal(str(verifier.argument_tolerance.get(name, verifier.tolerance))),
        normalise if verifier.text == "normalised" else str,
    )
    values = right.others.get(name, [])
    if name in right.arguments:
        values = [right.arguments[name], *values]
    return any(equal_json(value, one, likeness) for one in values)


def _paired(
    verifier: ToolCalls, called: Sequence[_Call], right: Sequence[_GoldCall], matches: _Matches
) -> bool:
    """Tell whether each call has a right one of its own, and none is left over."""
    if len(called) != len(right):
        return False
    if verifier.ordered:
        return all(map(matches, called, right))
    if len(called) > _MAX_PAIRED:
        return all(map(matches, sorted(called, key=_order), sorted(right, key=_order)))
    fitting = [[n for n, one in enumerate(right) if matches(call, one)] for call in called]
    taken_by: dict[int, int] = {}
    return all(_finds_place(number, fitting, taken_by, set()) for number in range(len(called)))


def _finds_place(
    number: int, fitting: list[list[int]], taken_by: dict[int, int], tried: set[int]
) -> bool:
    """One step of Kuhn's bipartite matching: whoever is in the way looks for another place."""
    for place in fitting[number]:
        if place in tried:
            continue
        tried.add(place)
        if place not in taken_by or _finds_place(taken_by[place], fitting, taken_by, tried):
            taken_by[place] = number
            return True
    return False


def _order(call: _Call) -> tuple[str, str]:
    return call.name, sort_key(call.arguments)
