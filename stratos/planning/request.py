"""What the planner is asked."""

from __future__ import annotations

from pydantic import Field

from stratos.catalog.model_card import ModelCard
from stratos.catalog.servers import ServerCatalog
from stratos.contracts.calibration import CalibrationRow
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


class PlanningRequest(FrozenModel):
    spec: Spec
    region: str
    """Where the stack lives."""
    teachers: tuple[ModelCard, ...]
    students: tuple[ModelCard, ...]
    servers: ServerCatalog
    dataset: DatasetFacts
    calibration: tuple[CalibrationRow, ...] = ()
    spent_usd: float = Field(default=0.0, ge=0)
    spent_hours: float = Field(default=0.0, ge=0)
    live_mode: ModeName | None = None
    """Mode of the spec's endpoint in service, which cannot be changed; None without an endpoint."""
