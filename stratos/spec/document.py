"""The spec as a whole."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from stratos.frozen import FrozenModel
from stratos.spec.constraints import Constraints, Load, Preferences
from stratos.spec.hosting import Hosting
from stratos.spec.models import Logs, Teacher, Weights
from stratos.spec.task import Task
from stratos.spec.training import StrategyName, Synthesis, Training

LONGEST_APPROVAL_HOURS = 168.0
DEFAULT_APPROVAL_HOURS = 72.0
Slug = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$")]
"""Lower-case letters, digits and hyphens, at most 32: it becomes part of AWS resource names."""


class Spec(FrozenModel):
    """A distillation task and its constraints."""

    version: Literal[1] = 1
    name: Slug
    description: str = ""
    task: Task
    teachers: Annotated[tuple[Teacher, ...], Field(max_length=10)] = ()
    """Candidates; by default chosen from the catalog."""
    students: Annotated[tuple[Weights, ...], Field(max_length=10)] = ()
    constraints: Constraints = Constraints()
    load: Load = Load()
    preferences: Preferences = Preferences()
    strategy: Literal["auto", StrategyName] = "auto"
    synthesis: Synthesis = Synthesis()
    training: Training = Training()
    hosting: Hosting = Hosting()
    approval: Literal["automatic", "required"] = "automatic"
    """`required`: nothing is deployed until somebody has seen the measured accuracy and run
    `stratos approve`."""
    approval_timeout_hours: Annotated[float, Field(gt=0, le=LONGEST_APPROVAL_HOURS)] | None = None
    """A run that nobody approves in time fails; 72 by default, 168 at most."""
    schedule: str | None = None
    """When to run again if inputs have changed, in EventBridge Scheduler's syntax. `rate(7 days)`
    counts minutes, hours or days from the moment the model is live; `cron(0 9 ? * MON *)` is every
    Monday at 9. The fields of `cron` are minutes, hours, day-of-month, month, day-of-week (1 is
    Sunday) and year; one of the two day fields is `?`. `cron(30 18 ? * MON-FRI *)`: on working days
    at 18:30; `cron(0 6 1 * ? *)`: on the first of a month; `cron(0 6 LW * ? *)`: on its last
    weekday; `cron(0 8 ? 3,9 MON#1 *)`: on the first Monday of March and of September."""
    schedule_timezone: Annotated[str, Field(exclude_if=lambda name: name == "UTC")] = "UTC"
    """Time zone of `cron(…)`: a name in the IANA database, such as `Europe/Berlin`. A time that
    daylight saving skips does not fire; one that it repeats fires once, the first time."""

    @model_validator(mode="after")
    def _coherent(self) -> Spec:
        if self.synthesis.per_element and self.task.verifier.kind != "set":
            raise ValueError("synthesis.per_element needs task.verifier.kind: set")
        if self.strategy in ("injection", "blend") and self.task.verifier.kind == "tool_call":
            raise ValueError(
                f"strategy: {self.strategy} lets the teacher explain a given answer, and a call is "
                "nothing to explain; use strategy: alignment, which keeps its right calls"
            )
        if self.training.reinforcement.steps > 0 and self.task.verifier.kind == "judge":
            raise ValueError(
                "training.reinforcement needs thousands of rewards, which a judge would be paid "
                "for; use another task.verifier, or set training.reinforcement.steps to 0"
            )
        for teacher in self.teachers:
            if isinstance(teacher, Weights) and teacher.layers is not None:
                raise ValueError(
                    f"teacher {teacher.folder} has `layers`; a teacher keeps all of them: "
                    "move the field to a student"
                )
        self._check_logs()
        if self.training.optimizer == "muon" and self.training.method == "lora":
            raise ValueError("training.optimizer: muon needs training.method: full")
        if self.approval_timeout_hours is not None and self.approval != "required":
            raise ValueError("approval_timeout_hours needs approval: required")
        latencies = self.constraints.latencies
        if latencies and not self.hosting.has_endpoint:
            raise ValueError(
                f"hosting.mode {self.hosting.mode} answers no single requests, whose latency "
                f"{', '.join(f'constraints.{name}' for name in latencies)} would limit: leave "
                f"{'them' if len(latencies) > 1 else 'it'} out, or choose another mode"
            )
        return self

    def _check_logs(self) -> None:
        logs = [teacher for teacher in self.teachers if isinstance(teacher, Logs)]
        if len(logs) > 1:
            raise ValueError("teachers name `kind: logs` twice; once means the whole dataset")
        if logs and len(self.teachers) == 1 and self.strategy in ("injection", "blend"):
            raise ValueError(
                f"strategy: {self.strategy} has answers explained, which no logged reply does: "
                "name a live teacher beside `kind: logs`, or use strategy: alignment"
            )

    @property
    def learns_logs(self) -> bool:
        """Whether replies of the dataset are learned."""
        return any(isinstance(teacher, Logs) for teacher in self.teachers)

    @property
    def approval_timeout_seconds(self) -> int | None:
        """How long a run waits for approval; None if it does not wait."""
        if self.approval != "required":
            return None
        return math.ceil(3600 * (self.approval_timeout_hours or DEFAULT_APPROVAL_HOURS))
