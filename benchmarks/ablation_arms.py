"""The arms of the ablation, and where what they learn from is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

Arm = Literal["injection", "answers_only", "answers_as_often", "alignment", "blend"]
"""All are given the same number of steps. `answers_only` has as many tokens a step as injection,
and so meets each hand more often; `answers_as_often` has as many hands a step, and fewer tokens."""
ARMS: tuple[Arm, ...] = get_args(Arm)
ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "mahjong-waits"
WORK = ROOT / "build" / "ablation"


def records_path(arm: str) -> Path:
    """The records an arm trains on; answers alone are injection's without their explanations."""
    name = "injection" if arm.startswith("answers") else arm
    return WORK / f"{name}.jsonl"
