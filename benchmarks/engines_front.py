"""EC2's rows beside SageMaker's in the front of training: what another engine would bring.

Each training server gets a twin at EC2's price, with the hours of its own: that EC2 starts as fast
and bills as SageMaker does is assumed, and so is that the twin could be held to a job's contract.
Serving stays SageMaker's.
"""

from __future__ import annotations

import numpy as np

from benchmarks.engines_prices import Place, ec2_prices
from benchmarks.planner_requests import request
from benchmarks.planner_score import random_spec
from benchmarks.tables import Row
from stratos.catalog.servers import InstanceType, ServerCatalog
from stratos.contracts.plan import Plan
from stratos.errors import NoFeasiblePlan
from stratos.planning.candidates.pool_builder import PoolBuilder
from stratos.planning.choose import plan_before_probing, ranked_front
from stratos.planning.limits import feasible, limits_of
from stratos.planning.request import PlanningRequest
from stratos.spec import Constraints

SEED = 2510_15992
TWIN = ".ec2"
"""After the name, since its beginning tells what an instance runs on, and so how it starts."""
SERVER_USD_PER_HOUR = 0.17
"""EC2's c5.xlarge in us-east-1: 4 processors and 8 GiB, the least that SkyPilot's documentation
asks for its API server."""
HOURS_A_MONTH = 730.0


def with_twins(catalog: ServerCatalog) -> ServerCatalog:
    """The catalog, and each training server once more at EC2's price where that is known."""
    prices = ec2_prices(catalog)
    twins = [twin(row, prices) for row in catalog.instance_types if row.training]
    return catalog.with_types(*(row for row in twins if row.prices))


def twin(row: InstanceType, prices: dict[Place, float]) -> InstanceType:
    name = row.instance_type.removeprefix("ml.")
    found = [
        price.model_copy(update={"usd_per_hour": usd, "kind": "observed", "grade": "B"})
        for price in row.prices
        if price.component == "training" and price.grade != "C"
        if (usd := prices.get((name, price.region))) is not None
    ]
    renamed = {"instance_type": row.instance_type + TWIN, "hosting": False, "prices": tuple(found)}
    return row.model_copy(update=renamed | {"spot_interruptions_per_month": None})


def front_rows(count: int) -> tuple[list[Row], list[Row]]:
    """Random specs with and without EC2's rows: the choice, and what the same work would cost."""
    catalog = ServerCatalog.aws()
    both = with_twins(catalog)
    rng = np.random.default_rng(SEED)
    base = PoolBuilder(request(catalog, Constraints()), ()).build()
    asked_usd: list[float] = []
    saved_usd: list[float] = []
    on_ec2: list[bool] = []
    in_front: list[float] = []
    while len(asked_usd) < count:
        constraints, preferences = random_spec(rng, base)
        pace, records = float(10 ** rng.uniform(-1, 1)), int(10 ** rng.uniform(3, 4.7))
        alone = request(catalog, constraints, preferences, pace, records)
        try:
            plan_before_probing(alone)
        except NoFeasiblePlan:
            continue
        joint = alone.model_copy(update={"servers": both})
        plans = plan_before_probing(joint)
        usd, less = dollars(alone, joint)
        asked_usd.append(usd)
        saved_usd.append(usd - less)
        on_ec2.append(_elsewhere(plans.chosen))
        in_front.append(float(np.mean([_elsewhere(plan) for plan in plans.front])))
    saved, server = np.array(saved_usd), SERVER_USD_PER_HOUR * HOURS_A_MONTH
    row = {
        "specs": count,
        "front_on_ec2": float(np.mean(in_front)),
        "chosen_on_ec2": float(np.mean(on_ec2)),
        "usd_to_deploy_mean": float(np.mean(asked_usd)),
        "share_saved_median": float(np.median(saved / asked_usd)),
        "usd_saved_mean": float(saved.mean()),
        "server_usd_per_month": server,
        "runs_a_month_that_pay_it": server / float(saved.mean()),
    }
    return [row], []


def dollars(alone: PlanningRequest, joint: PlanningRequest) -> tuple[float, float]:
    """Of the jobs of the plan that is chosen, and the least with EC2's rows, no later and no worse.

    Models, method and precision are the chosen plan's; so are the endpoint and its bill.
    """
    builder = PoolBuilder(alone, ())
    pool = builder.build()
    rows = np.flatnonzero(feasible(limits_of(alone, pool), len(pool)))
    best = ranked_front(pool, rows, alone.spec)[0]
    pairing = pool.pairings[pool.pairing[best]]
    before = builder.training_side.every(pairing)
    after = PoolBuilder(joint, ()).training_side.every(pairing)
    assert before is not None
    assert after is not None
    chosen = before.values[before.rows == pool.training_row[best]][0]
    as_good = (after.values[:, :2] <= chosen[:2] * (1 + 1e-9)).all(axis=1)
    return float(chosen[2]), float(after.values[as_good, 2].min())


def _elsewhere(plan: Plan) -> bool:
    return plan.training.instance_type.endswith(TWIN)
