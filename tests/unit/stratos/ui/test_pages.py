"""The pages that only read."""

from __future__ import annotations

import html

import pytest

from tests import factories
from tests.ui_runs import (
    ENDPOINT,
    FAILED,
    FINISHED,
    HOSTILE,
    OTHER,
    RUNNING,
    WAITING,
)

EVERY = [
    "/",
    f"/runs/{FINISHED}",
    f"/runs/{RUNNING}",
    f"/runs/{FAILED}",
    f"/runs/{FINISHED}/samples",
    f"/runs/{FINISHED}/samples?kind=rejected",
    f"/runs/{FINISHED}/ask?example=0",
    f"/compare?run={FINISHED}&run={FAILED}",
]


def test_runs_show_status_money_and_since_when_they_are_live(pages):
    text = pages.get("/").text
    for run_id in (FINISHED, RUNNING, FAILED, WAITING):
        assert f'href="/runs/{run_id}"' in text
    assert "awaits approval" in text
    assert "1 live, $73.00 a month in all" in text
    assert f"{ENDPOINT}<br>" in text
    assert "since 2026-11-24 08:00, kept until deleted" in text


def test_a_run_in_the_queue_says_its_place_and_what_it_waits_for(pages, monkeypatch):
    told = "place 2 in the queue: the stack works on 10 runs at a time"
    row = factories.run_row(RUNNING, place_token="t", queued=told)
    monkeypatch.setattr("stratos.ui.run_facts.find_run", lambda *_: row)
    monkeypatch.setattr("stratos.ui.pages.find_run", lambda *_: row)
    text = pages.get(f"/runs/{RUNNING}").text
    assert '<span class="badge open">queued</span>' in text
    assert f'<p class="small">{told}</p>' in text


def test_a_stack_without_runs_says_how_to_begin(pages, monkeypatch):
    monkeypatch.setattr("stratos.ui.pages.list_hosting", lambda stack: [])
    text = pages.get("/").text
    assert "Nothing has run yet" in text
    assert "stratos init" in text


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.replace("/", "-"))
def test_whatever_a_model_says_is_text(pages, path):
    answer = pages.get(path)
    assert answer.status_code == 200
    assert HOSTILE not in answer.text
    for forbidden in ("<img", "style=", "onclick", "javascript:"):
        assert forbidden not in answer.text
    assert answer.text.count("<script") == 1
    assert '<script type="module" src="/static/live.js"></script>' in answer.text


def test_a_finished_run_shows_all_that_its_report_knows(pages):
    text = pages.get(f"/runs/{FINISHED}").text
    for told in (
        "every constraint held", "0.6 (0.48–0.72)", "missed", "57.0% (53.0–60.9, n=600)",
        "48 candidates", 'href="#plan-c"', 'id="plan-c"', "validation loss",
        "a step does not hold", "max_p95_latency_ms", "stratos pull", "$0.005",
    ):  # fmt: skip
        assert told in html.unescape(text), told
    assert "data-every" not in text.partition('id="now"')[2].partition(">")[0]


def test_answers_stand_beside_the_teachers(pages):
    text = pages.get(f"/runs/{FINISHED}").text
    examples = text.partition('id="examples"')[2].partition("</section>")[0]
    assert html.escape("#### m4 m7") in examples
    assert "I do not know." in examples
    assert examples.count("Its answer was not kept") == 1


def test_a_run_under_way_shows_where_it_is_and_what_it_has_come_to(pages):
    text = pages.get(f"/runs/{RUNNING}").text
    assert "student 120/400 steps, 10,412 tokens/s, loss 0.731, 1 min 24 s left" in text
    assert "cost so far, about" in text
    assert "0.6 (0.48–0.72)" in text
    assert 'data-every="2000"' in text


def test_the_live_parts_are_parts_of_the_page(pages):
    for part in ("now", "facts"):
        text = pages.get(f"/runs/{RUNNING}/live/{part}").text
        assert text.lstrip().startswith(f'<div id="{part}"')
        assert "<html" not in text
    assert pages.get("/live/runs").text.lstrip().startswith('<div id="runs"')


def test_a_failed_run_says_why_and_marks_where(pages):
    text = pages.get(f"/runs/{FAILED}").text
    assert "TooFewVerifiedRecords" in text
    assert '<g class="node failed">' in text


def test_a_run_that_waits_shows_the_commands_to_who_only_reads(pages):
    text = pages.get(f"/runs/{WAITING}").text
    assert f"stratos approve {WAITING}" in text
    assert 'method="post"' not in text


def test_an_unknown_run_names_those_there_are(pages):
    answer = pages.get("/runs/nope")
    assert answer.status_code == 404
    assert RUNNING in answer.text


def test_two_runs_are_told_apart_where_they_differ(pages):
    text = pages.get(f"/compare?run={FINISHED}&run={OTHER}").text
    rows = [row for row in text.split("<tr")[1:] if "differs" in row]
    assert any(">cost<" in row and "$0.50" in row for row in rows)
    assert not any(">student<" in row for row in rows)


@pytest.mark.parametrize("query", ["", f"?run={FINISHED}", f"?run={FINISHED}&run={FINISHED}"])
def test_with_fewer_than_two_runs_one_may_choose(pages, query):
    answer = pages.get(f"/compare{query}")
    assert answer.status_code == 200
    assert "<select" in answer.text


def test_with_three_runs_one_is_told_to_choose_two(pages):
    text = pages.get(f"/compare?run={FINISHED}&run={OTHER}&run={RUNNING}").text
    assert "3 runs were chosen; choose two" in text


def test_records_come_in_pages_and_rejected_ones_by_their_reason(pages):
    first = pages.get(f"/runs/{FINISHED}/samples").text
    assert "12 records" in first
    assert "page 1 of 2" in first
    rejected = pages.get(f"/runs/{FINISHED}/samples", params={"reason": "none", "kind": "rejected"})
    assert "There are none here" in rejected.text


def test_a_run_whose_teacher_has_not_answered_has_no_records_yet(pages):
    answer = pages.get(f"/runs/{RUNNING}/samples")
    assert answer.status_code == 404
    assert "has no records yet" in answer.text


def test_a_report_may_run_nothing(pages):
    answer = pages.get(f"/runs/{FINISHED}/report.html")
    assert "<h1>Report</h1>" in answer.text
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert pages.get(f"/runs/{RUNNING}/report.html").status_code == 404


def test_logs_are_read_of_one_state_at_a_time(pages):
    assert f"stratos logs {RUNNING} --follow" in pages.get(f"/runs/{RUNNING}/logs").text
    assert "Nothing was written by distill" in pages.get(f"/runs/{RUNNING}/logs?state=distill").text
    assert "Choose a state" in pages.get(f"/runs/{RUNNING}/logs?state={HOSTILE}").text
