"""The joint choice over regions: speed, exactness against NSGA-II, and what it gains over home."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from typing import Any

import numpy as np

from benchmarks.planner_requests import check, request
from benchmarks.planner_scale import peak_mib
from benchmarks.planner_score import random_spec
from stratos.catalog.servers import ServerCatalog
from stratos.errors import NoFeasiblePlan
from stratos.planning.arrays import Floats
from stratos.planning.candidates.over_regions import Choices, cheapest_over_regions
from stratos.planning.candidates.pool import Pool
from stratos.planning.candidates.pool_builder import PoolBuilder
from stratos.planning.candidates.serving_side import NO_FLEET
from stratos.planning.choose import LEAST_SPAN, plan_before_probing, ranked_front, weights_of
from stratos.planning.forecast.transformer import transformer
from stratos.planning.front import hypervolume, non_dominated
from stratos.planning.limits import feasible, limits_of
from stratos.planning.request import PlanningRequest
from stratos.spec import Constraints, Load

HOME = "us-east-1"
NUM_REGIONS = 20
ORIGINS = {
    "us-east-1": 2.0,
    "eu-west-1": 1.1,
    "ap-northeast-1": 0.7,
    "ap-south-1": 0.45,
    "sa-east-1": 0.3,
}
SPECS = 200
NUM_ORIGINS = 3
LEAST_SCORE = 0.05
"""A gain is a ratio, and a score may be nothing or less."""
_CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from benchmarks.planner_regions import plan_once
plan_once(sys.argv[2])
"""


def best_priced(catalog: ServerCatalog, count: int = NUM_REGIONS) -> tuple[str, ...]:
    """The regions with the most prices that a plan may rest on, home first; GovCloud left out."""
    prices: Counter[str] = Counter(
        price.region
        for row in catalog.instance_types
        for price in row.prices
        if price.grade != "C" and not price.region.startswith(("us-gov", "unspecified"))
    )
    regions = [region for region, _ in prices.most_common(count)]
    return (HOME, *(region for region in regions if region != HOME))


def over_regions(
    asked: PlanningRequest, regions: tuple[str, ...], origins: dict[str, float]
) -> PlanningRequest:
    """The same from several origins, on a stack with workers and endpoints in some regions."""
    spec = asked.spec
    load = Load.model_validate(
        spec.load.model_dump(exclude={"origins", "requests_per_second"}) | {"origins": origins}
    )
    constraints = spec.constraints.model_copy(update={"regions": None})
    return asked.model_copy(
        update={
            "spec": spec.model_copy(update={"load": load, "constraints": constraints}),
            "training_regions": regions,
            "serving_regions": regions,
        }
    )


# --- speed ------------------------------------------------------------------------------------


def plan_once(case: str) -> None:
    """Plan in this process and print what it took; imports are paid before the clock starts."""
    aws = ServerCatalog.aws()
    asked = request(aws)
    if case != "one endpoint, all regions":
        asked = over_regions(asked, best_priced(aws), ORIGINS)
    plan_before_probing(asked)
    spent = []
    for _ in range(5):
        cpu = time.process_time()
        plans = plan_before_probing(asked)
        spent.append(time.process_time() - cpu)
    peak = peak_mib()
    single = asked
    if asked.spec.load.origins:
        single = over_regions(asked, asked.serving_regions, {HOME: sum(ORIGINS.values())})
    print(
        json.dumps(
            {
                "case": case,
                "candidates": plans.num_candidates,
                "with_one_endpoint": PoolBuilder(single, ()).build().num_candidates,
                "front": plans.front_size,
                "over_regions_on_front": sum(bool(p.more_endpoints) for p in plans.front),
                "cpu_seconds": min(spent),
                "peak_mib": peak,
            }
        )
    )


def regions_rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rows = []
    for case in ("one endpoint, all regions", "20 regions, origins in 5"):
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, sys.path[0], case],
            capture_output=True,
            text=True,
            check=True,
        )
        rows.append(json.loads(done.stdout))
    today, regions = rows
    ratio = regions["cpu_seconds"] / today["cpu_seconds"]
    checks = [
        check("combinations over 20 regions", regions["candidates"], 1e9, "higher"),
        check("CPU time over that of one endpoint, in one run", ratio, 2.5, "lower"),
        check("peak memory MiB over 20 regions", regions["peak_mib"], 150, "lower"),
    ]
    return rows, checks


# --- fleets against NSGA-II -------------------------------------------------------------------


class Fleets:
    """Every fleet over regions of one student, by integers: a region for each origin, and the
    endpoint of each region.

    Endpoints are those on the front of their region and set of origins: the search is spared the
    others.
    """

    def __init__(self, choices: list[Choices], num_origins: int) -> None:
        self.choices, self.num_origins = choices, num_origins
        self.num_regions = int(max(found.region.max() for found in choices)) + 1
        self._rows = [
            [np.flatnonzero(found.region == region) for region in range(self.num_regions)]
            for found in choices
        ]

    def evaluate(self, x: Floats) -> tuple[float, float]:
        """Latency and dollars; both infinite where a set cannot be served there."""
        homes = np.minimum(x[: self.num_origins] * self.num_regions, self.num_regions - 1)
        picks, latency, usd = x[self.num_origins :], 0.0, 0.0
        for region in set(homes.astype(int).tolist()):
            origins = sum(1 << o for o in range(self.num_origins) if int(homes[o]) == region)
            rows = self._rows[origins - 1][region]
            if not len(rows):
                return np.inf, np.inf
            row = rows[min(int(picks[region] * len(rows)), len(rows) - 1)]
            found = self.choices[origins - 1]
            latency = max(latency, float(found.latency[row]))
            usd += float(found.usd[row])
        return latency, usd


def searched(fleets: Fleets, seconds: float, population: int, seed: int) -> Floats:
    """What NSGA-II has found after so many seconds of CPU time."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import ElementwiseProblem
    from pymoo.optimize import minimize
    from pymoo.termination.max_time import TimeBasedTermination

    class Choice(ElementwiseProblem):  # type: ignore[misc]
        def _evaluate(self, x: Any, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            out["F"] = np.log(np.minimum(fleets.evaluate(np.asarray(x)), 1e12))

    size = fleets.num_origins + fleets.num_regions
    found = minimize(
        Choice(n_var=size, n_obj=2, xl=0.0, xu=1.0),
        NSGA2(pop_size=population),
        TimeBasedTermination(seconds),
        seed=seed,
        verbose=False,
    )
    return np.atleast_2d(found.F)


def fleet_rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    aws = ServerCatalog.aws()
    builder = PoolBuilder(over_regions(request(aws), best_priced(aws), ORIGINS), ())
    pairing = next(p for p in builder.build().pairings if p.served_on == "cuda")
    regional = builder.serving_side.regional
    student, ones = transformer(pairing.student), np.ones(len(builder.serving))
    choices = regional.choices(
        regional.asked(student, pairing.serving, pairing.work, "cuda", ones), mode=0
    )
    started = time.process_time()
    fleets = cheapest_over_regions(choices)
    seconds = time.process_time() - started
    alone = choices[-1]
    exact = np.log(
        np.array(
            [
                *((fleet.latency, fleet.usd) for fleet in fleets),
                *zip(alone.latency.tolist(), alone.usd.tolist(), strict=True),
            ]
        )
    )
    exact = exact[non_dominated(exact)]
    low, high = exact.min(axis=0), exact.max(axis=0)

    def volume(points: Floats) -> float:
        return float(hypervolume((points - low) / (high - low), np.full(2, 1.1)))

    rows: list[dict[str, Any]] = [
        {"method": "exact", "cpu_seconds": seconds, "points": len(exact), "share": 1.0}
    ]
    space = Fleets(choices, len(ORIGINS))
    for factor, population in ((1, 100), (300, 400)):
        for seed in (0, 1):
            points = searched(space, factor * seconds, population, seed)
            rows.append(
                {
                    "method": f"NSGA-II, {factor}x the time, seed {seed}",
                    "cpu_seconds": factor * seconds,
                    "points": len(points),
                    "share": volume(points) / volume(exact),
                }
            )
    best = max(float(row["share"]) for row in rows[1:])
    equal = max(float(row["share"]) for row in rows[1:3])
    return rows, [
        check("exact over NSGA-II hypervolume, equal time", 1 / max(equal, 1e-9), 1.0, "higher"),
        check("exact over NSGA-II hypervolume, 300x its time", 1 / best, 1.0, "higher"),
    ]


# --- gain -------------------------------------------------------------------------------------


def gain_rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rows, checks = [], []
    for homes in ("us-east-1", "any of the 20"):
        row = _gain(homes)
        rows.append(row)
        checks.append(
            check(
                f"mean gain in score over the home region alone, home {homes}: lower end",
                row["mean_gain_lo"],
                0.0,
                "higher",
            )
        )
    return rows, checks


def _gain(homes: str) -> dict[str, Any]:
    rng = np.random.default_rng(14_2510)
    aws = ServerCatalog.aws()
    regions = best_priced(aws)
    base = PoolBuilder(request(aws, Constraints()), ()).build()
    gains: list[float] = []
    scores: list[tuple[float, float]] = []
    only_elsewhere = infeasible = over_several = away = 0
    while len(gains) + only_elsewhere < SPECS:
        constraints, preferences = random_spec(rng, base)
        home = HOME if homes == HOME else str(rng.choice(regions))
        names = rng.choice(regions, NUM_ORIGINS, replace=False).tolist()
        origins = {name: float(10 ** rng.uniform(-1, 0.7)) for name in names}
        asked = request(
            aws,
            constraints,
            preferences,
            num_train=int(10 ** rng.uniform(3, 4.7)),
            tokens=(float(rng.integers(30, 1500)), float(rng.integers(10, 400))),
            region=home,
        )
        order = (home, *(region for region in regions if region != home))
        joint = _feasible(over_regions(asked, order, origins))
        if joint is None:
            infeasible += 1
            continue
        pool, rows = joint
        chosen = int(ranked_front(pool, rows, asked.spec)[0])
        over_several += int(pool.fleet[chosen]) != NO_FLEET
        away += pool.training.rows[pool.training_row[chosen]].region != home
        at_home = _feasible(over_regions(asked, (home,), origins))
        if at_home is None:
            only_elsewhere += 1
            continue
        front = rows[non_dominated(pool.objectives[rows])]
        weights = weights_of(preferences)
        ours = _score(pool.objectives[[chosen]], pool.objectives[front], weights).max()
        there, home_rows = at_home
        theirs = _score(there.objectives[home_rows], pool.objectives[front], weights).max()
        scores.append((float(ours), float(theirs)))
        gains.append(float(ours / max(theirs, LEAST_SCORE) - 1))
    found = np.array(gains)
    means = [rng.choice(found, len(found)).mean() for _ in range(4_000)]
    return {
        "home": homes,
        "specs": SPECS,
        "score": float(np.mean([ours for ours, _ in scores])),
        "score_at_home": float(np.mean([theirs for _, theirs in scores])),
        "mean_gain": float(found.mean()),
        "mean_gain_lo": float(np.quantile(means, 0.025)),
        "mean_gain_hi": float(np.quantile(means, 0.975)),
        "median_gain": float(np.median(found)),
        "worst_gain": float(found.min()),
        "best_gain": float(found.max()),
        "feasible_elsewhere_only": only_elsewhere,
        "served_in_several": over_several,
        "trained_elsewhere": away,
        "infeasible_redrawn": infeasible,
    }


def _feasible(asked: PlanningRequest) -> tuple[Pool, Any] | None:
    """A pool with its feasible rows; None if there is none."""
    try:
        pool = PoolBuilder(asked, ()).build()
    except NoFeasiblePlan:
        return None
    rows = np.flatnonzero(
        feasible(limits_of(asked, pool), len(pool)) & np.isfinite(pool.latency_ms)
    )
    return (pool, rows) if len(rows) else None


def _score(objectives: Floats, front: Floats, weights: Floats) -> Floats:
    """Deployment scores, by the scale of the joint front."""

    def logs(points: Floats) -> Floats:
        found = points.copy()
        found[:, 1:] = np.log(np.maximum(found[:, 1:], 1e-9))
        return found

    scale = logs(front)
    span = np.maximum(scale.max(axis=0) - scale.min(axis=0), LEAST_SPAN)
    scaled = (logs(objectives) - scale.min(axis=0)) / span
    return np.asarray(1.0 - scaled @ weights / weights.sum())
