"""`calibration.jsonl`: what finished runs teach the planner."""

from __future__ import annotations

from typing import Literal

from stratos.frozen import FrozenModel


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
    ignored: str | None = None
    """Why it teaches nothing, in words: what was measured is not what was predicted."""


def read_calibration(text: str) -> list[CalibrationRow]:
    """Every row of `calibration.jsonl`, those that are ignored among them."""
    return [CalibrationRow.model_validate_json(line) for line in text.splitlines() if line.strip()]
