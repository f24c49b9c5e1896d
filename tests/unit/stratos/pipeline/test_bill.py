"""What the endpoints of a run have cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stratos.contracts.measurements import Measurement
from stratos.hosting.build import build_deployment
from stratos.hosting.deployment import Deployment, HostingChoice
from stratos.hosting.modes.serverless import USD_PER_GB_SECOND
from stratos.hosting.modes.table import mode_named
from stratos.pipeline.bill import hosting_bill, usd_per_hour_of_load
from stratos.spec import Load
from tests import factories
from tests.summaries import load_result, measurement, plan, server
from tests.unit.stratos.hosting.fronts import fast, measured_batch

LOAD = Load(requests_per_second=2)


def moment(clock: str) -> str:
    return f"2026-11-24T{clock}:00+00:00"


def at(clock: str) -> datetime:
    return datetime.fromisoformat(moment(clock))


def measured(
    usd_per_hour: float, since: str, started: str, ended: str, **changes: object
) -> Measurement:
    """An endpoint that began to be made, and was measured, at times of one day."""
    of = plan(f"at {started}").model_copy(update={"serving": server(usd_per_hour=usd_per_hour)})
    times = {
        "deploying_since": at(since),
        "started_at": at(started),
        "ended_at": at(ended),
    }
    return measurement(of).model_copy(update=times | changes)


def deployment(**changes: object) -> Deployment:
    evidence = factories.match_evidence(serving=server(), p95_latency_ms=400.0)
    built = build_deployment(factories.order(factories.spec(), evidence, now=at("08:00")))
    return built.model_copy(update=changes)


def serverless(gib: int = 2) -> Deployment:
    choice = HostingChoice(mode="serverless", reason="", usd_per_month=3.0, memory_gib=gib)
    return deployment(hosting=choice)


def test_instances_are_billed_while_they_are_made_as_while_they_serve() -> None:
    only = measured(1.0, "08:00", "08:30", "08:36")
    bill = hosting_bill([only], at("09:00"))
    assert bill.deploying_usd == pytest.approx(0.5)
    assert bill.serving_usd == pytest.approx(0.1)  # it missed, and was taken back
    assert hosting_bill([only], at("09:00"), promoted=True).usd == pytest.approx(1.0)


def test_a_server_is_billed_beside_the_one_that_takes_its_place_until_that_serves() -> None:
    first = measured(1.0, "08:00", "08:30", "08:36")
    second = measured(2.0, "08:36", "09:00", "09:06")
    bill = hosting_bill([first, second], at("09:30"), promoted=True)
    assert bill.deploying_usd == pytest.approx(0.5 * 1.0 + 0.4 * 2.0)
    assert bill.serving_usd == pytest.approx(0.5 * 1.0 + 0.5 * 2.0)


def test_an_endpoint_is_not_billed_while_the_next_student_is_trained() -> None:
    first = measured(1.0, "08:00", "08:30", "08:36")
    other = measured(1.0, "12:00", "12:30", "12:36", attempt=1)
    assert hosting_bill([first, other], at("13:00")).usd == pytest.approx(2 * 0.6)


def test_an_endpoint_that_was_never_ready_is_billed_until_now_with_the_one_before() -> None:
    failed = deployment(billed_usd_per_hour=2.0, deploying_since=at("09:00"))
    assert hosting_bill([], at("11:00"), latest=failed).usd == pytest.approx(4.0)
    before = measured(1.0, "08:00", "08:30", "09:00")
    bill = hosting_bill([before], at("11:00"), latest=failed)
    assert bill.deploying_usd == pytest.approx(0.5 + 4.0)
    assert bill.serving_usd == pytest.approx(2.5)


def regions_of(name: str, attempt: int, since: str, started: str, ended: str) -> list[Measurement]:
    """A fleet of two regions at $10/h each, of which the second is measured five minutes longer."""
    of = {"attempt": attempt, "endpoint_config_name": name}
    longer = (at(ended) + timedelta(minutes=5)).strftime("%H:%M")
    home = measured(10.0, since, started, ended, region="us-east-1", **of)
    away = measured(10.0, since, started, longer, region="eu-west-1", **of)
    return [home, away]


def test_servers_of_regions_are_billed_until_they_are_taken_back() -> None:
    first = regions_of("r-1", 0, "09:00", "09:50", "10:05")  # taken back by 10:15
    second = regions_of("r-2", 0, "10:15", "11:20", "11:30")
    ended_there = hosting_bill([*first, *second], at("13:00"))
    # 75 minutes of the first two, and 80 of the second until all of them are measured.
    assert ended_there.usd == pytest.approx(2 * 10 * (75 + 80) / 60)
    in_service = hosting_bill([*first, *second], at("13:00"), promoted=True)
    assert in_service.usd == pytest.approx(2 * 10 * (75 + 165) / 60)


def test_servers_of_regions_are_not_billed_while_the_next_are_made_or_trained_for() -> None:
    first = regions_of("r-1", 0, "09:00", "09:50", "10:05")
    under_way = deployment(billed_usd_per_hour=20.0, deploying_since=at("11:00"))
    bill = hosting_bill(first, at("12:00"), latest=under_way)
    assert bill.usd == pytest.approx(2 * 10 * 70 / 60 + 20)
    other_student = regions_of("r-2", 1, "15:00", "15:30", "15:35")
    bill = hosting_bill([*first, *other_student], at("20:00"))
    assert bill.usd == pytest.approx(2 * 10 * (70 + 40) / 60)


def test_a_deployment_that_is_only_planned_costs_nothing() -> None:
    planned = deployment(billed_usd_per_hour=2.0, deploying_since=None)
    assert hosting_bill([], at("11:00"), latest=planned).usd == 0


def test_a_serverless_endpoint_is_billed_for_its_answers_however_long_it_is_there() -> None:
    mode, choice = mode_named("serverless"), serverless().hosting
    usd = mode.answering_usd(choice, 600)
    assert usd == pytest.approx(600 * 2 * USD_PER_GB_SECOND)
    item = measured(9.0, "08:00", "08:30", "08:36", mode="serverless", answering_usd=usd)
    assert hosting_bill([item], at("20:00"), promoted=True).usd == pytest.approx(usd)
    assert mode_named("realtime").answering_usd(deployment().hosting, 600) == 0


def test_an_hour_of_a_serverless_endpoint_costs_what_it_answered_while_measured() -> None:
    load = load_result().model_copy(update={"seconds": 40.0, "answering_seconds": 60.0})
    hourly = usd_per_hour_of_load(serverless(gib=3), load, LOAD)
    assert hourly == pytest.approx(1.5 * 3600 * 3 * USD_PER_GB_SECOND)
    realtime = deployment(usd_per_hour=0.5)
    assert usd_per_hour_of_load(realtime, load, LOAD) == pytest.approx(0.5)


def test_batches_cost_their_bills_and_nothing_between_them() -> None:
    plan = fast("m5.large", 2)
    both = [measured_batch(plan), measured_batch(plan)]
    bill = hosting_bill(both, datetime(2027, 1, 1, tzinfo=UTC), promoted=True)
    assert (bill.usd, bill.batches_usd) == (pytest.approx(0.2), pytest.approx(0.2))
