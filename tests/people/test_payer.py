"""Who pays: is it worth it, is it good enough, and what now? On one page that opens anywhere."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest

pytestmark = pytest.mark.tutorial
of_one_look = pytest.mark.skipif(
    find_spec("stratos.look") is None, reason="report and plan page have no common look yet"
)


@pytest.fixture
def report(reader) -> str:
    return (reader.home / "report" / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def plan_page(ask, reader) -> str:
    """Of the plan before anything is paid; of an infeasible one, too."""
    ask("stratos plan my-logs --html plan.html")
    return (reader.home / "plan.html").read_text(encoding="utf-8")


def test_the_report_says_what_was_asked_what_came_and_what_it_costs(report) -> None:
    words = re.sub(r"<[^>]+>", " ", report)
    assert "in service" in words
    assert re.search(r"\$[\d.,]+ +a +month|a month", words)
    for constraint in ("min_accuracy", "max_p95_latency_ms", "max_hosting_usd_per_month"):
        assert constraint in report


@of_one_look
def test_the_report_begins_with_saving_quality_verdict_and_the_next_step(report) -> None:
    words = report.replace("&#39;", "'")
    summary = words.index("Summary</h2>")
    for title in ("Saving against today's teacher", "Quality kept"):
        assert summary < words.index(title) < words.index("Quality on held-out questions</h2>")
    assert "Next steps</h2>" in words


@of_one_look
def test_the_plan_page_says_its_verdict_and_why_the_others_were_not_chosen(plan_page) -> None:
    for title in ("Every constraint</h2>", "The choice, and why</h2>", "Why not the others</h2>"):
        assert title in plan_page
    assert "95%" in plan_page


@pytest.mark.parametrize(
    "page", [pytest.param("report", marks=of_one_look), "plan_page"], ids=["report", "plan"]
)
def test_a_page_needs_no_network_and_follows_dark_and_light(page, request) -> None:
    text = request.getfixturevalue(page)
    fetched = re.findall(r"<(?:link|script|img)\b[^>]*?(?:href|src)=[\"']([^\"']+)", text)
    assert [name for name in fetched if not name.startswith("data:")] == []
    assert "prefers-color-scheme" in text


def test_a_run_ends_with_what_can_be_done_next(ask, run_id) -> None:
    told = ask(f"stratos report {run_id}").output
    for command in ("stratos invoke", "stratos pull", "stratos delete"):
        assert f"{command} {run_id}" in told


def test_what_is_live_says_until_when_and_what_it_costs_a_month(ask, run_id) -> None:
    told = ask("stratos runs").output
    assert re.search(rf"{run_id} +succeeded .* \$[\d.,]+", told)
    assert "a month in all" in told
