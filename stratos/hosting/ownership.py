"""Who owns a resource, and whether anybody still does: what the sweeper decides by.

A run owns what carries its tag while its execution goes on. From its promotion on it owns the
spec's endpoint, with the configuration and model behind it, until its time is over or a later run
of the spec takes the endpoint over; while that one has the turn at it, no time ends. Where there is
no endpoint, it owns the model that batches ask.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Literal

from stratos.contracts.run import RunRef
from stratos.frozen import FrozenModel
from stratos.moment import Moment
from stratos.spec import Hosting, Spec

RUN_TAG = "stratos:run"
"""On every job, model, endpoint configuration and endpoint of a run; its value is the run id."""
STACK_TAG = "stratos:stack"
"""On the same, and on what the template makes: the stack's name."""
ROLE_RUN_TAG, ROLE_SPEC_TAG = "StratosRun", "StratosSpec"
"""On a run's roles, whose policies take the values from them: run id and the spec's name. AWS shows
no such variable with a colon in the tag's key."""
HOME_TAG = "stratos:home"
"""On a job or an endpoint that another region's stack handed over: that region. A region may be
home, and work for a home of the same name, whose runs it knows nothing of."""
SPEC_TAG = "stratos:spec"
EXPIRES_TAG = "stratos:expires"
NEVER = "never"
"""Value of the expiry tag of an endpoint that is kept."""
STAGE_TAG = "stratos:stage"
"""On an endpoint of several regions: how far it has come, as a `Stage`."""
LEASE_TAG = "stratos:lease"
"""On the same: until when nobody else ends it, while it is not in service."""
RECORD_TAG = "stratos:record"
"""On the same: URI of what says at home whether it is in service."""
Stage = Literal["staged", "prepared", "promoted"]
"""`staged`: nobody asks it. `prepared`: home may say at any moment that it is in service.
`promoted`: it is."""

CHANGING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})

STOPPING = "Stopping"
"""Of a job that was asked to stop, and uploads what it has."""

Kind = Literal[
    "inference-component",
    "endpoint",
    "endpoint-config",
    "model",
    "training-job",
    "transform-job",
    "alarm",
    "schedule",
    "rerun",
    "role",
]
"""A schedule ends an endpoint, a rerun is the schedule that runs a spec again; roles are runs'."""
_LAST_OF_A_RUN = timedelta(hours=1)
"""After its end, jobs that were stopped upload what they have, and leave their subnets."""


class Resource(FrozenModel):
    """Something Stratos made, as it is found in the account."""

    kind: Kind
    name: str
    run_id: str | None
    """Of its tag, or of an alarm's name; a schedule has none."""
    spec_name: str | None = None
    endpoint_name: str | None = None
    """The endpoint that a schedule is for, or that a component is on."""
    config_name: str | None = None
    """The configuration that an endpoint serves."""
    status: str = ""
    spec_is_gone: bool = False
    """There is no longer the spec that a rerun is of."""
    awaited: bool = False
    """A transform job that somebody started, who waits for its answers."""
    region: str = ""
    """Of what is elsewhere; empty for the stack's own."""
    stage: str = ""
    """Of an endpoint of several regions."""


def expiry(hosting: Hosting, now: datetime) -> datetime | None:
    """When the endpoint is deleted; None: never expires, as where there is no endpoint."""
    hours = hosting.lifetime_hours if hosting.has_endpoint else None
    return None if hours is None else now + timedelta(hours=hours)


def ownership_tags(stack: str, run: RunRef, spec: Spec, now: datetime) -> list[dict[str, str]]:
    """Who owns a resource, and until when, in the shape of SageMaker's `Tags`."""
    return tags_of(stack, run.run_id, spec.name, expiry(spec.hosting, now))


def tags_of(stack: str, run_id: str, spec_name: str, end: datetime | None) -> list[dict[str, str]]:
    """The same, of a run whose end is known; None where it never comes."""
    tags = {
        STACK_TAG: stack,
        RUN_TAG: run_id,
        SPEC_TAG: spec_name,
        EXPIRES_TAG: end.isoformat(timespec="seconds") if end else NEVER,
    }
    return [{"Key": key, "Value": value} for key, value in tags.items()]


class Owner(FrozenModel):
    """A run as the sweeper sees it."""

    run_id: str
    spec_name: str | None
    status: str
    running: bool
    """Its execution goes on."""
    waiting: bool = False
    """It had no place yet once the resources were listed, so that it has made none of them."""
    endpoint_name: str | None
    """Set while the run's model is the one in service."""
    expires_at: Moment | None
    batch_model_name: str | None = None
    """Set while batches ask the run's model."""
    serving_regions: tuple[str, ...] = ()
    """Of its endpoint, if that is not the stack's own region alone."""
    ended_at: Moment | None = None

    def expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


class Orphan(FrozenModel):
    """A resource without an owner, and why it has none."""

    kind: Kind
    name: str
    reason: str
    region: str = ""
    """Empty for the region of the sweeper."""


class Ownership:
    """Who owns what at one moment.

    Args:
        resources: Listed before `owners`: a run is entered before it makes anything, so that no
            resource is seen without the run that made it.
        turns: Endpoint → run that has the turn at it, listed after `resources` as well.
        unseen: Regions of which nothing could be listed.
    """

    def __init__(
        self,
        resources: Iterable[Resource],
        owners: Iterable[Owner],
        now: datetime,
        turns: Mapping[str, str],
        unseen: Collection[str] = (),
    ) -> None:
        self._unseen = set(unseen)
        self._resources = list(resources)
        self._owners = {owner.run_id: owner for owner in owners}
        self._now = now
        self._turns = turns
        self._busy = {o.spec_name for o in self._owners.values() if o.running and not o.waiting}
        endpoints = self._of("endpoint")
        kept = {r.name: r for r in endpoints if self._endpoint_reason(r) is None}
        self._kept_endpoints = kept
        self._going_endpoints = {r.name for r in endpoints} - kept.keys()
        run_of_config = {r.name: r.run_id for r in self._of("endpoint-config")}
        self._serving: set[str | None] = {
            run_of_config.get(r.config_name or "") for r in kept.values()
        }
        # CleanUp may be making an endpoint anew, of what it had.
        held = {*kept, *turns} - self._going_endpoints
        self._serving |= {o.run_id for o in self._owners.values() if o.endpoint_name in held}
        self._serving |= {o.run_id for o in self._owners.values() if o.batch_model_name}

    def orphans(self) -> list[Orphan]:
        """Resources without an owner, in the order they can go: components, endpoints, the rest."""
        return [
            Orphan(kind=resource.kind, name=resource.name, reason=reason, region=resource.region)
            for resource in self._resources
            if (reason := self._reason(resource)) is not None
        ]

    def without_endpoint(self) -> Iterator[Owner]:
        """Runs that are recorded as the owner of an endpoint that is gone, or is deleted now."""
        for owner in self._owners.values():
            name = owner.endpoint_name
            if name is None or name in self._kept_endpoints:
                continue
            if self._unseen & set(owner.serving_regions):
                continue  # it may well be there
            held = owner.spec_name in self._busy or name in self._turns
            if name in self._going_endpoints or not held:
                yield owner

    def _of(self, kind: Kind) -> list[Resource]:
        return [resource for resource in self._resources if resource.kind == kind]

    def _reason(self, resource: Resource) -> str | None:
        """Why a resource has no owner; None if it has one, or if it is not ours to judge."""
        if resource.kind == "inference-component" and resource.status in CHANGING:
            return None
        if resource.kind in ("schedule", "inference-component"):
            name = resource.endpoint_name
            if name in self._going_endpoints:
                return "its endpoint has no owner"
            kept = name in self._kept_endpoints or resource.spec_name in self._busy
            return None if kept else "its endpoint is gone"
        if resource.kind == "rerun":
            orphaned = resource.spec_is_gone and resource.spec_name not in self._busy
            return "its spec is gone" if orphaned else None
        if resource.run_id is None:
            return None
        owner = self._owners.get(resource.run_id)
        if resource.kind in ("training-job", "transform-job") and resource.status == STOPPING:
            return None  # it ends by itself
        if resource.kind == "transform-job" and resource.awaited and _exists(owner):
            return None  # it ends with its last line
        if resource.kind in ("training-job", "transform-job", "alarm"):
            return None if owner is not None and owner.running else self._state_of(resource.run_id)
        if resource.kind == "role":
            return self._role_reason(resource.run_id)
        if resource.kind == "endpoint":
            return self._endpoint_reason(resource)
        if resource.spec_name in self._busy or resource.run_id in self._serving:
            return None
        return self._state_of(resource.run_id) + " and serves nothing"

    def _endpoint_reason(self, endpoint: Resource) -> str | None:
        if endpoint.run_id is None or endpoint.status in CHANGING:
            return None
        holder = self._owners.get(self._turns.get(endpoint.name, ""))
        if holder is not None and holder.running:
            return None  # a run that goes on is about to update it
        claims = [o for o in self._owners.values() if o.endpoint_name == endpoint.name]
        if any(not owner.expired(self._now) for owner in claims):
            return None
        if not claims and endpoint.spec_name in self._busy:
            return None
        if claims:
            return f"the time of run {claims[0].run_id} was over at {claims[0].expires_at}"
        return f"{self._state_of(endpoint.run_id)} and has no claim to it"

    def _role_reason(self, run_id: str) -> str | None:
        """A role goes last: SageMaker needs it to end what runs under it."""
        owner = self._owners.get(run_id)
        ends = owner.ended_at if owner else None
        ending = owner is not None and (
            owner.running or (ends is not None and self._now < ends + _LAST_OF_A_RUN)
        )
        used = any(one.run_id == run_id and one.kind != "role" for one in self._resources)
        if ending or used or self._unseen:
            return None
        return self._state_of(run_id) + " and nothing runs under it"

    def _state_of(self, run_id: str) -> str:
        owner = self._owners.get(run_id)
        return f"run {run_id} {f'is {owner.status}' if owner else 'does not exist'}"


def _exists(owner: Owner | None) -> bool:
    return owner is not None and owner.status != "deleted"
