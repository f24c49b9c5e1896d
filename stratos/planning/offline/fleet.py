"""Fleets over several regions for traffic from several origins.

Replicas of one region serve whichever origins are sent there, so the choice does not separate as it
does within one region. Integer variables, replicas per region and instance type, are searched
by NSGA-II (Deb et al. 2002; pymoo); small cases are enumerated instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np

from stratos.catalog.servers import ServerCatalog
from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.hosting.offer import MAX_UTILISATION
from stratos.planning.arrays import Floats, Integers
from stratos.planning.forecast.network import round_trip_ms
from stratos.planning.forecast.rates import Serving, Types, replica_rates
from stratos.planning.forecast.server_table import ServerRow, ServerTable, serving_table
from stratos.planning.forecast.serving_cost import RequestShape, capacity, latency_seconds
from stratos.planning.forecast.transformer import Transformer
from stratos.planning.front import non_dominated

Search = Literal["NSGA-II", "NSGA-III"]
EXHAUSTIVE = 100_000
"""Up to this many fleets, all are enumerated."""


@dataclass(frozen=True)
class MultiRegionFleet:
    """Replicas per region and instance type, and what they give together."""

    replicas: tuple[tuple[str, str, int], ...]
    """(region, instance type, count), without the zeros."""
    p95_latency_ms: float
    """Of the origin that is served worst."""
    usd_per_month: float
    origin_p95_ms: tuple[tuple[str, float], ...]
    """Of each origin, at the replicas that serve it."""


class FleetProblem:
    """What a vector of replica counts costs, and how well it serves.

    Args:
        origins: Region of origin → requests per second.
        max_replicas: Of one instance type in one region.
    """

    def __init__(
        self,
        catalog: ServerCatalog,
        regions: Sequence[str],
        student: Transformer,
        serving: Serving,
        shape: RequestShape,
        origins: Mapping[str, float],
        max_replicas: int = 4,
    ) -> None:
        single = [row for row in serving_table(catalog, regions).rows if row.count == 1]
        types = Types(ServerTable(single), ())
        longest = shape.prompt_tokens + shape.output_tokens
        rates, possible = replica_rates(types, student, serving, longest)
        sustained = capacity(student, shape, rates)
        self.pools: list[ServerRow] = [
            row for row, fits in zip(single, possible & (sustained > 0), strict=True) if fits
        ]
        if not self.pools:
            raise ValueError(f"no server in {', '.join(regions)} holds {student.name}")
        types = Types(ServerTable(self.pools), ())
        self._rates, _ = replica_rates(types, student, serving, longest)
        one = capacity(student, shape, self._rates)
        self._sustained = MAX_UTILISATION * one * self._rates.replicas
        self._student, self._shape, self.max_replicas = student, shape, max_replicas
        self._usd = types.servers.usd_per_hour * HOURS_PER_MONTH
        self._origins = tuple(origins)
        self._demand = np.array(list(origins.values()), dtype=np.float64)
        self._round_trip = np.array(
            [[round_trip_ms(origin, pool.region) for pool in self.pools] for origin in origins]
        )
        self._nearest = np.argsort(self._round_trip, axis=1, kind="stable")

    @property
    def num_fleets(self) -> float:
        return float(self.max_replicas + 1) ** len(self.pools)

    @property
    def facts(self) -> Floats:
        """Of one instance of each pool: dollars a month, p95 at half its load, dollars a request/s.

        The unit of the last is dollars a month.
        """
        half = self._sustained / self._rates.replicas / 2
        seconds = latency_seconds(
            self._student, self._shape, half, self._rates, np.zeros_like(half)
        )
        return np.column_stack([self._usd, seconds, self._usd / self._sustained])

    def evaluate(self, counts: Integers) -> tuple[float, float, float]:
        """Return worst p95 (ms), dollars a month, and the requests/s left unserved."""
        latencies, usd, unserved = self._serve(counts)
        return float(latencies.max()), usd, unserved

    def _serve(self, counts: Integers) -> tuple[Floats, float, float]:
        """The same with the p95 of every origin.

        Each origin goes to its nearest replicas below 70% utilisation, the largest origin first;
        the overflow goes to the next nearest.
        """
        usd = float(counts @ self._usd)
        room = counts * self._sustained
        sent = np.zeros_like(self._round_trip)
        unserved = 0.0
        for origin in np.argsort(-self._demand, kind="stable"):
            left = self._demand[origin]
            for pool in self._nearest[origin]:
                taken = min(left, room[pool])
                sent[origin, pool] += taken
                room[pool] -= taken
                left -= taken
                if left <= 1e-12:
                    break
            unserved += max(0.0, left)
        if unserved > 1e-9:
            return np.full(len(self._demand), np.inf), usd, unserved
        share = sent.sum(axis=0) / (np.maximum(counts, 1) * self._rates.replicas)
        seconds = latency_seconds(
            self._student, self._shape, share, self._rates, np.zeros_like(share)
        )
        served = np.where(sent > 0, seconds * 1e3 + self._round_trip, 0.0)
        return np.asarray(served.max(axis=1)), usd, 0.0

    def fleet(self, counts: Integers) -> MultiRegionFleet:
        latencies, usd, _ = self._serve(counts)
        used = [
            (pool.region, pool.instance.instance_type, int(n))
            for pool, n in zip(self.pools, counts, strict=True)
            if n
        ]
        by_origin = zip(self._origins, latencies.tolist(), strict=True)
        return MultiRegionFleet(tuple(used), float(latencies.max()), usd, tuple(by_origin))


def plan_fleets(
    problem: FleetProblem, *, seed: int = 0, population: int = 80, generations: int = 120
) -> list[MultiRegionFleet]:
    """The front of latency against cost, cheapest first: exact where small, else by NSGA-II."""
    if problem.num_fleets <= EXHAUSTIVE:
        return exhaustive_fleets(problem)
    return searched_fleets(problem, seed=seed, population=population, generations=generations)


def exhaustive_fleets(problem: FleetProblem) -> list[MultiRegionFleet]:
    """Every fleet evaluated."""
    every = product(range(problem.max_replicas + 1), repeat=len(problem.pools))
    return _front(problem, np.array(list(every), dtype=np.int64))


def searched_fleets(
    problem: FleetProblem,
    *,
    seed: int,
    population: int,
    generations: int,
    search: Search = "NSGA-II",
) -> list[MultiRegionFleet]:
    """A genetic search over integers; the same seed gives the same fleets.

    NSGA-III's reference directions spread many objectives; with two, crowding does as well.
    """
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.algorithms.moo.nsga3 import NSGA3
    from pymoo.core.problem import ElementwiseProblem
    from pymoo.operators.crossover.sbx import SBX
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.operators.sampling.rnd import IntegerRandomSampling
    from pymoo.optimize import minimize
    from pymoo.util.ref_dirs import get_reference_directions

    class ReplicaCounts(ElementwiseProblem):  # type: ignore[misc]
        def _evaluate(self, x: Any, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            latency_ms, usd, unserved = problem.evaluate(np.asarray(x, dtype=np.int64))
            out["F"] = [min(latency_ms, 1e9), usd]
            out["G"] = [unserved]

    size = len(problem.pools)
    asked = ReplicaCounts(
        n_var=size, n_obj=2, n_ieq_constr=1, xl=0, xu=problem.max_replicas, vtype=int
    )
    operators = {
        "pop_size": population,
        "sampling": IntegerRandomSampling(),
        "crossover": SBX(prob=0.9, eta=3.0, vtype=float, repair=RoundingRepair()),
        "mutation": PM(prob=1.0, prob_var=1 / size, eta=3.0, vtype=float, repair=RoundingRepair()),
        "eliminate_duplicates": True,
    }
    if search == "NSGA-II":
        algorithm = NSGA2(**operators)
    else:
        directions = get_reference_directions("das-dennis", 2, n_partitions=population - 1)
        algorithm = NSGA3(directions, **operators)
    found = minimize(asked, algorithm, ("n_gen", generations), seed=seed, verbose=False)
    if found.X is None:
        return []
    return _front(problem, np.atleast_2d(np.asarray(found.X, dtype=np.int64)))


def _front(problem: FleetProblem, counts: Integers) -> list[MultiRegionFleet]:
    points = np.array([problem.evaluate(row)[:2] for row in counts])
    served = np.flatnonzero(np.isfinite(points[:, 0]))
    kept = served[non_dominated(points[served])]
    fleets = [problem.fleet(counts[row]) for row in kept]
    return sorted(fleets, key=lambda fleet: fleet.usd_per_month)
