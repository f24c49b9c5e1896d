"""The final answer inside a completion."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stratos.scoring.answers import elements, final_answer, rationale_of, with_answer
from stratos.scoring.verifiers import is_completion_correct
from stratos.spec import Number

NUMBER = Number(kind="number")


def test_the_answer_is_what_follows_the_last_marker():
    completion = "first #### 3\nno, wait\n#### 4 \nthat is all"
    assert final_answer(completion, "####") == "4"
    assert rationale_of(completion, "####") == "first #### 3\nno, wait"
    assert is_completion_correct(NUMBER, completion, "4", "####")


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


def test_elements_keep_their_order_and_do_not_repeat():
    assert elements(" s9 s6 s9 ", " ") == ["s9", "s6"]
    assert elements("a b; c;", ";") == ["a b", "c"]
