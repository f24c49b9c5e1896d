"""The training loop: planned steps, a deadline, checkpoints, and the best weights in the end."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Literal

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from stratos.errors import DivergedTraining
from stratos.jobs import CurvePoint
from training.checkpoints import Checkpoint, Checkpoints
from training.chunked import projected_loss
from training.clock import Clock
from training.data import MicroBatch, StepPlan
from training.distribution import Objective
from training.optimizer import Optimizers, learning_rate_factor
from training.student import Student

_MAX_GRADIENT_NORM = 1.0
_CURVE_POINTS = 60
_VALIDATIONS = 8
_FIRST_CHECKPOINT_SECONDS = 2.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schedule:
    """What training is planned to be.

    Attributes:
        planned_steps: The learning rate reaches zero after these.
        learning_rate: At its peak.
        reserve_seconds: Kept free before the deadline, for the export.
        min_checkpoint_seconds: Between two checkpoints, however cheap they are.
        checkpoint_cost_share: Of the training time, at most.
    """

    planned_steps: int
    learning_rate: float
    reserve_seconds: float = 0.0
    min_checkpoint_seconds: float = 10.0
    checkpoint_cost_share: float = 0.02


@dataclass
class TrainingState:
    """What a checkpoint keeps beside tensors."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0
    best_validation_loss: float | None = None
    pending_loss: float = 0.0
    pending_targets: int = 0
    last_validation_loss: float | None = None
    curve: tuple[CurvePoint, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How training ended."""

    state: TrainingState
    stopped_by: Literal["finished", "deadline", "sigterm"]
    resumed_from_step: int | None
    tokens_per_second: float


class Trainer:
    """Trains a student; killed anywhere and started again, it ends with the same weights."""

    def __init__(
        self,
        student: Student,
        plan: StepPlan,
        validation: list[MicroBatch],
        objective: Objective,
        optimizers: Optimizers,
        schedule: Schedule,
        checkpoints: Checkpoints | None,
        clock: Clock,
        on_step: Callable[[TrainingState, float, float], None],
    ) -> None:
        """Set up.

        Args:
            checkpoints: None where nothing is to survive this process.
            on_step: Told the state, the step's mean loss, and the tokens per second so far.
        """
        self._student, self._plan, self._validation = student, plan, validation
        self._objective, self._optimizers, self._schedule = objective, optimizers, schedule
        self._checkpoints, self._clock, self._on_step = checkpoints, clock, on_step
        self._state = TrainingState()
        self._best: dict[str, Tensor] = {}

    def run(self) -> Outcome:
        """Train until the planned steps are done, the deadline nears, or SIGTERM comes.

        The student is left with the weights of its lowest validation loss.

        Raises:
            DivergedTraining: when the loss is no longer finite.
            CorruptCheckpoint: when there are checkpoints and none can be read.
        """
        resumed_from = self._resume()
        state, schedule = self._state, self._schedule
        started, seconds_before, tokens_before = time.monotonic(), state.seconds, state.tokens
        # The first one comes early: a job is killed most often in its beginning.
        early = max(0.0, schedule.min_checkpoint_seconds - _FIRST_CHECKPOINT_SECONDS)
        saved_at, save_seconds = started - early, 0.0
        stopped_by: Literal["finished", "deadline", "sigterm"] = "finished"
        curve_every = ceil(schedule.planned_steps / _CURVE_POINTS)
        validate_every = ceil(schedule.planned_steps / _VALIDATIONS)
        speed = 0.0
        while state.step < schedule.planned_steps:
            ended = self._clock.must_end(schedule.reserve_seconds)
            if ended is not None:
                stopped_by = ended
                break
            factor = learning_rate_factor(state.step, schedule.planned_steps)
            loss = self._step(factor)
            last = state.step == schedule.planned_steps
            if state.step % validate_every == 0 or last:
                self._validate()
            state.seconds = seconds_before + time.monotonic() - started
            if state.step % curve_every == 0 or last:
                self._add_point(schedule.learning_rate * factor)
            speed = (state.tokens - tokens_before) / max(1e-9, state.seconds - seconds_before)
            self._on_step(state, loss, speed)
            since = time.monotonic() - saved_at
            pause = max(
                schedule.min_checkpoint_seconds, save_seconds / schedule.checkpoint_cost_share
            )
            if self._checkpoints is not None and since >= pause:
                saved_at = time.monotonic()
                self._save(self._checkpoints)
                save_seconds = time.monotonic() - saved_at
                saved_at = time.monotonic()
        if stopped_by != "finished":
            _log.warning("stopped by %s after %d steps", stopped_by, state.step)
            if self._checkpoints is not None:
                self._save(self._checkpoints)
        self._take_best()
        return Outcome(state, stopped_by, resumed_from, speed)

    def _step(self, factor: float) -> float:
        """Do one optimizer step and return its mean loss over the learned tokens."""
        batches = self._plan.step(self._state.step)
        num_targets = sum(len(batch.targets) for batch in batches)
        total = 0.0
        for batch in batches:
            loss = self._loss(batch.to(self._student.device))
            (loss / num_targets).backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        mean = total / max(1, num_targets)
        if not isfinite(mean):
            raise DivergedTraining(
                f"the loss became {mean} at step {self._state.step + 1}; "
                f"lower training.learning_rate (it peaks at {self._schedule.learning_rate:g})"
            )
        clip_grad_norm_(self._optimizers.parameters, _MAX_GRADIENT_NORM)
        self._optimizers.step(factor)
        state = self._state
        state.step += 1
        state.tokens += sum(batch.num_tokens for batch in batches)
        state.pending_loss += total
        state.pending_targets += num_targets
        return mean

    def _loss(self, batch: MicroBatch) -> Tensor:
        with self._student.autocast():
            hidden = self._student.hidden_states(batch.tokens)[batch.predicts]
            return projected_loss(hidden, self._student.head_weight, self._objective.loss_of(batch))

    def _validate(self) -> None:
        """Measure the validation loss and keep the weights if it is the lowest so far."""
        if not self._validation:
            return
        with torch.inference_mode():
            total = sum(float(self._loss(one.to(self._student.device))) for one in self._validation)
        loss = total / sum(len(one.targets) for one in self._validation)
        state = self._state
        state.last_validation_loss = loss
        if state.best_validation_loss is None or loss < state.best_validation_loss:
            state.best_validation_loss = loss
            self._best = {
                name: p.detach().to("cpu", copy=True)
                for name, p in self._student.trainable().items()
            }

    def _take_best(self) -> None:
        """Measure the weights training ended with, and go back to the best ones."""
        finished = self._state.step == self._schedule.planned_steps
        if not finished and self._state.step > 0:
            self._validate()
        with torch.no_grad():
            for name, parameter in self._student.trainable().items():
                if name in self._best:
                    parameter.copy_(self._best[name])

    def _add_point(self, learning_rate: float) -> None:
        state = self._state
        point = CurvePoint(
            step=state.step,
            seconds=state.seconds,
            tokens=state.tokens,
            loss=state.pending_loss / max(1, state.pending_targets),
            validation_loss=state.last_validation_loss,
            learning_rate=learning_rate,
        )
        state.curve = (*state.curve, point)
        state.pending_loss, state.pending_targets, state.last_validation_loss = 0.0, 0, None

    def _save(self, checkpoints: Checkpoints) -> None:
        state = self._state
        tensors = {f"weights.{k}": v.detach() for k, v in self._student.trainable().items()}
        tensors |= {f"best.{k}": v for k, v in self._best.items()}
        tensors |= {f"optimizer.{k}": v for k, v in self._optimizers.tensors().items()}
        tensors["random"] = torch.get_rng_state()
        rest = vars(state) | {"curve": [point.model_dump() for point in state.curve]}
        checkpoints.save(Checkpoint(state.step, tensors, json.dumps(rest)))

    def _resume(self) -> int | None:
        found = self._checkpoints.latest() if self._checkpoints is not None else None
        if found is None:
            return None
        groups: dict[str, dict[str, Tensor]] = {"weights": {}, "best": {}, "optimizer": {}}
        for name, value in found.tensors.items():
            kind, _, key = name.partition(".")
            if kind in groups:
                groups[kind][key] = value
        with torch.no_grad():
            for name, parameter in self._student.trainable().items():
                parameter.copy_(groups["weights"][name])
        self._optimizers.restore(groups["optimizer"])
        self._best = groups["best"]
        torch.set_rng_state(found.tensors["random"])
        rest = json.loads(found.state)
        curve = tuple(CurvePoint.model_validate(point) for point in rest.pop("curve"))
        self._state = TrainingState(curve=curve, **rest)
        _log.info("resuming from step %d", found.step)
        return found.step
