"""What the planner is asked, and what it answers after probing."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from stratos.catalog.model_card import ModelCard
from stratos.catalog.servers import ServerCatalog
from stratos.frozen import FrozenModel
from stratos.spec import ModeName, Spec


class DatasetFacts(FrozenModel):
    """Sizes the cost model needs."""

    num_train: int
    num_probe: int
    num_heldout: int
    num_gold: int
    prompt_tokens: float
    """Mean per record."""
    answer_tokens: float


class CalibrationRow(FrozenModel):
    """Predicted and measured of one finished run, on one server."""

    run_id: str
    instance_type: str
    quantity: Literal[
        "training_tokens_per_second",
        "prefill_tokens_per_second",
        "decode_tokens_per_second",
        "p50_latency_ms",
        "p95_latency_ms",
        "accuracy",
    ]
    num_parameters: int
    num_devices: int = 1
    """Accelerators that worked on it together: in training, or on one replica of an endpoint."""
    predicted: float
    measured: float
    correction: float = 1.0
    """What calibration had already multiplied `predicted` by (the odds, for accuracy)."""


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
    """Of the endpoint in service under the spec's name, which keeps its kind; None without one."""
