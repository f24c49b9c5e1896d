"""A run: how every part refers to it, and its row in the runs table."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from stratos.frozen import FrozenModel
from stratos.moment import Moment, now

RunStatus = Literal["running", "succeeded", "failed", "rejected", "unchanged", "stopped"]


class RunRef(FrozenModel):
    """Which run this is. Made once by ClaimRun and passed to every state."""

    run_id: str
    bucket: str
    spec_key: str
    spec_version_id: str
    execution_arn: str
    started_at: Moment
    rerun: bool = False
    """Started by a schedule: ends early when nothing changed."""
    waited_seconds: Annotated[float, Field(exclude_if=lambda seconds: seconds == 0)] = 0.0
    """For its place among the runs that work; it has taken none of the run's own time."""


class RunRow(BaseModel):
    """What the runs table knows of a run. The functions write it, the command line reads it.

    Attributes that have no field here are passed over.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: str
    bucket: str
    spec_key: str
    spec_version_id: str
    execution_arn: str
    started_at: Moment
    rerun: bool = False
    waited_seconds: float = 0.0
    status: RunStatus | Literal["deleted"] = "running"
    spec_name: str | None = None
    """None until the spec has been read."""
    ended_at: Moment | None = None
    content_hash: str | None = None
    endpoint_name: str | None = None
    """Set while the run's model is the one in service."""
    endpoint_config_name: str | None = None
    serving_regions: tuple[str, ...] = ()
    """Where an endpoint of that name is, if that is not the stack's own region alone."""
    batch_model_name: str | None = None
    """Set while the run's model is the one that batches ask."""
    expires_at: Moment | None = None
    usd_per_hour: float | None = None
    model_artifact: str | None = None
    live_since: Moment | None = None
    """When the run's model was promoted, whatever has become of it."""
    awaiting_approval_since: Moment | None = None
    approve_by: Moment | None = None
    task_token: str | None = Field(default=None, repr=False)
    """Set while the run waits for a person; who answers to it decides."""
    place_token: str | None = Field(default=None, repr=False)
    """Set while the run waits for its place: see `stratos.contracts.run_queue`."""
    queued: str | None = None
    """Its place in the queue and what it waits for. The queue says so, and whoever reads a row to
    show it adds it; the table does not hold it."""
    model_package_arn: str | None = None
    committing_at: Moment | None = None
    """When the run was about to put its model into service; may be set though it never did."""
    given_up_at: Moment | None = None
    """When CleanUp began to delete what the run has made: nothing of it is promoted any more."""

    @property
    def ref(self) -> RunRef:
        return RunRef(**{name: getattr(self, name) for name in RunRef.model_fields})

    @property
    def shown_spec_name(self) -> str:
        return self.spec_name or spec_name_in(self.run_id)

    @property
    def finished(self) -> bool:
        return self.status != "running"

    @property
    def awaits_approval(self) -> bool:
        return self.task_token is not None and not self.finished

    @property
    def awaits_place(self) -> bool:
        return self.place_token is not None and not self.finished

    @property
    def shown_status(self) -> str:
        if self.awaits_approval:
            return "awaits approval"
        return "queued" if self.awaits_place else self.status

    @property
    def in_charge(self) -> bool:
        """Whether the run's model is the one that its spec's users get."""
        return self.endpoint_name is not None or self.batch_model_name is not None

    @property
    def live(self) -> bool:
        """Whether the run is in charge and its time is not over, however the run ended.

        A run that fails after its model was promoted leaves an endpoint, which is billed.
        """
        return self.in_charge and (self.expires_at is None or self.expires_at > now())

    @property
    def in_service_since(self) -> Moment | None:
        """When the run's model was promoted; runs of before that was noted ended right after it."""
        return self.live_since or self.ended_at

    @property
    def kept(self) -> bool:
        """Whether the endpoint stays until somebody deletes it."""
        return self.live and self.endpoint_name is not None and self.expires_at is None


def spec_name_in(run_id: str) -> str:
    """The spec's name as a run's id has it, for a run whose spec was never read."""
    return run_id.rpartition("-")[0]
