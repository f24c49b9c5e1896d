"""Time and memory of an exact plan, and the front beside what NSGA-II finds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.planner_requests import check, request
from stratos.catalog.servers import InstanceType, ServerCatalog
from stratos.planning.candidates.pool_builder import PoolBuilder
from stratos.planning.choose import plan_before_probing
from stratos.planning.forecast.transformer import transformer
from stratos.planning.front import hypervolume, non_dominated

COPIES = (1, 2, 4, 8)
_CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from benchmarks.planner_scale import plan_once
plan_once(int(sys.argv[2]))
"""


def enlarged(copies: int) -> ServerCatalog:
    """The shipped catalog, so many times over: same hardware, prices up to 20% apart."""
    catalog = ServerCatalog.aws()
    rng = np.random.default_rng(0)
    rows: list[InstanceType] = list(catalog.instance_types)
    for copy in range(1, copies):
        for row in catalog.instance_types:
            factor = float(rng.uniform(0.8, 1.2))
            prices = tuple(
                p.model_copy(update={"usd_per_hour": p.usd_per_hour * factor}) for p in row.prices
            )
            family, dot, size = row.instance_type.rpartition(".")
            name = f"{family}c{copy}{dot}{size}"
            rows.append(row.model_copy(update={"instance_type": name, "prices": prices}))
    return catalog.model_copy(update={"instance_types": tuple(rows)})


def plan_once(copies: int) -> None:
    """Plan in this process and print what it took; imports are paid before the clock starts."""
    asked = request(enlarged(copies))
    plan_before_probing(asked)
    best, spent = float("inf"), float("inf")
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        plans = plan_before_probing(asked)
        best = min(best, time.perf_counter() - wall)
        spent = min(spent, time.process_time() - cpu)
    print(
        json.dumps(
            {
                "catalog": f"{copies}x",
                "instance_types": len(asked.servers.instance_types),
                "candidates": plans.num_candidates,
                "front": plans.front_size,
                "seconds": best,
                "cpu_seconds": spent,
                "peak_mib": peak_mib(),
            }
        )
    )


def peak_mib() -> float:
    """Most memory this process ever held (`ru_maxrss` would count its parent's, too)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def scale_rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    root = sys.path[0]
    rows = []
    for copies in COPIES:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, root, str(copies)],
            capture_output=True,
            text=True,
            check=True,
        )
        rows.append(json.loads(done.stdout))
    first, last = rows[0], rows[-1]
    growth = np.log(last["cpu_seconds"] / first["cpu_seconds"]) / np.log(COPIES[-1])
    checks = [
        check("candidates compared", first["candidates"], 10_000_000, "higher"),
        check("seconds, full catalog, best of 3", first["seconds"], 1.0, "lower"),
        check("peak memory MiB, full catalog", first["peak_mib"], 500, "lower"),
        check("growth of CPU time, exponent over 1x to 8x", float(growth), 1.5, "lower"),
    ]
    return rows, checks


# --- exact front against NSGA-II --------------------------------------------------------------


class Tables:
    """Every candidate by index: pairing, training server, fleet. Nothing is filtered."""

    def __init__(self) -> None:
        builder = PoolBuilder(request(ServerCatalog.aws()), ())
        pool = builder.build()
        self.pairings = []
        for pairing in pool.pairings:
            training = builder.training_side.every(pairing)
            serving = builder.serving_side.every(
                transformer(pairing.student), pairing.serving, pairing.work, pairing.served_on
            )
            assert training is not None
            assert serving is not None
            self.pairings.append((training.values, serving.values))
        self.horizon = pool.pairings[0].work.horizon_hours / 730.0
        self.exact = as_scored(pool.objectives)
        self.exact = self.exact[non_dominated(self.exact)]

    def objectives(self, x: np.ndarray) -> np.ndarray:
        """[n, 3] shares in 0..1 of (pairing, training row, serving row) → [n, 4] objectives."""
        found = np.empty((len(x), 4))
        number = np.minimum((x[:, 0] * len(self.pairings)).astype(int), len(self.pairings) - 1)
        for index in np.unique(number):
            rows = np.flatnonzero(number == index)
            training, serving = self.pairings[index]
            t = training[np.minimum((x[rows, 1] * len(training)).astype(int), len(training) - 1)]
            s = serving[np.minimum((x[rows, 2] * len(serving)).astype(int), len(serving) - 1)]
            usd = t[:, 2] + s[:, 2] * self.horizon
            found[rows] = np.column_stack([t[:, 0], s[:, 0], t[:, 1] + s[:, 1], usd])
        return found


def as_scored(objectives: np.ndarray) -> np.ndarray:
    points = objectives.copy()
    points[:, 1:] = np.log(points[:, 1:])
    return points


def nsga2_front(tables: Tables, seconds: float, population: int, seed: int) -> np.ndarray:
    """What NSGA-II has found after so many seconds, its set-up not counted."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import Problem
    from pymoo.optimize import minimize
    from pymoo.termination.max_time import TimeBasedTermination

    class Choice(Problem):  # type: ignore[misc]
        def _evaluate(self, x: Any, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            out["F"] = as_scored(tables.objectives(x))

    found = minimize(
        Choice(n_var=3, n_obj=4, xl=0.0, xu=1.0),
        NSGA2(pop_size=population),
        TimeBasedTermination(seconds),
        seed=seed,
        verbose=False,
    )
    return np.atleast_2d(found.F)


def hypervolume_rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    tables = Tables()
    asked = request(ServerCatalog.aws())
    started = time.perf_counter()
    plan_before_probing(asked)
    seconds = time.perf_counter() - started
    low, high = tables.exact.min(axis=0), tables.exact.max(axis=0)
    reference = np.full(4, 1.1)

    def volume(points: np.ndarray) -> float:
        return hypervolume((points - low) / (high - low), reference)

    exact = volume(tables.exact)
    rows: list[dict[str, Any]] = [
        {
            "method": "exact",
            "seconds": seconds,
            "points": len(tables.exact),
            "hypervolume": exact,
            "share": 1.0,
        }
    ]
    for factor, population in ((1, 200), (100, 1_000)):
        for seed in (0, 1):
            points = nsga2_front(tables, factor * seconds, population, seed)
            found = volume(points)
            rows.append(
                {
                    "method": f"NSGA-II, {factor}x the time, seed {seed}",
                    "seconds": factor * seconds,
                    "points": len(points),
                    "hypervolume": found,
                    "share": found / exact,
                }
            )
    best = {f: max(r["share"] for r in rows if f"{f}x the" in r["method"]) for f in (1, 100)}
    checks = [
        check("exact over NSGA-II hypervolume, equal time", 1 / best[1], 1.0, "higher"),
        check("exact over NSGA-II hypervolume, 100x its time", 1 / best[100], 1.0, "higher"),
    ]
    return rows, checks
