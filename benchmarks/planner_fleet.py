"""Fleets over several regions: genetic searches against enumeration, and against a long run."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.planner_requests import check
from stratos.catalog.models import hub_card
from stratos.catalog.servers import ServerCatalog
from stratos.planning.forecast.rates import Serving
from stratos.planning.forecast.serving_cost import RequestShape
from stratos.planning.forecast.transformer import transformer
from stratos.planning.front import hypervolume
from stratos.planning.offline.fleet import (
    FleetProblem,
    MultiRegionFleet,
    exhaustive_fleets,
    searched_fleets,
)
from stratos.spec import Weights

ORIGINS = {"us-east-1": 4.0, "eu-west-1": 2.0, "ap-northeast-1": 1.0}
SMALL = ("ml.g6.xlarge", "ml.g5.xlarge")
LARGE = (*SMALL, "ml.g6e.xlarge", "ml.g4dn.xlarge", "ml.c7i.4xlarge", "ml.c7i.8xlarge")


def problem(names: tuple[str, ...], max_replicas: int) -> FleetProblem:
    aws = ServerCatalog.aws()
    chosen = tuple(aws[name] for name in names)
    student = transformer(hub_card(Weights(hub="Qwen/Qwen2.5-0.5B-Instruct")))
    return FleetProblem(
        aws.model_copy(update={"instance_types": chosen}),
        tuple(ORIGINS),
        student,
        Serving("bfloat16", "float16", 512),
        RequestShape(200, 100),
        ORIGINS,
        max_replicas,
    )


def volume(fleets: list[MultiRegionFleet], reference: np.ndarray) -> float:
    points = np.array([[f.p95_latency_ms, f.usd_per_month] for f in fleets])
    return hypervolume(points, reference)


def fleet_rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []

    def timed(
        case: str, method: str, fleets: list[MultiRegionFleet], started: float
    ) -> list[MultiRegionFleet]:
        spent = time.process_time() - started
        rows.append({"case": case, "method": method, "fleets": len(fleets), "cpu_seconds": spent})
        return fleets

    small = problem(SMALL, 4)
    case = f"{len(small.pools)} pools, {small.num_fleets:,.0f} fleets"
    start = time.process_time()
    exact = timed(case, "every fleet", exhaustive_fleets(small), start)
    start = time.process_time()
    found = timed(
        case, "NSGA-II", searched_fleets(small, seed=0, population=60, generations=60), start
    )
    large = problem(LARGE, 6)
    case = f"{len(large.pools)} pools, {large.num_fleets:.3g} fleets"
    start = time.process_time()
    short = timed(
        case, "NSGA-II", searched_fleets(large, seed=0, population=80, generations=120), start
    )
    start = time.process_time()
    other = timed(
        case,
        "NSGA-III",
        searched_fleets(large, seed=0, population=80, generations=120, search="NSGA-III"),
        start,
    )
    start = time.process_time()
    long = timed(
        case,
        "NSGA-II, long",
        searched_fleets(large, seed=1, population=160, generations=400),
        start,
    )
    shares = []
    for pair in ((found, exact), (short, long), (other, long)):
        both = [fleet for fleets in pair for fleet in fleets]
        reference = np.array(
            [1.1 * max(f.p95_latency_ms for f in both), 1.1 * max(f.usd_per_month for f in both)]
        )
        shares.append(volume(pair[0], reference) / volume(pair[1], reference))
    for row, share in zip(rows, (1.0, *shares, 1.0), strict=True):
        row["hypervolume_share"] = share
    checks = [
        check("NSGA-II over exhaustive hypervolume, small fleets", shares[0], 0.99, "higher"),
        check("NSGA-II over a long run's hypervolume, large fleets", shares[1], 0.97, "higher"),
        check(
            "NSGA-II over NSGA-III hypervolume, large fleets", shares[1] / shares[2], 1.0, "higher"
        ),
    ]
    return rows, checks
