"""Deployment score of the choice beside choosing by one objective alone, over random specs."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.planner_requests import check, request
from stratos.catalog.servers import ServerCatalog
from stratos.planning.candidates.pool import Pool
from stratos.planning.candidates.pool_builder import PoolBuilder
from stratos.planning.choose import ranked_front, scaled_points, weights_of
from stratos.planning.front import non_dominated, scores
from stratos.planning.limits import feasible, limits_of
from stratos.spec import Constraints, Preferences

SPECS = 200
FIRST = ("accuracy", "latency", "time", "cost")


def random_spec(rng: np.random.Generator, base: Pool) -> tuple[Constraints, Preferences]:
    """Limits between the 20th and the 95th percentile of what is on offer; weights 1:10 apart."""

    def limit(values: np.ndarray) -> float | None:
        return float(np.quantile(values, rng.uniform(0.2, 0.95))) if rng.random() < 0.6 else None

    constraints = Constraints(
        max_p95_latency_ms=limit(base.latency_ms),
        max_training_hours=limit(base.hours),
        max_budget_usd=limit(base.usd_to_deploy),
        max_hosting_usd_per_month=limit(base.usd_per_month),
    )
    a, b, c, d = (float(w) for w in 10 ** rng.uniform(-0.5, 0.5, 4))
    # The score counts every millisecond, so the choice that is scored must as well.
    return constraints, Preferences(
        accuracy=a, latency=b, time=c, cost=d, latency_below_limit="counts"
    )


def score_rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rng = np.random.default_rng(2510_15992)
    aws = ServerCatalog.aws()
    base = PoolBuilder(request(aws, Constraints()), ()).build()
    gains: dict[str, list[float]] = {name: [] for name in FIRST}
    ours_mean: list[float] = []
    first_mean: dict[str, list[float]] = {name: [] for name in FIRST}
    sound, infeasible = 0, 0
    while len(ours_mean) < SPECS:
        constraints, preferences = random_spec(rng, base)
        asked = request(
            aws,
            constraints,
            preferences,
            requests_per_second=float(10 ** rng.uniform(-1, 1)),
            num_train=int(10 ** rng.uniform(3, 4.7)),
            tokens=(float(rng.integers(30, 1500)), float(rng.integers(10, 400))),
        )
        try:
            pool = PoolBuilder(asked, ()).build()
        except Exception as error:
            if type(error).__name__ != "NoFeasiblePlan":
                raise
            infeasible += 1
            continue
        limits = limits_of(asked, pool)
        rows = np.flatnonzero(feasible(limits, len(pool)))
        if not len(rows):
            infeasible += 1
            continue
        ranked = ranked_front(pool, rows, asked.spec)
        chosen = int(ranked[0])
        sound += is_sound(pool, rows, chosen)
        front = rows[non_dominated(pool.objectives[rows])]
        scaled = scaled_points(pool.objectives[front])
        achieved = dict(zip(front.tolist(), scores(scaled, weights_of(preferences)), strict=True))
        ours = float(achieved[chosen])
        ours_mean.append(ours)
        for column, name in enumerate(FIRST):
            single = one_objective_first(pool, front, column)
            theirs = float(achieved[single])
            first_mean[name].append(theirs)
            gains[name].append(ours / max(theirs, 0.05) - 1)
    table, checks = compared(ours_mean, first_mean, gains)
    checks.append(
        check("share of choices that are feasible and non-dominated", sound / SPECS, 1.0, "higher")
    )
    table.append(
        {"selection": f"({infeasible} infeasible specs redrawn)"}
        | dict.fromkeys(
            ("score", "chosen", "gain_of_means", "mean_gain", "median_gain", "worst_gain"), ""
        )
    )
    return table, checks


def compared(
    ours: list[float], theirs: dict[str, list[float]], gains: dict[str, list[float]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Set the scores of our choices beside those of choosing by each objective first."""
    table: list[dict[str, Any]] = []
    checks: list[dict[str, Any]] = []
    for name in FIRST:
        gain = np.array(gains[name])
        of_means = float(np.mean(ours) / np.mean(theirs[name]) - 1)
        table.append(
            {
                "selection": f"{name}-first",
                "score": float(np.mean(theirs[name])),
                "chosen": float(np.mean(ours)),
                "gain_of_means": of_means,
                "mean_gain": float(gain.mean()),
                "median_gain": float(np.median(gain)),
                "worst_gain": float(gain.min()),
            }
        )
        mean = float(gain.mean())
        checks.append(check(f"mean gain over {name}-first selection", mean, 0.22, "higher"))
        checks.append(check(f"worst gain over {name}-first selection", gain.min(), 0.0, "higher"))
    return table, checks


def one_objective_first(pool: Pool, front: np.ndarray, column: int) -> int:
    """The plan best in one objective; ties by the sum of the others' ranks, in its favour."""
    points = pool.objectives[front]
    others = np.delete(points, column, axis=1)
    ranks = others.argsort(axis=0).argsort(axis=0).sum(axis=1)
    return int(front[np.lexsort((ranks, points[:, column]))[0]])


def is_sound(pool: Pool, rows: np.ndarray, chosen: int) -> bool:
    """Feasible, and by definition no feasible candidate dominates it."""
    points, mine = pool.objectives[rows], pool.objectives[chosen]
    better = (points <= mine).all(axis=1) & (points < mine).any(axis=1)
    return bool(chosen in rows and not better.any())
