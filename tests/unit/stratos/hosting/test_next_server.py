"""Which plan follows a missed load, and what the endpoints that were tried have cost."""

from __future__ import annotations

import pytest

from stratos.contracts.match import MatchEvidence
from stratos.contracts.measurements import Measurement
from stratos.contracts.plan import Plan, PlannedEngine, PlannedHosting
from stratos.hosting.modes.table import on_servers
from stratos.hosting.next_server import (
    MAX_SERVERS,
    Tried,
    better_batch_server,
    better_server,
    first_server,
)
from stratos.spec import ModeName
from tests import factories
from tests.summaries import measurement
from tests.unit.stratos.hosting.fronts import fast, matched, measured_batch, on

ASKED = {"max_p95_latency_ms": 500}
MISSED = ("max_p95_latency_ms",)


def following(
    evidence: MatchEvidence, measured: list[Measurement], mode: ModeName = "realtime"
) -> Plan | None:
    mine = on_servers(measured, evidence.attempt)
    tried = Tried(factories.spec(constraints=ASKED), evidence, mine, replaces_former=False)
    return better_server(tried, mode).plan


def test_the_best_faster_server_that_still_holds_by_the_error_of_the_forecast_comes_next() -> None:
    slow, still_slow, fast, faster = (
        on(name, ms) for name, ms in (("a", 400), ("b", 350), ("c", 200), ("d", 100))
    )
    evidence = matched(slow, still_slow, fast, faster)
    found = following(evidence, [measurement(slow, 800, missed=MISSED)])
    assert found is not None
    assert found.serving.instance_type == "ml.c"  # 350 ms would be 700, 200 will be 400
    assert (found.id, found.p95_latency_ms) == ("c", fast.p95_latency_ms)


def test_the_fastest_comes_next_where_none_is_forecast_to_hold() -> None:
    slow, fast, faster = (on(n, ms) for n, ms in (("a", 400), ("b", 300), ("c", 250)))
    evidence = matched(slow, fast, faster)
    found = following(evidence, [measurement(slow, 4_000, missed=MISSED)])
    assert found is not None
    assert found.serving.instance_type == "ml.c"


@pytest.mark.parametrize(
    "other",
    [
        on("same", 400),
        on("slower", 450),
        on("model", 100, student="another"),
        on("method", 100, method="lora"),
    ],
    ids=["as fast", "slower", "another student", "trained in another way"],
)
def test_what_promises_no_more_or_needs_training_is_no_next_server(other: Plan) -> None:
    slow = on("a", 400)
    evidence = matched(slow, other)
    assert following(evidence, [measurement(slow, 800, missed=MISSED)]) is None


def test_the_next_server_is_hosted_in_the_mode_of_the_endpoint_in_service() -> None:
    queued = PlannedHosting(mode="async", reason="cheaper")
    slow, fast = on("a", 400), on("b", 200)
    fastest_queued = on("c", 100, hosting=queued)
    evidence = matched(slow, fastest_queued, fast)
    missed = [measurement(slow, 4_000, missed=MISSED)]
    found = following(evidence, missed)
    assert found is not None
    assert (found.serving, found.hosting) == (fast.serving, fast.hosting)
    found = following(evidence, missed, "async")
    assert found is not None
    assert (found.serving, found.hosting) == (fastest_queued.serving, queued)


def test_a_miss_on_cost_asks_for_a_cheaper_server() -> None:
    dear, dearer, cheap = on("a", 400), on("b", 100, 0.4), on("c", 450, 0.05)
    missed = measurement(dear, missed=("max_usd_per_1000_requests",))
    found = following(matched(dear, dearer, cheap), [missed])
    assert found is not None
    assert found.serving.instance_type == "ml.c"


def test_so_many_servers_are_tried_for_a_student_and_no_more() -> None:
    plans = [on(f"s{i}", 400 - 50 * i) for i in range(MAX_SERVERS + 1)]
    tried = [measurement(each, 900, missed=MISSED) for each in plans[:-1]]
    evidence = matched(*plans)
    assert following(evidence, tried[:-1]) is not None
    assert following(evidence, tried) is None
    of_another_student = [item.model_copy(update={"attempt": 1}) for item in tried]
    again = evidence.model_copy(update={"attempt": 1})
    assert following(again, [*tried[:-1], of_another_student[0]]) is not None


def test_a_model_too_slow_serverless_goes_to_the_best_server_of_the_front_and_then_on() -> None:
    hosting = PlannedHosting(mode="serverless", reason="cheapest")
    chosen = on("a", 300, hosting=hosting)
    slow, fast = on("b", 400), on("c", 200)
    evidence = matched(chosen, slow, fast)
    first = first_server(evidence, "realtime")
    assert (first.serving.instance_type, first.hosting.mode) == ("ml.b", "realtime")
    missed = measurement(chosen, 90_000, missed=MISSED).model_copy(update={"mode": "serverless"})
    after = [missed, measurement(first, 800, missed=MISSED)]
    found = following(evidence, after)
    assert found is not None
    assert found.serving.instance_type == "ml.c"


def test_where_the_front_has_no_server_it_goes_to_the_cpu_it_was_forecast_by() -> None:
    hosting = PlannedHosting(mode="serverless", reason="cheapest")
    first = first_server(matched(on("a", 300, 0.1, hosting=hosting)), "realtime")
    assert (first.serving.instance_type, first.hosting.mode) == ("ml.a", "realtime")
    assert first.usd_per_month.value == pytest.approx(73)


def after(evidence: MatchEvidence, missed: list[Measurement]) -> Plan | None:
    return better_batch_server(Tried(factories.spec(), evidence, missed, False)).plan


def test_a_batch_that_is_too_slow_goes_to_the_first_faster_server_of_the_front() -> None:
    slow, slower, faster = fast("m5.large", 2), fast("m7i.large", 1), fast("c7i.large", 3)
    evidence = matched(slow, slower, faster)
    found = after(evidence, [measured_batch(slow, "requests_per_second")])
    assert found is not None
    assert found.serving.instance_type == "ml.c7i.large"
    assert after(matched(slow, slower), [measured_batch(slow, "requests_per_second")]) is None


def test_a_batch_that_costs_too_much_goes_where_a_request_is_forecast_to_cost_less() -> None:
    first, dearer, cheaper = (
        fast("m5.large", 2, 0.1),
        fast("m7i.large", 2, 0.2),
        fast("c7i.large", 8, 0.3),  # by the hour it costs more, by the request less
    )
    evidence = matched(first, dearer, cheaper)
    for missed in ("max_usd_per_1000_requests", "max_hosting_usd_per_month"):
        found = after(evidence, [measured_batch(first, missed)])
        assert found is not None
        assert found.serving.instance_type == "ml.c7i.large"


def test_a_batch_that_failed_goes_to_another_kind_of_server_that_has_batches() -> None:
    first, unknown, other = fast("m5.large", 2), fast("p5.48xlarge", 9), fast("m7i.large", 1)
    found = after(matched(first, unknown, other), [measured_batch(first, "failed_requests")])
    assert found is not None
    assert found.serving.instance_type == "ml.m7i.large"


Q8, FULL = factories.engine(), factories.engine(precision="float16")
Q4, ON_GPU = factories.engine(precision="q4_k_m"), factories.engine("ml.g6.xlarge")


@pytest.mark.parametrize(
    ("trained", "other", "ready"),
    [
        (Q8, Q8, True),
        (Q8, FULL, True),
        (Q8, ON_GPU, True),
        (Q8, Q4, False),
        (FULL, Q8, False),
        (ON_GPU, FULL, True),
        (ON_GPU, Q8, False),
        (None, None, True),
        (None, Q8, False),
    ],
)
def test_a_model_is_served_only_in_precisions_that_its_artifact_has_and_that_were_scored(
    trained: PlannedEngine | None, other: PlannedEngine | None, ready: bool
) -> None:
    slow, fast = on("a", 400, engine=trained), on("b", 200, engine=other)
    found = following(matched(slow, fast), [measurement(slow, 800, missed=MISSED)])
    assert (found is not None) == ready
    if found is not None:
        assert found.engine == other
