"""One question to several models, from the page."""

from __future__ import annotations

import pytest

from stratos.hosting.chat_request import Said
from tests.ui_runs import FINISHED, HOSTILE, RUNNING

ASK = f"/runs/{FINISHED}/ask"


@pytest.fixture
def asked(monkeypatch):
    """Questions that the endpoint was asked; it answers with something hostile."""
    questions = []

    def invoke(stack, run, question, max_tokens):
        questions.append((question, max_tokens))
        return Said(f"{HOSTILE} {question}")

    monkeypatch.setattr("stratos.ui.asking.invoke", invoke)
    return questions


def test_the_page_says_of_each_whether_it_can_be_asked(pages):
    text = pages.get(ASK).text
    assert 'name="ask_endpoint" value="1" checked' in text
    assert 'name="ask_untuned" value="1" disabled' in text
    assert "Cannot be asked: nothing serves it" in text


def test_a_held_out_question_can_be_taken_over(pages):
    assert ">Hand: p23</textarea>" in pages.get(f"{ASK}?example=1").text
    for wrong in ("99", "-1", HOSTILE):
        assert "></textarea>" in pages.get(ASK, params={"example": wrong}).text


def test_the_answer_is_shown_as_text_beside_the_question(pages, own, asked):
    form = {"question": "Hand: p23", "max_tokens": "40", "ask_endpoint": "1"}
    answer = pages.post(ASK, data=form, headers=own)
    assert answer.status_code == 200
    assert asked == [("Hand: p23", 40)]
    assert HOSTILE not in answer.text
    assert "&lt;script&gt;document.title" in answer.text


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"question": " ", "ask_endpoint": "1"}, "a question has 1 to"),
        ({"question": "q" * 100_001, "ask_endpoint": "1"}, "a question has 1 to"),
        ({"question": "q", "ask_endpoint": "1", "max_tokens": "many"}, "longest answer"),
        ({"question": "q", "ask_endpoint": "1", "max_tokens": "99999"}, "longest answer"),
        ({"question": "q"}, "nobody is asked"),
        ({"question": "q", "ask_untuned": "1"}, "nobody is asked"),
    ],
    ids=["blank", "long", "no-number", "too-many", "nobody", "not-served"],
)
def test_a_form_that_cannot_be_asked_says_why(pages, own, asked, form, told):
    answer = pages.post(ASK, data={"max_tokens": "40"} | form, headers=own)
    assert answer.status_code == 409
    assert told in answer.text
    assert asked == []


def test_a_run_without_a_model_has_nobody_to_ask(pages):
    text = pages.get(f"/runs/{RUNNING}/ask").text
    assert "this run has none in service" in text
