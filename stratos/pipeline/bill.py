"""What the endpoints of a run have cost, from the moment it began to create them.

Instances are billed from then on, with or without requests: while a container starts, while
guardrails watch, and while the instances they replace are still there. A serverless endpoint is
billed only for its answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise

from stratos.contracts.measurements import LoadResult, Measurement
from stratos.hosting.deployment import Deployment
from stratos.hosting.modes.table import mode_named
from stratos.hosting.monthly import usd_per_busy_hour
from stratos.spec import Load


@dataclass(frozen=True)
class HostingBill:
    """What the endpoints of a run have cost, by what was going on."""

    deploying_usd: float = 0.0
    """Until the first request to each."""
    serving_usd: float = 0.0
    batches_usd: float = 0.0
    """Of models without an endpoint; each batch has its own bill."""

    @property
    def usd(self) -> float:
        return self.deploying_usd + self.serving_usd + self.batches_usd


def hosting_bill(
    measured: Sequence[Measurement],
    now: datetime,
    *,
    latest: Deployment | None = None,
    promoted: bool = False,
    unmeasured_batch_usd: float = 0.0,
) -> HostingBill:
    """Add up every endpoint: each until the next one has taken its place. Those of several regions
    stand side by side.

    An endpoint is taken back as soon as it is measured if its student was given up, or if it is the
    last one of a run that missed its gate. Those of regions always are: the next ones are staged
    when they are gone.

    Args:
        latest: The run's last deployment, which may have failed before it was measured.
        promoted: The endpoint measured last is in service until now.
        unmeasured_batch_usd: Of a batch that was stopped before it was measured.
    """
    known = {item.endpoint_config_name for item in measured}
    under_way = (
        latest is not None and latest.deploying_since is not None and latest.name not in known
    )
    deploying, serving, batches = 0.0, 0.0, unmeasured_batch_usd
    fleets = [list(fleet) for _, fleet in groupby(measured, lambda item: item.endpoint_config_name)]
    in_turn = [
        (item, fleet, following)
        for fleet, following in pairwise([*fleets, None])
        if fleet is not None
        for item in fleet
    ]
    for item, fleet, replaced_by in in_turn:
        if item.batch is not None:
            batches += item.batch.usd
            continue
        hourly = mode_named(item.mode).billed_usd_per_hour(item.plan.serving)
        deploying += hourly * _hours(item.deploying_since or item.started_at, item.started_at)
        gone_at = _gone_at(item, replaced_by[0] if replaced_by else None)
        if replaced_by is None and (promoted or (under_way and not item.region)):
            gone_at = now
        until = gone_at or max(one.ended_at for one in fleet)
        serving += hourly * _hours(item.started_at, until) + item.answering_usd
    if under_way:
        assert latest is not None
        assert latest.deploying_since is not None
        since = latest.deploying_since
        deploying += latest.billed_usd_per_hour * _hours(since, now)
    return HostingBill(deploying, serving, batches)


def _gone_at(item: Measurement, following: Measurement | None) -> datetime | None:
    """When an endpoint was gone, as the next one tells; None if it went once it was measured."""
    if following is None or following.attempt != item.attempt:
        return None
    return following.deploying_since if item.region else following.started_at


def usd_per_hour_of_load(deployment: Deployment, load: LoadResult, declared: Load) -> float:
    """The bill of an hour with requests at the declared rate, as measured."""
    mode = mode_named(deployment.hosting.mode)
    if mode.on_instances:
        return usd_per_busy_hour(deployment.usd_per_hour, declared)
    if load.seconds <= 0:
        return 0.0
    return mode.answering_usd(deployment.hosting, load.answering_seconds) / load.seconds * 3600


def _hours(started_at: datetime, ended_at: datetime) -> float:
    return max(0.0, (ended_at - started_at).total_seconds() / 3600)
