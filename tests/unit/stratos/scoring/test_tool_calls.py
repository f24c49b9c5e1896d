"""Tool calls are compared as values: names, arguments, and whether anything is called at all."""

from __future__ import annotations

import json
import re

import pytest

from stratos.scoring.reply import judge_reply
from stratos.scoring.tool_calls import a_right_answer, calls_fault, compare_calls, surely_gold
from stratos.scoring.verifiers import is_correct
from stratos.spec import ToolCalls

CALLS = ToolCalls(kind="tool_call")
PARIS = {"name": "weather", "arguments": {"city": "Paris", "days": 3}}
ROME = {"name": "weather", "arguments": {"city": "Rome", "days": 3}}


def is_right(answer, gold, **options):
    verifier = ToolCalls(kind="tool_call", **options)
    return is_correct(verifier, text_of(answer), text_of(gold))


def text_of(value):
    return value if isinstance(value, str) else json.dumps(value)


def weather(**arguments):
    return [{"name": "weather", "arguments": arguments}]


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ([PARIS], [PARIS], True),
        (PARIS, [PARIS], True),
        ("```json\n" + json.dumps([PARIS]) + "\n```", [PARIS], True),
        (weather(days=3.0, city="Paris"), [PARIS], True),
        (weather(city="Paris", days="3"), [PARIS], False),
        (weather(city="paris", days=3), [PARIS], False),
        (weather(city="Paris"), [PARIS], False),
        (weather(city="Paris", days=3, unit="C"), [PARIS], False),
        (weather(flag=1), weather(flag=True), False),
        (weather(unit=None), weather(), False),
        (weather(place={"lat": 48.0, "near": [1, 2]}), weather(place={"near": [1, 2.0], "lat": 48}),
         True),
        (weather(near=[2, 1]), weather(near=[1, 2]), False),
        ([{"name": "Weather", "arguments": PARIS["arguments"]}], [PARIS], False),
        ([{"name": "now"}], [{"name": "now", "arguments": {}}], True),
        ([PARIS, PARIS], [PARIS], False),
        ([PARIS, PARIS], [PARIS, ROME], False),
        ([ROME, PARIS], [PARIS, ROME], True),
        ("[]", "[]", True),
        ([PARIS], "[]", False),
        ("[]", [PARIS], False),
        ("", "[]", False),
        ("null", "[]", False),
        ("{}", "[]", False),
        ("I call nothing.", "[]", False),
        ('[{"name": "now", "arguments": {"x": NaN}}]', '[{"name": "now"}]', False),
    ],
)  # fmt: skip
def test_calls_are_right_where_names_and_arguments_are_equal(answer, gold, expected):
    assert is_right(answer, gold) is expected


def test_the_order_of_calls_counts_where_the_spec_says_so():
    assert is_right([PARIS, ROME], [PARIS, ROME], ordered=True)
    assert not is_right([ROME, PARIS], [PARIS, ROME], ordered=True)


def test_a_number_may_be_off_by_its_tolerance():
    gold = weather(lat=48.8566, days=3)
    assert not is_right(weather(lat=48.86, days=3), gold)
    assert is_right(weather(lat=48.86, days=3), gold, tolerance=0.01)
    assert is_right(weather(lat=48.86, days=3), gold, argument_tolerance={"lat": 0.01})
    assert not is_right(weather(lat=48.86, days=3.005), gold, argument_tolerance={"lat": 0.01})
    own = {"tolerance": 1, "argument_tolerance": {"days": 0}}
    assert not is_right(weather(lat=48.86, days=4), gold, **own)
    inside = weather(point={"lat": [48.85]})
    assert is_right(inside, weather(point={"lat": [48.86]}), tolerance=0.011)


def test_texts_may_be_compared_without_case_and_punctuation():
    gold = weather(city="Paris, France", tags=["Long-Term"])
    said = weather(city="paris france", tags=["long term"])
    assert not is_right(said, gold)
    assert is_right(said, gold, text="normalised")
    assert not is_right(weather(city=1), weather(city="1"), text="normalised")


def test_arguments_may_be_ignored_or_left_out():
    gold = weather(city="Paris", request_id="a1", unit="C")
    assert is_right(weather(city="Paris", unit="C"), gold, ignored_arguments=("request_id",))
    assert is_right(
        weather(city="Paris", unit="C", request_id="z9"), gold, ignored_arguments=("request_id",)
    )
    optional = {"optional_arguments": ("unit", "request_id")}
    assert is_right(weather(city="Paris"), gold, **optional)
    assert not is_right(weather(city="Paris", unit="F"), gold, **optional)


def test_a_gold_answer_may_name_several_right_ones():
    either = {"any_of": [[PARIS], [ROME], []]}
    assert all(is_right(one, either) for one in ([PARIS], [ROME], []))
    assert not is_right([PARIS, ROME], either)
    units = [
        {
            **PARIS,
            "any_of": {"city": ["Paris, France"], "unit": ["C", "celsius"]},
            "optional": ["unit", "days"],
        }
    ]
    assert is_right([PARIS], units)
    assert is_right(weather(city="Paris, France", unit="celsius"), units)
    assert not is_right(weather(city="Paris", unit="F"), units)


def test_each_call_finds_the_gold_call_that_leaves_room_for_the_others():
    gold = weather(day=1) + weather(day=2)
    assert is_right(weather() + weather(day=1), gold, optional_arguments=("day",))
    assert is_right(weather(day=1.6) + weather(day=1.4), gold, tolerance=0.6)
    many = [weather(day=day)[0] for day in range(100)]
    assert is_right(many[::-1], many)
    assert not is_right(many[::-1], many[:-1] + many[:1])


@pytest.mark.parametrize(
    ("answer", "names", "arguments", "exact"),
    [
        ([PARIS], True, True, True),
        ([{**PARIS, "name": "forecast"}], False, True, False),
        ([ROME], True, False, False),
        ("[]", False, False, False),
        ("no JSON", False, False, False),
    ],
)
def test_figures_tell_names_and_arguments_apart(answer, names, arguments, exact):
    found = compare_calls(CALLS, text_of(answer), text_of([PARIS]))
    assert (found.names_right, found.arguments_right, found.exact) == (names, arguments, exact)


@pytest.mark.parametrize(
    ("gold", "fault"),
    [
        ("call weather", "Expecting value"),
        ('"weather"', "not calls; give a list of"),
        ("[1]", "not an object"),
        ('[{"arguments": {}}]', 'no "name"'),
        ('[{"name": "f", "arguments": "{}"}]', 'the "arguments" of f are not an object'),
        ('{"any_of": []}', "at least one"),
        ('[{"name": "f", "any_of": {"x": 1}}]', "to a list of values"),
        ('[{"name": "f", "optional": "x"}]', '"optional" must list arguments'),
    ],
)
def test_what_is_no_gold_answer_is_told(gold, fault):
    assert fault in calls_fault(gold)
    with pytest.raises(ValueError, match=re.escape(fault)):
        a_right_answer(gold)


def test_one_right_answer_can_be_shown_and_is_right():
    for gold in ([PARIS], [], {"any_of": [[ROME], []]}, [{**PARIS, "any_of": {"city": ["P"]}}]):
        assert calls_fault(text_of(gold)) is None
        assert is_right(a_right_answer(text_of(gold)), gold)


def test_a_reply_of_calls_is_read_whole_whatever_its_arguments_hold():
    said = json.dumps(weather(note="</think> #### 72\n#### 73"))
    verdict = judge_reply(said, finished=True, marker="####", verifier=CALLS, gold=said)
    assert verdict.is_right


@pytest.mark.parametrize(
    "answer",
    ["[" * 100_000, '[{"name": "f", "arguments": {"x": 1e999999999999999999999}}]',
     '[{"name": "f", "arguments": {"x": ' + "9" * 10_000 + "}}]",
     '[{"name": "f", "arguments": {"x": 1e400000}}]', "\ud800"],
)  # fmt: skip
def test_an_odd_answer_is_wrong_and_never_raises(answer):
    assert not is_right(answer, weather(x=1), tolerance=1)
    assert not is_right(answer, weather(x=1))


@pytest.mark.parametrize(
    ("name", "arguments", "sure"),
    [
        ("weather", {"city": "Paris", "days": 3, "exact": True, "unit": None}, True),
        ("", {}, False),
        ("weather", {"days": 10**500}, False),
        ("weather", {"share": 0.5}, False),
        ("weather", {"days": [1]}, False),
    ],
)
def test_calls_are_surely_gold_only_where_their_text_has_no_fault(name, arguments, sure):
    assert surely_gold(name, arguments) is sure
    assert not sure or calls_fault(json.dumps([{"name": name, "arguments": arguments}])) is None
