"""SkyPilot's optimizer and this planner, given the same rows and the same hours.

One problem is one training job: the rows of all regions on demand that can run it, our forecast of
its hours and dollars on each, and a deadline and a budget that some row holds together. SkyPilot
takes the rows as its catalog and the hours through its time estimator. It minimises cost or time.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.planner_requests import all_regions, request
from benchmarks.tables import Row, check
from stratos.catalog.servers import ServerCatalog
from stratos.planning.arrays import Floats
from stratos.planning.candidates.pairing import Pairing
from stratos.planning.candidates.pool_builder import PoolBuilder
from stratos.planning.candidates.training_side import TrainingSide
from stratos.planning.choose import plan_before_probing
from stratos.planning.forecast.server_table import ServerTable, training_table
from stratos.planning.front import non_dominated
from stratos.planning.request import PlanningRequest
from stratos.spec import Constraints

SEED = 2510_15992
REPEATS = 100
OBJECTIVES = ("COST", "TIME")
_TOLERANCE = 1e-9


@dataclass
class Problem:
    """One training job, and what a user allows for it."""

    rows: list[int]
    """Positions in the table."""
    hours: Floats
    usd: Floats
    max_hours: float
    max_usd: float
    cpu_seconds: float
    """Of our forecast over all rows."""

    def holds(self, positions: int | Any) -> Any:
        return (self.hours[positions] <= self.max_hours) & (self.usd[positions] <= self.max_usd)

    def chosen(self) -> int:
        """Our choice: the cheapest row of the front that holds both limits."""
        front = non_dominated(np.column_stack([self.hours, self.usd]))
        allowed = front[self.holds(front)]
        return int(allowed[np.argmin(self.usd[allowed])])

    def seconds(self, usd_per_hour: Floats, objective: str) -> list[float]:
        """What SkyPilot's estimator says: all seconds for time, those that are billed for cost."""
        if objective == "TIME":
            return [float(seconds) for seconds in self.hours * 3600]
        return [float(seconds) for seconds in self.usd / usd_per_hour[self.rows] * 3600]


def on_demand(catalog: ServerCatalog) -> ServerTable:
    """Every training server of every region. Spot is priced in two ways, and left out."""
    table = training_table(catalog, all_regions(catalog))
    return ServerTable([row for row in table.rows if row.purchase == "on_demand"])


def problems(table: ServerTable, catalog: ServerCatalog, count: int) -> Iterator[Problem]:
    """Random jobs: any pair of models, any size; limits that at least one row holds."""
    rng = np.random.default_rng(SEED)
    found = 0
    while found < count:
        asked = request(
            catalog,
            Constraints(),
            num_train=int(10 ** rng.uniform(3, 4.7)),
            tokens=(float(rng.integers(30, 1500)), float(rng.integers(10, 400))),
        )
        pairings = PoolBuilder(asked, ()).build().pairings
        problem = problem_of(asked, table, pairings[rng.integers(len(pairings))], rng)
        if problem.holds(np.arange(len(problem.rows))).any():
            found += 1
            yield problem


def problem_of(
    asked: PlanningRequest, table: ServerTable, pairing: Pairing, rng: np.random.Generator
) -> Problem:
    started = time.process_time()
    side = TrainingSide(asked, table, {}, {}).every(pairing)
    spent = time.process_time() - started
    assert side is not None
    hours, usd = side.values[:, 1], side.values[:, 2]
    return Problem(
        side.rows.tolist(),
        hours,
        usd,
        max_hours=float(np.quantile(hours, rng.uniform(0.1, 0.9))),
        max_usd=float(np.quantile(usd, rng.uniform(0.1, 0.9))),
        cpu_seconds=spent,
    )


def optimizer_rows(python: Path, count: int) -> tuple[list[Row], list[Row]]:
    """Both optimizers over the same problems: choices, limits held, CPU time."""
    catalog = ServerCatalog.aws()
    table = on_demand(catalog)
    found = list(problems(table, catalog, count))
    theirs = ask_skypilot(python, table, found)
    choosing = [own_seconds(problem) for problem in found]
    whole = plan_seconds(catalog)
    rows = [
        _row(f"SkyPilot, {objective.lower()}", objective, found, theirs[objective])
        for objective in OBJECTIVES
    ]
    ours = [(problem.chosen(), seconds) for problem, seconds in zip(found, choosing, strict=True)]
    rows.append(_row("ours, cost under both limits", "COST", found, ours))
    forecast = float(np.median([problem.cpu_seconds for problem in found]))
    rows.append({"optimizer": "ours, forecast of the job on every row", "cpu_seconds": forecast})
    rows.append({"optimizer": "ours, whole plan", "cpu_seconds": whole})
    mean = float(np.mean([len(problem.rows) for problem in found]))
    cost, ours_too = rows[0]["cpu_seconds"], forecast + rows[2]["cpu_seconds"]
    return rows, [
        check("rows a problem, mean", mean, 100, "higher"),
        check("share of SkyPilot's cheapest that are ours", rows[0]["optimal"], 1, "higher"),
        check("share of SkyPilot's soonest that are ours", rows[1]["optimal"], 1, "higher"),
        check("share of our choices that hold both limits", rows[2]["holds_both"], 1, "higher"),
        check("SkyPilot's CPU time over forecast and choice of ours", cost / ours_too, 1, "higher"),
        check("SkyPilot's CPU time for a job over our whole plan's", cost / whole, 1, "higher"),
    ]


def _row(
    name: str, objective: str, found: Sequence[Problem], answers: Sequence[tuple[int, float]]
) -> Row:
    """Shares over all problems; `optimal` without regard to limits."""
    optimal, held, dearer = [], [], []
    for problem, (position, _) in zip(found, answers, strict=True):
        values = problem.usd if objective == "COST" else problem.hours
        optimal.append(values[position] <= values.min() * (1 + _TOLERANCE))
        held.append(problem.holds(position))
        dearer.append(problem.usd[position] / problem.usd[problem.chosen()])
    return {
        "optimizer": name,
        "optimal": float(np.mean(optimal)),
        "holds_both": float(np.mean(held)),
        "usd_over_ours": float(np.median(dearer)),
        "cpu_seconds": float(np.median([seconds for _, seconds in answers])),
    }


def ask_skypilot(
    python: Path, table: ServerTable, found: Sequence[Problem]
) -> dict[str, list[tuple[int, float]]]:
    """Its choices by objective, each a position in the problem's rows, with CPU seconds."""
    prices = table.usd_per_hour
    asked = {
        "rows": [
            {
                "name": row.instance.instance_type.removeprefix("ml."),
                "region": row.region,
                "usd_per_hour": row.usd_per_hour,
                "vcpu": row.instance.vcpu,
                "memory_gib": row.instance.memory_gib,
            }
            for row in table.rows
        ],
        "problems": [
            {
                "rows": problem.rows,
                "seconds": problem.seconds(prices, objective),
                "minimize": objective,
            }
            for objective in OBJECTIVES
            for problem in found
        ],
    }
    script = Path(__file__).with_name("engines_skypilot.py")
    done = subprocess.run(
        [python, script], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"SkyPilot ended with {done.returncode}:\n{done.stderr[-3000:]}")
    answers = json.loads(done.stdout.splitlines()[-1])["answers"]
    both = {objective: answers[i * len(found) :] for i, objective in enumerate(OBJECTIVES)}
    return {
        objective: [
            (problem.rows.index(answer["row"]), answer["cpu_seconds"])
            for problem, answer in zip(found, both[objective], strict=False)
        ]
        for objective in OBJECTIVES
    }


def own_seconds(problem: Problem) -> float:
    """CPU seconds of our choice, once the hours are known."""
    started = time.process_time()
    for _ in range(REPEATS):
        problem.chosen()
    return (time.process_time() - started) / REPEATS


def plan_seconds(catalog: ServerCatalog) -> float:
    """CPU seconds of a whole plan: models, methods, precisions, training and serving servers."""
    asked = request(catalog)
    plan_before_probing(asked)
    started = time.process_time()
    plan_before_probing(asked)
    return time.process_time() - started
