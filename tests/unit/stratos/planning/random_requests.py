"""Planning requests drawn at random."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from stratos.catalog.quotas import Quota
from stratos.planning.request import PlanningRequest, RecentRefusal
from tests.unit.stratos.planning.planning_inputs import cpu, gpu, model, paid, request, spec

REGIONS = ("us-east-1", "eu-west-1")


@st.composite
def requests(draw: st.DrawFn) -> PlanningRequest:
    number = st.floats(0.5, 2.0)
    rows: list[Any] = [cpu()] if draw(st.booleans()) else []
    for index in range(draw(st.integers(1, 3))):
        dollars = {region: round(draw(number), 2) for region in REGIONS if draw(st.booleans())}
        row = gpu(
            f"ml.g{index}.xlarge",
            tflops=round(100 * draw(number)),
            bandwidth=round(300 * draw(number)),
            memory=draw(st.sampled_from([16.0, 22.0, 80.0])),
            usd=dollars or {"us-east-1": 1.0},
            num_accelerators=draw(st.sampled_from([1, 2, 4])),
            interconnect_gb_per_s=draw(st.sampled_from([None, 32.0, 600.0])),
            memory_gib=256,
            spot_interruptions_per_month=draw(st.sampled_from([None, 0.2])),
        )
        rows.append(row)
    # One server a step, as brute force counts.
    limits: dict[str, Any] = {"regions": REGIONS, "servers_per_step": 1}
    for name, values in (
        ("min_accuracy", [0.4, 0.7]),
        ("max_p95_latency_ms", [2_000, 3_500, 6_000]),
        ("max_training_hours", [1.2, 2.0, 10.0]),
        ("max_budget_usd", [1.0, 3.0, 50.0]),
        ("max_hosting_usd_per_month", [20.0, 700.0, 2_000.0]),
        ("max_usd_per_1000_requests", [0.3, 3.0]),
    ):
        if draw(st.booleans()):
            limits[name] = draw(st.sampled_from(values))
    teachers = [model("teacher", 7.0, prior_accuracy=0.8), paid(prior_accuracy=0.9)]
    students = [model("small", 0.5, prior_accuracy=0.4), model("large", 3.0, prior_accuracy=0.6)]
    return request(
        *rows,
        asked=spec(
            limits,
            load={
                "requests_per_second": draw(st.sampled_from([0.5, 3.0])),
                "active_hours_per_day": draw(st.sampled_from([2.0, 24.0])),
            },
            hosting={"max_cold_start_seconds": draw(st.sampled_from([None, 120.0, 1800.0]))},
        ),
        teachers=tuple(teachers[: draw(st.integers(1, 2))]),
        students=tuple(students[: draw(st.integers(1, 2))]),
    )


WORKERS = ("us-east-1", "sa-east-1", "ap-northeast-1")


@st.composite
def requests_over_regions(draw: st.DrawFn) -> PlanningRequest:
    """Requests of a stack with workers in other regions, whose traffic comes from several."""
    number = st.floats(0.5, 2.0)
    rows = []
    for index in range(draw(st.integers(1, 2))):
        dollars = {region: round(draw(number), 2) for region in WORKERS if draw(st.booleans())}
        row = gpu(
            f"ml.g{index}.xlarge",
            tflops=round(100 * draw(number)),
            bandwidth=round(300 * draw(number)),
            usd=dollars or {"sa-east-1": 1.0},
            spot_interruptions_per_month=draw(st.sampled_from([None, 0.2])),
            hosting_quota=draw(st.sampled_from([1, 2])),
        )
        rows.append(row)
    limits: dict[str, Any] = {"servers_per_step": 1}  # as brute force counts
    for name, values in (
        ("max_p95_latency_ms", [1_500, 2_500]),
        ("max_training_hours", [0.6, 0.8, 2.0]),
        ("max_budget_usd", [3.0, 50.0]),
        ("regions", [WORKERS[:2], WORKERS[::2]]),
    ):
        if draw(st.booleans()):
            limits[name] = draw(st.sampled_from(values))
    origins = {
        region: draw(st.sampled_from([0.3, 5.0, 20.0])) for region in (*WORKERS[1:], "eu-west-1")
    }
    refusals = [
        RecentRefusal(
            region=region,
            instance_type="ml.g0.xlarge",
            purchase="on_demand",
            hours_ago=draw(st.floats(0, 20)),
        )
        for region in WORKERS
        if draw(st.booleans())
    ]
    none = {"sa-east-1": {"ml.g0.xlarge": Quota(training=0, hosting=0)}}
    kept = dict(list(origins.items())[: draw(st.integers(1, 3))])
    return request(
        *rows,
        asked=spec(limits, load={"origins": kept}),
        students=(model("small", 0.5, prior_accuracy=0.4),),
        facts={"num_train": draw(st.sampled_from([2_000, 40_000])), "num_gold": 40_000},
        training_regions=WORKERS,
        serving_regions=draw(st.sampled_from([WORKERS, WORKERS[:1], WORKERS[:2]])),
        refusals=tuple(refusals),
        quotas=draw(st.sampled_from([{}, none])),
    )
