"""What came of training a student: its steps, its pace, and what ended it."""

from __future__ import annotations

from typing import Literal

from stratos.contracts.jobs import JobResult, StoppedBy
from stratos.contracts.time_limit import TimeLimit, ask_for
from stratos.frozen import FrozenModel

CONTENDED_CPU_SHARE = 0.8
"""Below it, a job's pace says more about other programs than about its server."""


class CurvePoint(FrozenModel):
    """One point of the learning curve."""

    step: int
    seconds: float
    tokens: int
    loss: float
    validation_loss: float | None = None
    learning_rate: float


class RewardPoint(FrozenModel):
    """One step of reinforcement."""

    step: int
    seconds: float
    reward: float
    """Share of the step's samples that the verifier accepted."""
    validation_accuracy: float | None = None


class Reinforced(FrozenModel):
    """How reinforcement went, after training on the records."""

    steps: int
    planned_steps: int
    stopped_by: StoppedBy
    resumed_from_step: int | None
    seconds: float
    validation_questions: int
    """Set aside from its questions, to tell which weights are best."""
    accuracy_before: float | None
    """On those, of the student trained on the records; None if there was no time."""
    accuracy_after: float | None
    """Of the weights that were kept."""
    curve: tuple[RewardPoint, ...]


class DistillResult(JobResult):
    """How training went."""

    kind: Literal["distill"] = "distill"
    steps: int
    planned_steps: int
    stopped_by: StoppedBy
    resumed_from_step: int | None
    training_tokens: int
    tokens_per_second: float
    final_loss: float
    best_validation_loss: float | None
    curve: tuple[CurvePoint, ...]
    num_parameters: int
    num_trainable_parameters: int
    num_devices: int = 1
    """Processes that trained together, each with an accelerator of its own if there are any."""
    weights_sha256: str
    peak_memory_mib: float
    reinforced: Reinforced | None = None
    """None if `training.reinforcement.steps` is 0, or SIGTERM came first."""
    cpu_share: float | None = None
    """Of the CPU time that training asked for, what it got; the rest went to other programs. None
    on GPUs, and where that is not known."""
    needed_hours: float | None = None
    """`max_training_hours` that the planned steps would have needed; None if they were done."""
    time_limit: TimeLimit = TimeLimit()
    """That of the job."""
    tool_parser: str | None = None
    """vLLM's name of the parser that reads the student's tool calls. None where its chat template
    writes none, or as no parser reads them."""

    @property
    def contention(self) -> str | None:
        """Why its pace is not that of its server, in words; None if it had the processors."""
        if self.cpu_share is None or self.cpu_share >= CONTENDED_CPU_SHARE:
            return None
        return f"the machine was busy: training got {self.cpu_share:.0%} of the CPU it asked for"

    @property
    def cut_short(self) -> str | None:
        """What ended training before its planned end, in words, and what would do."""
        if self.stopped_by == "finished":
            return None
        done, planned, what = self.steps, self.planned_steps, "training"
        if self.reinforced is not None and self.reinforced.stopped_by != "finished":
            done, planned = self.reinforced.steps, self.reinforced.planned_steps
            what = "reinforcement"
        stopped = f"{what} stopped at step {done:,} of {planned:,}"
        if self.stopped_by == "sigterm":
            return f"{stopped} because SageMaker ended the job"
        return f"{stopped} by {self.time_limit.told}{ask_for(self.needed_hours)}"
