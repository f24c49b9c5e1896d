"""A plan that was shown, as a run takes it: what it was made from, and what it pins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field

from stratos.contracts.plan import Plan, Server
from stratos.frozen import FrozenModel
from stratos.units import dollars

_PRICE_ROUNDING = 1e-5
"""Dollars an hour, within which a price is the same."""


class PlanBasis(FrozenModel):
    """What a plan was made from."""

    spec_sha256: str
    """Of the bytes of spec.yaml."""
    dataset_sha256: str
    """Of the dataset's files as they lay beside it: names and bytes."""
    num_records: dict[str, int]
    """In each split, with a gold answer (`gold`), and with a logged reply (`replies`)."""
    region: str
    worker_regions: tuple[str, ...] = ()


class SavedPlan(FrozenModel):
    """`plan.json` beside a spec in the bucket, and `saved_plan.json` among its run's files."""

    format_version: Literal[1] = 1
    basis: PlanBasis
    plans: Annotated[tuple[Plan, ...], Field(min_length=1)]
    """The choice, then its fallbacks in the order in which they would be tried."""

    @property
    def chosen(self) -> Plan:
        return self.plans[0]


def obstacles(
    saved: SavedPlan, spec_sha256: str, home: str, worker_regions: Sequence[str]
) -> Iterator[str]:
    """Why a stack cannot run a saved plan of a spec.

    Args:
        spec_sha256: Of the spec that is to run.
        home: The stack's region, in which it serves.
        worker_regions: Others in which it can train.
    """
    again = "plan again with `stratos plan --out`"
    if saved.basis.spec_sha256 != spec_sha256:
        yield f"the plan was made from another spec.yaml; {again}"
    if saved.basis.region != home:
        yield (
            f"the plan is for a stack in {saved.basis.region}, and this one is in {home}; plan "
            f"with --region {home}"
        )
    elif saved.chosen.regions != (home,):
        where = ", ".join(saved.chosen.regions)
        yield f"the plan serves in {where}, and a stack serves at home, in {home}; {again}"
    if saved.chosen.training.region not in (home, *worker_regions):
        yield (
            f"the plan trains in {saved.chosen.training.region}, where this stack has no worker; "
            f"it has {', '.join((home, *worker_regions))}"
        )


def differences(shown: Plan, now: Plan) -> Iterator[str]:
    """In which decisions, and in which prices, a plan is no longer what was shown."""
    for what, before, after in (
        ("teacher", shown.teacher, now.teacher),
        ("student", shown.student, now.student),
        ("method", shown.method, now.method),
        ("precision of training", shown.precision, now.precision),
        ("training server", _told(shown.training), _told(now.training)),
        ("endpoint", _told(shown.serving), _told(now.serving)),
        ("regions of endpoints", ", ".join(shown.regions), ", ".join(now.regions)),
        ("hosting mode", shown.hosting.mode, now.hosting.mode),
        ("served precision", _served(shown), _served(now)),
    ):
        if before != after:
            yield f"{what}: {before} was shown, it would be {after}"
    for use, before_server, after_server in (
        ("training", shown.training, now.training),
        ("hosting", shown.serving, now.serving),
    ):
        before_usd, after_usd = before_server.usd_per_hour, after_server.usd_per_hour
        if abs(before_usd - after_usd) > _PRICE_ROUNDING:
            yield (
                f"price of {after_server.instance_type} for {use}: {_hourly(before_usd)} was "
                f"shown, it is {_hourly(after_usd)}"
            )


def _told(server: Server) -> str:
    spot = " spot" if server.purchase == "spot" else ""
    return f"{server.count} × {server.instance_type}{server.layout}{spot} in {server.region}"


def _served(plan: Plan) -> str:
    return "unknown" if plan.engine is None else plan.engine.precision


def _hourly(usd: float) -> str:
    return f"{dollars(usd) if usd < 0.01 else f'${usd:,.4f}'} an hour"
