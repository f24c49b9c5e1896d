"""What each origin gets of a model that several regions serve."""

from __future__ import annotations

import pytest

from stratos.contracts.plan import PlannedOrigin
from stratos.pipeline.summary import RunSummary
from stratos.report.html import render
from stratos.report.origins import origin_rows
from tests.summaries import measurement, plan, succeeded_run


def origin(name: str, region: str, network: float) -> PlannedOrigin:
    return PlannedOrigin(
        origin=name,
        requests_per_second=1.5,
        served_in=region,
        round_trip_ms=network,
        p95_latency_ms=310.0,
    )


ORIGINS = (
    origin("us-east-1", "us-east-1", 1.0),
    origin("eu-west-1", "eu-west-1", 1.0),
    origin("eu-north-1", "eu-west-1", 31.0),
)


@pytest.fixture
def summary() -> RunSummary:
    """Two regions, measured twice: the first student missed."""
    fleet = plan("p1").model_copy(update={"origins": ORIGINS})
    measured = tuple(
        measurement(fleet, p95, attempt=attempt).model_copy(update={"region": region})
        for attempt, region, p95 in (
            (0, "us-east-1", 900.0),
            (1, "us-east-1", 200.0),
            (1, "eu-west-1", 380.0),
        )
    )
    return succeeded_run(measurements=measured)


def test_each_origin_has_what_was_measured_in_its_region_and_the_network(
    summary: RunSummary,
) -> None:
    rows = origin_rows(summary)
    assert [(row.origin, row.region, row.network, row.verdict) for row in rows] == [
        ("us-east-1", "us-east-1", "1", "held"),
        ("eu-west-1", "eu-west-1", "1", "held"),
        ("eu-north-1", "eu-west-1", "31", "missed"),  # 410 of 400
    ]
    assert [row.p95.partition(" ")[0] for row in rows] == ["200", "380", "410"]


def test_the_report_has_a_row_for_each_origin_only_where_several_regions_serve(
    summary: RunSummary,
) -> None:
    page = render(summary)
    assert "What each origin gets" in page
    assert ">eu-north-1</t" in page
    assert "What each origin gets" not in render(succeeded_run())


def test_without_a_limit_or_an_answer_there_is_no_verdict(summary: RunSummary) -> None:
    free = summary.model_copy(update={"constraints": ()})
    assert {row.verdict for row in origin_rows(free)} == {""}
    silent = summary.measurements[-1]
    assert silent.load is not None
    load = silent.load.model_copy(update={"p95_ms": None})
    silent = silent.model_copy(update={"load": load})
    rows = origin_rows(summary.model_copy(update={"measurements": (silent,)}))
    assert {(row.p95, row.verdict) for row in rows} == {("–", "")}
