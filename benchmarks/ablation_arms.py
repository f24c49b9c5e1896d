"""The arms of the ablation, and where what they learn from is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

Arm = Literal["injection", "answers_only", "alignment", "blend"]
ARMS: tuple[Arm, ...] = get_args(Arm)
ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "mahjong-waits"
WORK = ROOT / "build" / "ablation"


def records_path(arm: str) -> Path:
    """The records an arm trains on; answers only are injection's without their explanations."""
    name = "injection" if arm == "answers_only" else arm
    return WORK / f"{name}.jsonl"
