"""The report says what the summary holds, alone in one file."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from stratos.pipeline.summary import RunSummary, ServedSummary
from stratos.report.html import render
from tests import factories
from tests.summaries import measurement, plan, plan_set, succeeded_run


class Balance(HTMLParser):
    """Fails on a tag that is closed without having been opened."""

    VOID = frozenset({"meta", "line", "circle", "polyline", "br", "wbr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.references += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def parsed(html: str) -> Balance:
    parser = Balance()
    parser.feed(html)
    parser.close()
    return parser


def fronts(html: str) -> list[str]:
    """The chart of the front, for a wide screen and for a narrow one."""
    found = re.findall(r'<svg class="chart (?:wide|narrow)"[^>]*"Pareto.*?</svg>', html)
    assert len(found) == 2
    return found


def test_the_report_is_whole_and_asks_nothing_of_the_network():
    html = render(succeeded_run())
    document = parsed(html)
    assert document.open == []
    assert all(reference.startswith("#") for reference in document.references)
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert {reference[1:] for reference in document.references} <= set(ids)
    assert not re.search(r"https?://|@import|url\(", html)


def test_constraints_show_asked_predicted_measured_and_verdict():
    text = re.sub(r"<[^>]+>", " ", render(succeeded_run()).replace("<wbr>", ""))
    row = re.search(r"max_p95_latency_ms\s+≤ 400 ms\s+–\s+512 ms\s+missed", text)
    assert row, text
    assert re.search(r"min_accuracy\s+≥ 0.5\s+0.6 \(0.48–0.72\)\s+0.53\s+held", text)
    assert re.search(r"max_budget_usd\s+≤ 1 USD\s+–\s+–\s+not measured", text)


def test_every_endpoint_that_was_measured_is_shown_with_its_verdict():
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", render(succeeded_run())))
    assert "900 (720–1,080) 1,080 (864–) 2 (1.6–2.4) of 2" in text
    assert "missed max_p95_latency_ms" in text
    assert "$0.014 (0.0112–0.0168)" in text


def test_every_accuracy_carries_its_interval_and_sample():
    html = render(succeeded_run())
    assert "57.0% (53.0–60.9, n=600)" in html
    assert "nearest question" in html


def test_the_dataset_is_shown_with_what_was_left_out_and_why():
    html = render(succeeded_run())
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
    assert "records 8,000: 7,200 train, 200 probe, 600 heldout" in text
    assert "bad line 1 dataset.jsonl:7: is not &lt;JSON&gt;" in text
    assert "s3 6,000 75.0% s4 2,000 25.0%" in text
    assert "<h2>Dataset</h2>" not in render(succeeded_run(dataset=None))


def test_a_few_kept_and_rejected_attempts_are_shown_with_the_command_for_more():
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", render(succeeded_run())))
    assert "kept Hand: &lt;m56&gt; Hand: &lt;m56&gt; m4 and m7 complete it #### m4 m7" in text
    assert "a step does not hold Hand: p23" in text
    assert "injection, attempt 2; the answer is p1 p4" in text
    assert "How the saving is computed" not in text
    assert "stratos samples mahjong-waits-0123abcd --rejected" in text
    assert "--rejected" not in render(succeeded_run(samples=()))


def test_a_plan_on_the_front_is_one_mark_that_says_what_it_is():
    html = render(succeeded_run())
    for front in fronts(html):
        assert front.count("<circle") == len(plan_set().front)
        assert front.count('<circle class="point chosen"') == 1
        assert "≤ 400 ms" in front


def test_what_a_user_wrote_cannot_become_markup():
    html = render(succeeded_run(reason="<script>alert(1)</script>"))
    assert "<script" not in html


@pytest.mark.parametrize("status", ["failed", "rejected", "unchanged", "stopped"])
def test_a_run_that_ended_early_still_has_a_report(status):
    summary = RunSummary(
        run_id="r-1",
        spec_name="r",
        status=status,
        reason="the spec has 2 problems",
        started_at="2026-11-24T08:00:00Z",
        ended_at="2026-11-24T08:00:02Z",
    )
    html = render(summary)
    assert parsed(html).open == []
    assert "the spec has 2 problems" in html


def test_a_front_of_one_plan_is_drawn():
    only = plan("a")
    plans = plan_set().model_copy(update={"front": (only,), "chosen": only, "fallbacks": ()})
    drawn = fronts(render(succeeded_run(plans=plans)))
    assert [front.count("<circle") for front in drawn] == [
        1,
        1,
    ]


def test_the_report_says_what_answers_why_its_precision_changed_and_what_a_dead_engine_wrote() -> (
    None
):
    changed = "q8_0 costs 3.3 points of the 60.0% in float16, at most 2 allowed"
    served = ServedSummary(
        scored_through="llama.cpp b10566",
        precision="float16",
        engine=factories.engine("float16"),
        changed=changed,
    )
    dead = measurement(plan("a"), missed=("failed_requests",))
    dead = dead.model_copy(update={"log_lines": ("loading", "ggml: <out of memory>")})
    html = render(succeeded_run(served=served, measurements=(dead,)))
    assert changed in html
    assert "in float16 through llama.cpp b10566" in html
    assert "each with a context of 1,024 tokens" in html
    assert "ggml: &lt;out of memory&gt;" in html
