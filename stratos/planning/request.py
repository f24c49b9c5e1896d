"""What the planner is asked."""

from __future__ import annotations

from pydantic import Field

from stratos.catalog.model_card import ModelCard
from stratos.catalog.quotas import Quota
from stratos.catalog.servers import ServerCatalog
from stratos.contracts.calibration import CalibrationRow
from stratos.contracts.plan import Plan, Purchase
from stratos.frozen import FrozenModel
from stratos.spec import ModeName, Spec


class DatasetFacts(FrozenModel):
    """Sizes that the cost model needs."""

    num_train: int
    num_probe: int
    num_heldout: int
    num_gold: int
    num_replies: int = 0
    """Records with a logged reply."""
    prompt_tokens: float
    """Mean per record, of its text alone."""
    answer_tokens: float
    longest_prompt_tokens: float | None = None
    """Of all records, without the chat template; None where only means are known."""
    num_bytes: int | None = Field(default=None, ge=0)
    """Of the three splits together; None where only records are counted."""

    @property
    def counts(self) -> dict[str, int]:
        """Records of each kind, as a saved plan keeps them."""
        return {
            "train": self.num_train,
            "probe": self.num_probe,
            "heldout": self.num_heldout,
            "gold": self.num_gold,
            "replies": self.num_replies,
        }


class RecentRefusal(FrozenModel):
    """A region that had no capacity for a training server."""

    region: str
    instance_type: str
    purchase: Purchase
    hours_ago: float = Field(ge=0)


class PlanningRequest(FrozenModel):
    spec: Spec
    region: str
    """Where the stack and its bucket live."""
    training_regions: tuple[str, ...] = ()
    """Regions in which a stack can run jobs, home first. Of these, those that the spec allows are
    planned with; by default all that it allows, which is the stack's own if it names none."""
    serving_regions: tuple[str, ...] = ()
    """The same for endpoints."""
    modes_elsewhere: tuple[ModeName, ...] | None = None
    """Hosting modes of endpoints in other regions than the stack's own; None for every mode."""
    refusals: tuple[RecentRefusal, ...] = ()
    quotas: dict[str, dict[str, Quota]] = Field(default_factory=dict)
    """Region and instance type → what the account may use there. A region that is not named has
    those of `servers`."""
    unreached: dict[str, str] = Field(default_factory=dict)
    """Region that did not say what the account may use there → why. Nothing is planned in it."""
    teachers: tuple[ModelCard, ...]
    students: tuple[ModelCard, ...]
    servers: ServerCatalog
    dataset: DatasetFacts
    calibration: tuple[CalibrationRow, ...] = ()
    spent_usd: float = Field(default=0.0, ge=0)
    spent_hours: float = Field(default=0.0, ge=0)
    pinned: Plan | None = None
    """The one candidate that is considered: its models, servers, mode and precisions."""
    live_mode: ModeName | None = None
    """Mode of the spec's endpoint in service, which cannot be changed; None without an endpoint."""

    def allowed(self, regions: tuple[str, ...]) -> tuple[str, ...]:
        """Of some regions, those that the spec allows; by default all that it allows."""
        regions = tuple(region for region in regions if region not in self.unreached)
        named = self.spec.constraints.regions
        if not regions:
            return named or (self.region,)
        return tuple(region for region in regions if named is None or region in named)

    def may_stand(self, mode: ModeName, region: str) -> bool:
        """Whether an endpoint of a mode may be in a region."""
        modes = self.modes_elsewhere
        return region == self.region or modes is None or mode in modes

    @property
    def origins(self) -> dict[str, float]:
        """Requests per second by the region that they come from."""
        load = self.spec.load
        return load.origins or {self.region: load.requests_per_second}
