"""SmolLM2-135M-Instruct, records of real text, and the settings that contenders get alike."""

from __future__ import annotations

import os
import resource
import statistics
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from benchmarks.apart import Measured
from benchmarks.real_weights import ROOT, smollm2
from stratos.contracts.plan import Precision
from training.models.weights import LocalModel, load_model
from training.student.batches import TokenizedExample

ROWS = int(os.environ.get("STRATOS_BENCH_ROWS", "8"))
"""Records of a step; 8 are TRL's default on a device."""
RECORD_TOKENS, WRITTEN = 256, 64
"""Tokens of a record, and how many of them the student writes."""
LEARNING_RATE = 2e-5
_COMPLETION = 128
"""Tokens of a given completion."""
_NOISE = 0.05


def num_steps() -> int:
    return int(os.environ.get("STRATOS_BENCH_STEPS", "4"))


def precision() -> Precision:
    """What is computed in; weights that are trained stay float32."""
    return "bfloat16" if os.environ.get("STRATOS_BENCH_BFLOAT16") else "float32"


def load_teacher() -> LocalModel:
    return load_model("teacher", str(smollm2()), "float32")


@torch.no_grad()
def disturb(model: torch.nn.Module) -> None:
    """Move a student's matrices a little from the teacher's: there has to be something to learn."""
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        if parameter.ndim == 2:
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(noise.to(parameter.dtype), alpha=_NOISE * float(parameter.std()))


def draw_steps(written: int = _COMPLETION) -> list[list[TokenizedExample]]:
    """The records of every step: this repository's pages, cut into equal pieces.

    Args:
        written: Tokens of each completion.
    """
    tokenizer: Any = AutoTokenizer.from_pretrained(smollm2())
    needed = num_steps() * ROWS * RECORD_TOKENS
    tokens: list[int] = []
    for page in sorted(Path(ROOT, "docs").glob("*.md")):
        tokens += tokenizer.encode(page.read_text(encoding="utf-8"))
        if len(tokens) >= needed:
            break
    records = [
        TokenizedExample(tokens[start : start + RECORD_TOKENS], RECORD_TOKENS - written)
        for start in range(0, needed, RECORD_TOKENS)
    ]
    return [records[start : start + ROWS] for start in range(0, len(records), ROWS)]


@dataclass
class StepTimes:
    """CPU and wall-clock seconds of every step; the first, which fills caches, does not count."""

    cpu: list[float] = field(default_factory=lambda: [time.process_time()])
    wall: list[float] = field(default_factory=lambda: [time.perf_counter()])

    def note(self) -> None:
        self.cpu.append(time.process_time())
        self.wall.append(time.perf_counter())

    def measured(self, **losses: float) -> Measured:
        """The median step as a rate, how far steps lie apart, most memory held, and losses."""
        tokens = ROWS * RECORD_TOKENS
        return {
            "tokens_per_cpu_second": tokens / _median_step(self.cpu),
            "tokens_per_second": tokens / _median_step(self.wall),
            "step_spread": _spread(self.cpu),
            "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
            **losses,
        }


def _median_step(moments: list[float]) -> float:
    return statistics.median(_counted(moments))


def _spread(moments: list[float]) -> float:
    """The slowest counted step over the fastest, less one."""
    counted = _counted(moments)
    return max(counted) / min(counted) - 1


def _counted(moments: list[float]) -> list[float]:
    """Seconds of all steps but the first, which also warms up."""
    seconds = [end - start for start, end in pairwise(moments)]
    return seconds[1:] or seconds
