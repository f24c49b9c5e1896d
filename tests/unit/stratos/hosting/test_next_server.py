"""Which plan follows a missed load, and what the endpoints that were tried have cost."""

from __future__ import annotations

import pytest

from stratos.contracts.match import MatchEvidence, gguf_in_full
from stratos.contracts.measurements import Measurement
from stratos.contracts.plan import (
    Interval,
    Plan,
    PlannedEndpoint,
    PlannedHosting,
    PlannedOrigin,
    ServedPrecision,
)
from stratos.hosting.modes.table import on_servers
from stratos.hosting.next_server import (
    MAX_SERVERS,
    Tried,
    better_batch_server,
    better_fleet,
    better_server,
    first_server,
    served_as,
)
from stratos.spec import ModeName
from tests import factories
from tests.summaries import measurement, server
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


def test_a_server_change_keeps_the_precision_unless_another_one_was_evaluated() -> None:
    small, half, eighth = (factories.engine(p) for p in ("q8_0", "float16", "q4_k_m"))
    slow = on("a", 400, engine=small)
    evidence = matched(slow, on("b", 100, engine=eighth), on("c", 150, engine=half))
    missed = [measurement(slow, 800, missed=MISSED)]
    assert following(evidence, missed) is None
    spec = factories.spec(constraints=ASKED)
    tried = Tried(spec, evidence, missed, False, frozenset(("q8_0", "float16")))
    found = better_server(tried, "realtime").plan
    assert found is not None
    assert (found.serving.instance_type, found.engine) == ("ml.c", half)
    assert found.accuracy == evidence.matching.plans.front[2].accuracy


def test_vllm_may_follow_where_full_precision_was_evaluated() -> None:
    slow = on("a", 400, engine=factories.engine("float16"))
    gpu = on("g", 50, engine=factories.engine("bfloat16", "vllm"))
    evidence, missed = matched(slow, gpu), [measurement(slow, 800, missed=MISSED)]
    spec = factories.spec(constraints=ASKED)
    found = better_server(Tried(spec, evidence, missed, False, frozenset(("float16",))), "realtime")
    assert found.plan is not None
    assert found.plan.engine == gpu.engine


def test_an_endpoint_without_any_answer_moves_on_by_the_forecast() -> None:
    slow, fast = on("a", 400), on("b", 200)
    failed = measurement(slow, missed=("failed_requests",))
    assert failed.load is not None
    nothing = {"p50_ms": None, "p95_ms": None, "p99_ms": None}
    load = failed.load.model_copy(update=nothing)
    found = following(matched(slow, fast), [failed.model_copy(update={"load": load})])
    assert found is not None
    assert found.serving.instance_type == "ml.b"


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


def test_a_serverless_engine_has_the_slots_of_its_server_once_it_is_there() -> None:
    hosting = PlannedHosting(mode="serverless", reason="cheapest")
    one = factories.engine(slots=1, memory_gib=1.0)
    several = factories.engine(slots=8, memory_gib=1.6)
    planned = on("a", 300, hosting=hosting, engine=one, instance_engine=several)
    first = first_server(matched(planned), "realtime")
    assert (first.engine, first.instance_engine) == (several, None)
    of_before = on("a", 300, hosting=hosting, engine=one)
    assert first_server(matched(of_before), "realtime").engine == one


def test_a_server_change_keeps_the_reason_of_a_precision_and_another_precision_does_not() -> None:
    told = {"engine": factories.engine("q8_0"), "precision_reason": "q8_0 loses 1%"}
    chosen = on("a", 400, **told)
    assert served_as(chosen, on("b", 200, engine=told["engine"])).precision_reason
    full = on("c", 200, engine=factories.engine("float16"))
    assert served_as(chosen, full).precision_reason == ""


@pytest.mark.parametrize(("held", "follows"), [("float16", False), ("float32", True)])
def test_a_cpu_follows_vllm_only_in_the_precision_that_was_exported(
    held: ServedPrecision, follows: bool
) -> None:
    gpu = on("g", 400, engine=factories.engine("float32", "vllm"))
    exported = on("b", 300, engine=factories.engine(held))
    cpu = on("c", 100, engine=factories.engine("float32"))
    evidence, missed = matched(gpu, exported, cpu), [measurement(gpu, 800, missed=MISSED)]
    assert gguf_in_full(evidence) == held
    spec = factories.spec(constraints=ASKED)
    found = better_server(Tried(spec, evidence, missed, False, frozenset(("float32",))), "realtime")
    assert (found.plan is not None) == follows


def test_a_cpu_does_not_follow_vllm_in_a_precision_that_nobody_evaluated() -> None:
    gpu = on("g", 400, engine=factories.engine("float32", "vllm"))
    evidence = matched(gpu, on("c", 100, engine=factories.engine("float32")))
    assert following(evidence, [measurement(gpu, 800, missed=MISSED)]) is None


HOME, AWAY, FAR = "us-east-1", "eu-west-1", "ap-northeast-1"


def fleet(name: str, latency_ms: float, usd_per_month: float, away: str = AWAY) -> Plan:
    """An endpoint at home, and one in another region."""
    beside = server(f"ml.{name}").model_copy(update={"region": away})
    interval = Interval(value=usd_per_month, lo=usd_per_month, hi=usd_per_month)
    origins = tuple(
        PlannedOrigin(
            origin=region,
            requests_per_second=1,
            served_in=region,
            round_trip_ms=1,
            p95_latency_ms=latency_ms,
        )
        for region in (HOME, away)
    )
    return on(
        name,
        latency_ms,
        more_endpoints=(PlannedEndpoint(server=beside, slots=1, usd_per_month=usd_per_month / 2),),
        origins=origins,
        usd_per_month=interval,
    )


def measured_fleet(plan: Plan, home_ms: float, away_ms: float, *missed: str) -> list[Measurement]:
    """Its endpoints, of which the one away misses something."""
    half = plan.usd_per_month.value / 2
    part = plan.model_copy(
        update={"more_endpoints": (), "usd_per_month": Interval(value=half, lo=half, hi=half)}
    )
    return [measurement(part, home_ms), measurement(part, away_ms, missed=missed)]


def next_fleet(measured: list[Measurement], *front: Plan) -> Plan | None:
    spec = factories.spec(constraints=ASKED)
    return better_fleet(Tried(spec, matched(*front), measured, replaces_former=False)).plan


def test_the_next_fleet_is_one_that_holds_by_the_error_of_the_worst_region() -> None:
    slow, still_slow, fast = fleet("a", 400, 100), fleet("b", 300, 100), fleet("c", 200, 100)
    found = next_fleet(measured_fleet(slow, 400, 800, *MISSED), slow, still_slow, fast)
    assert found is not None
    assert found.id == "c"  # 300 ms would be 600 in one of the regions
    assert (found.more_endpoints, found.origins) == (fast.more_endpoints, fast.origins)


def test_a_fleet_that_is_too_dear_is_followed_by_a_cheaper_one() -> None:
    dear, half_as_dear, cheaper = fleet("a", 300, 100), fleet("b", 100, 99), fleet("c", 400, 60)
    measured = measured_fleet(dear, 300, 300, "max_hosting_usd_per_month")
    found = next_fleet(measured, dear, half_as_dear, cheaper)
    assert found is not None
    assert found.id == "b"
    measured += measured_fleet(half_as_dear, 300, 300, "max_hosting_usd_per_month")
    found = next_fleet(measured, dear, half_as_dear, cheaper)
    assert found is not None
    assert found.id == "c"


def test_a_fleet_stays_in_its_regions_and_so_many_are_tried() -> None:
    slow = fleet("a", 400, 100)
    missed = measured_fleet(slow, 400, 800, *MISSED)
    assert next_fleet(missed, slow, fleet("b", 100, 100, FAR), on("c", 100)) is None
    fleets = [fleet(f"s{i}", 400 - 50 * i, 100) for i in range(MAX_SERVERS + 1)]
    tried = [m for each in fleets[:-1] for m in measured_fleet(each, 900, 900, *MISSED)]
    assert next_fleet(tried[:-2], *fleets) is not None
    assert next_fleet(tried, *fleets) is None
