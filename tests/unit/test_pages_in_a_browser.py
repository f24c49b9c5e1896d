"""The report and the plan page as people see them: three widths, both schemes, no network."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from stratos.contracts.plan_document import Advice
from stratos.pipeline.summary import RunSummary
from stratos.planning.nearest import plan_or_nearest
from stratos.planning.offline.page import plan_page
from stratos.report.html import render
from tests.browser import LOOKS, Look, chromium, faults, opened
from tests.summaries import measurement, plan, plan_set, succeeded_run
from tests.unit.stratos.planning.planning_inputs import gpu, model, request, spec
from tests.unit.stratos.report.test_headline import SAVING

LONG = "a-model-with-a-long-name-" + "x" * 80 + " & <b>markup</b>"


def odd_run() -> RunSummary:
    """Of long names, a missed load and an engine that died."""
    run = succeeded_run(saving=SAVING)
    assert run.teacher is not None
    slow = measurement(plan("slow"), 34_567.0, missed=("max_p95_latency_ms", "failed_requests"))
    far = plan("far", 0.012, 40_000).model_copy(update={"student": LONG, "teacher": LONG})
    plans = plan_set()
    return run.model_copy(
        update={
            "reason": f"{LONG} is in service",
            "teacher": run.teacher.model_copy(update={"name": LONG}),
            "measurements": (*run.measurements, slow.model_copy(update={"log_lines": (LONG,)})),
            "plans": plans.model_copy(
                update={
                    "front": (*plans.front, far),
                    "alternatives": plans.alternatives | {"soonest": far},
                    "rejected": {LONG: "needs 900 GiB of memory"},
                }
            ),
        }
    )


def odd_plan(**constraints: float) -> str:
    """The page of a plan for a model of a long name, with servers to choose among."""
    fast = gpu("ml.g9.48xlarge", 400, 900, 80, {"us-east-1": 5.0})
    asked = request(gpu(), fast, students=(model(LONG),), asked=spec(constraints))
    plans = plan_or_nearest(asked)
    advice = Advice(
        moves="constraints",
        options=(),
        command="stratos plan x --what-if constraints.max_p95_latency_ms=3500",
        plan=plans.chosen,
    )
    return plan_page(asked.spec, plans, [advice] * bool(plans.infeasible))


def failed_run() -> RunSummary:
    return RunSummary(
        run_id="r-1",
        spec_name="r",
        status="failed",
        reason="dataset.jsonl:7: is not JSON",
        started_at="2026-11-24T08:00:00Z",
        ended_at="2026-11-24T08:00:02Z",
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses of pages, written once."""
    folder: Path = tmp_path_factory.mktemp("pages")
    texts = {
        "report": render(odd_run()),
        "failed report": render(failed_run()),
        "plan": odd_plan(max_p95_latency_ms=9_000.0, min_accuracy=0.1),
        "infeasible plan": odd_plan(max_p95_latency_ms=1.0, max_hosting_usd_per_month=12.0),
    }
    found = {}
    for name, text in texts.items():
        file = folder / f"{name}.html"
        file.write_text(text, encoding="utf-8")
        found[name] = file.as_uri()
    return found


@pytest.mark.parametrize("look", LOOKS, ids=str)
@pytest.mark.parametrize("name", ["report", "failed report", "plan", "infeasible plan"])
def test_nothing_of_a_page_is_cut_off_or_overlaps(
    browser: Browser, pages: dict[str, str], name: str, look: Look
) -> None:
    with opened(browser, pages[name], look) as page:
        assert faults(page) == []
        page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        assert faults(page) == []


def test_what_is_printed_is_light_and_not_cut_off(browser: Browser, pages: dict[str, str]) -> None:
    with opened(browser, pages["report"], Look(700, "dark")) as page:
        page.emulate_media(media="print", color_scheme="dark")
        assert faults(page) == []
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(255, 255, 255)"


def test_a_page_has_one_main_part_its_headings_in_order_and_a_scope_for_each_head_of_a_table(
    browser: Browser, pages: dict[str, str]
) -> None:
    with opened(browser, pages["report"], Look(800, "light")) as page:
        assert page.locator("main").count() == page.locator("h1").count() == 1
        levels = page.eval_on_selector_all(
            "h1, h2, h3, h4", "found => found.map(one => Number(one.tagName[1]))"
        )
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert page.locator("th:not([scope])").count() == 0
        assert page.locator("svg:not([aria-label])").count() == 0
        assert page.locator("section:not([aria-labelledby])").count() == 0
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"


def test_every_plan_of_the_front_is_reached_by_keyboard_and_told_with_its_intervals(
    browser: Browser, pages: dict[str, str]
) -> None:
    with opened(browser, pages["plan"], Look(800, "light")) as page:
        points, shown = page.locator("#chart circle"), page.locator("#shown")
        assert points.count() > 2
        assert page.locator("#chart [tabindex='0']").count() == 1
        page.locator("#chart [tabindex='0']").focus()
        for _ in range(points.count()):
            page.keyboard.press("ArrowLeft")
        told = []
        for _ in range(points.count()):
            told.append((shown.text_content(), page.locator("#chart :focus").count()))
            page.keyboard.press("ArrowRight")
        assert len(set(told)) == points.count()
        assert all(focused == 1 for _, focused in told)
        assert all("expected accuracy" in (words or "") for words, _ in told)
        page.select_option("#x", label="hosting, dollars a month")
        assert page.locator("#chart text.axis").first.text_content() == "hosting, dollars a month"
        assert faults(page) == []
