"""The final answer inside a completion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.scoring.answers import elements, marked_answer, with_answer
from stratos.scoring.reply import judge_reply
from stratos.spec import Exact


def final_answer(completion, marker, **options):
    found = marked_answer(completion, marker, **options)
    return completion.strip() if found is None else found.answer


def rationale_of(completion, marker):
    found = marked_answer(completion, marker)
    return "" if found is None else found.rationale


def test_the_answer_is_what_follows_the_last_marker():
    completion = "first #### 3\nno, wait\n#### 4 \nthat is all"
    assert final_answer(completion, "####") == "4"
    assert rationale_of(completion, "####") == "first #### 3\nno, wait"


def test_without_a_marker_the_whole_completion_is_the_answer():
    assert final_answer(" 42 \n", "####") == "42"
    assert rationale_of("42", "####") == ""


@given(
    st.text(alphabet="ab \n", max_size=20),
    st.text(alphabet="xyz", min_size=1, max_size=8),
)
def test_an_answer_put_behind_a_rationale_is_read_back(rationale, answer):
    completion = with_answer(rationale, "####", answer)
    assert final_answer(completion, "####") == answer
    assert rationale_of(completion, "####") == rationale.strip()


@pytest.mark.parametrize("gold", ["#### 72", "Steps\n#### One\nAdd.\n#### Two\nBake."])
def test_an_answer_that_holds_the_marker_is_right_as_it_is_put(gold):
    put = with_answer("", "####", gold)
    verdict = judge_reply(
        put, finished=True, marker="####", verifier=Exact(kind="exact"), gold=gold
    )
    assert verdict.is_right


def test_elements_keep_their_order_and_do_not_repeat():
    assert elements(" s9 s6 s9 ", " ") == ["s9", "s6"]
    assert elements("a b; c;", ";") == ["a b", "c"]


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("so\n**#### 72**", "72"),
        ("so\n#### **72**", "72"),
        ("so\n#### `spam`", "spam"),
        ("so\n*#### spam*", "spam"),
        ("so\n#### 72 ####", "72"),
        ("so\n#### 72\n\n#### 72\n#### 72", "72"),
        ("so\n#### snake_case_", "snake_case_"),
        ("so\n#### **bold** and more", "**bold** and more"),
        ("so\n#### **", "**"),
    ],
)
def test_markdown_around_a_marked_answer_is_not_part_of_it(reply, answer):
    assert final_answer(reply, "####") == answer
    assert rationale_of(reply, "####") == "so"


@pytest.mark.parametrize(
    ("reply", "marker", "answer"),
    [
        ("so\n**Answer:** 5a", "Answer:", "5a"),
        ("so\n**Answer:**\n5a", "Answer:", "5a"),
        ("so\n**Answer:** **5a**", "Answer:", "5a"),
        ("so\n* Answer: **5a**", "Answer:", "5a"),
        ("so\n#### **Paris**, **Rome**", "####", "**Paris**, **Rome**"),
        ("so\n**####** 72", "####", "72"),
        ("so\n#### **72**.", "####", "72"),
        ("so\n***#### 72***", "####", "72"),
        ("so\n_#### snake_case_", "####", "snake_case"),
        ("so\n#### `**72**`", "####", "72"),
        ("so\n#### 5a.", "####", "5a."),
    ],
)
def test_markdown_around_the_marker_does_not_damage_the_answer(reply, marker, answer):
    assert final_answer(reply, marker) == answer
    assert rationale_of(reply, marker).rstrip("*\n ") == "so"


@pytest.mark.parametrize(
    "value", ['{\n  "a": [1,\n 2]\n}', "[\n1\n]", '```json\n{\n"a": 1\n}\n```', '{"a": 1}']
)
def test_json_behind_a_marker_is_read_to_its_end(value):
    for after in ("", "\nthat is all"):
        assert final_answer(f"so\n#### {value}{after}", "####") == value
        assert final_answer(f"so\n####\n{value}{after}", "####") == value


def test_what_only_begins_like_json_ends_with_its_line():
    assert final_answer("#### [1] 72\nmore", "####") == "[1] 72"
    assert final_answer("#### {a\nmore", "####") == "{a"
    assert final_answer("####  " + "[" * 100_000 + "\nmore", "####") == "[" * 100_000


def test_an_answer_of_several_lines_is_all_that_follows():
    assert final_answer("so\n#### **Paris\nRome**\n", "####", to_end=True) == "Paris\nRome"


def test_an_empty_marker_marks_nothing():
    assert final_answer("so\n#### 72 ", "") == "so\n#### 72"
    assert rationale_of("so\n72", "") == ""
    assert with_answer("so", "", "72") == "so\n72"
