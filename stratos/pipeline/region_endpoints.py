"""What the home region and the regions that serve a model say to each other about its endpoints.

Each region gets an endpoint of the same name, which is the run's own: what is in service goes on.
Home waits for all of them, judges them together, and only then says where clients are answered.

    home:    StageRegions → in each region, at once: (HandOverEndpoint, token, heartbeat)
    region:  FetchModel → StageModel → StageConfig → StageEndpoint → WatchEndpoint … → MeasureRegion
    home:    JudgeRegions → PromoteRegions → (drain) → RetireFormer

Home's own endpoint goes the same way without FetchModel and token. Names, ARNs and URIs are written
for home; FetchModel turns them into the region's.

How long an endpoint may be there that no client asks is a matter of its tags. `stratos:stage` is
`staged` first, and its region ends it when its lease is over, whoever can be reached then. Home
makes it `prepared` for a new lease before it says anywhere that the endpoint is in service: from
then on its region asks home's record when the lease is over, and keeps the endpoint for as long as
home cannot be asked. Once it is `promoted` it ends with its time.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field, TypeAdapter

from stratos.contracts.measurements import LoadResult
from stratos.contracts.plan import Plan
from stratos.contracts.run import RunRef
from stratos.contracts.served import ServedRegion
from stratos.frozen import CrossingModel, FrozenModel
from stratos.hosting.deployment import EndpointDeployment
from stratos.moment import Moment
from stratos.pipeline.steps import JobFailure, Parsed
from stratos.pipeline.worker_jobs import Home, WorkerJob

LONGEST_STAGING_SECONDS = 6 * 3600
"""That home waits for a region: copies, an endpoint that takes almost three hours, its load."""
STAGED_SECONDS = 8 * 3600
"""Lease of an endpoint that nobody asks: longer than home waits for the slowest region."""
PREPARED_SECONDS = 2 * 3600
"""Lease of an endpoint that home is about to put into service."""
MARGIN_SECONDS = 1800
"""Of a lease, what home leaves: a sweeper that saw the end of it has done its work by then."""


class RegionOrigin(FrozenModel):
    """Requests from one region that an endpoint is planned to answer."""

    origin: str
    requests_per_second: float
    network_ms: float
    """Round trip to the endpoint."""


class RegionEndpoint(FrozenModel):
    """One of the endpoints that serve a model, and what is expected of it."""

    region: str
    deployment: EndpointDeployment
    plan: Plan
    """With the server and the forecasts of this endpoint alone."""
    origins: tuple[RegionOrigin, ...]
    beyond_ms: float
    """Of the network, what its farthest origin has more than the client that measures it."""
    asks_all: bool
    """Whether every held-out question is asked, since it was evaluated through another engine."""

    @property
    def requests_per_second(self) -> float:
        return sum(origin.requests_per_second for origin in self.origins)


class StagedFleet(FrozenModel):
    """Every endpoint that a run makes for its model: `staged.json`."""

    endpoints: tuple[RegionEndpoint, ...]
    lease_ends: Moment

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(endpoint.region for endpoint in self.endpoints)

    @property
    def name(self) -> str:
        """Of each endpoint, and of its configuration and model."""
        return self.endpoints[0].deployment.endpoint_name


class StageInput(FrozenModel):
    """A model that was registered and approved, and waits for its turn."""

    run: RunRef


class HandOverEndpointInput(FrozenModel):
    run: RunRef
    staged: RegionEndpoint
    task_token: str


class WorkerEndpoint(CrossingModel):
    """Input of the region's state machine."""

    run: RunRef
    staged: RegionEndpoint
    """As it stands for home; after FetchModel, for the region."""
    home: Home


ASKED: TypeAdapter[WorkerJob | WorkerEndpoint] = TypeAdapter(WorkerJob | WorkerEndpoint)
"""Reads the input of a region's state machine."""


class GiveUpInput(CrossingModel):
    """A job or an endpoint that cannot be brought to its end in this region."""

    worker: WorkerJob | None = None
    run: RunRef | None = None
    """With `staged` and `home`, those of an endpoint."""
    staged: RegionEndpoint | None = None
    home: Home | None = None
    failure: JobFailure | None = None
    event: dict[str, Any] | None = None
    """An `Execution Status Change` event instead, of an execution that was cut short. Its `detail`
    holds the machine's input as JSON text in `input`."""

    @property
    def asked(self) -> WorkerJob | WorkerEndpoint:
        """What is given up."""
        if self.event is not None:
            return ASKED.validate_json(self.event["detail"]["input"], extra="ignore")
        if self.worker is not None:
            return self.worker
        assert self.run is not None, "there is nothing to give up"
        assert self.staged is not None, "there is no endpoint to give up"
        assert self.home is not None, "there is nobody to tell"
        return WorkerEndpoint(run=self.run, staged=self.staged, home=self.home)


class WatchEndpointInput(CrossingModel):
    run: RunRef
    staged: RegionEndpoint
    home: Home | None = None
    """None at home itself."""
    looks: int
    """Before this one."""


class EndpointWatched(FrozenModel):
    serving: bool
    wait_seconds: int
    """Until it is looked at again."""
    looks: int


class MeasureRegionInput(CrossingModel):
    run: RunRef
    staged: RegionEndpoint
    home: Home | None = None


class RegionLoad(CrossingModel):
    """What an endpoint did under its share of the load, asked from its own region."""

    region: str
    started_at: Moment
    ended_at: Moment
    load: LoadResult
    answering_seconds: float
    log_lines: tuple[str, ...] = ()
    """The last ones that the engine wrote, where requests failed."""


class RegionMeasured(FrozenModel):
    """What home is answered; what was measured lies in its bucket."""

    region: str
    answered: bool = True
    """False if nobody waited for the answer any more."""


class JudgeRegionsInput(FrozenModel):
    run: RunRef


class PromoteRegionsInput(FrozenModel):
    run: RunRef
    parsed: Parsed
    package_arn: str
    """The model's version in the registry."""


class PromotedRegions(FrozenModel):
    """The model is in service; what was before is drained."""

    endpoint_name: str
    expires_at: Moment | None
    schedule_name: str | None
    drain_seconds: int | None
    """None if nothing is drained."""
    former: tuple[ServedRegion, ...]
    unconfirmed: dict[str, str] = Field(default_factory=dict)
    """Region that could not be told that its endpoint is in service → why; a sweeper tells it."""


class RetireInput(FrozenModel):
    run: RunRef
    former: tuple[ServedRegion, ...]


class Retired(FrozenModel):
    deleted: list[str]
    unreached: dict[str, str]
    """Region → why what is there stays for the sweepers."""
