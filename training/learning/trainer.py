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

from stratos.contracts.distillation import CurvePoint
from stratos.errors import DivergedTraining
from training.container.clock import Interruption, JobClock
from training.container.world import ALONE, World
from training.learning.checkpoints import (
    Checkpoint,
    CheckpointPace,
    Checkpoints,
    require_same_step,
)
from training.learning.cool_down import CoolDown, fitting_steps, steps_left
from training.learning.held_weights import checkpoint_tensors, put_back, restore, save, weights_now
from training.learning.optimizer import Optimizers, learning_rate_factor
from training.objectives.objective import GoldTokens, Objective
from training.student.batches import MicroBatch, StepPlan
from training.student.student import Student

_MAX_GRADIENT_NORM = 1.0
_CURVE_POINTS = 60
_VALIDATIONS = 8
_FIRST_CHECKPOINT_SECONDS = 2.0
ENDINGS: tuple[Interruption | None, ...] = (None, "deadline", "sigterm")
"""Processes tell each other how to end by the place in this list."""
StoppedBy = Literal["finished"] | Interruption
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingSchedule:
    """The plan of a phase of training.

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
    cools_from: int | None = None
    cools_to: int | None = None
    """The way down of a training whose deadline comes before its planned end."""
    curve: tuple[CurvePoint, ...] = ()


@dataclass(frozen=True)
class TrainingOutcome:
    """How training ended."""

    state: TrainingState
    stopped_by: StoppedBy
    resumed_from_step: int | None
    tokens_per_second: float
    cpu_share: float | None = None
    """Of the CPU time that it asked for, what it got; None on GPUs."""


class Trainer:
    """Trains a student; killed anywhere and started again, it ends with the same weights."""

    def __init__(
        self,
        student: Student,
        plan: StepPlan,
        validation: list[MicroBatch],
        objective: Objective,
        optimizers: Optimizers,
        schedule: TrainingSchedule,
        checkpoints: Checkpoints | None,
        clock: JobClock,
        on_step: Callable[[TrainingState, float, float], None],
        world: World = ALONE,
        cpu_share: Callable[[], float | None] = lambda: None,
    ) -> None:
        """Set up.

        Args:
            checkpoints: None where nothing is to survive this process.
            on_step: Called with the state, the step's mean loss, and the tokens per second so far.
            world: Processes that share every step's batches; the student is sharded over them.
            cpu_share: Of the CPU time asked for so far, what was got.
        """
        self._student, self._plan, self._validation = student, plan, validation
        self._objective, self._optimizers, self._schedule = objective, optimizers, schedule
        self._checkpoints, self._clock, self._on_step = checkpoints, clock, on_step
        self._world, self._cpu_share = world, cpu_share
        self._state = TrainingState()
        self._best: dict[str, Tensor] = {}

    def run(self) -> TrainingOutcome:
        """Train until the planned steps are done, the deadline nears, or SIGTERM comes.

        The student is left with the weights of its lowest validation loss.

        Raises:
            DivergedTraining: when the loss is no longer finite.
            CorruptCheckpoint: when there are checkpoints and none can be read.
        """
        resumed_from = self._resume()
        self._fit_cooling()
        state, planned = self._state, self._schedule.planned_steps
        started, seconds_before, tokens_before = time.monotonic(), state.seconds, state.tokens
        pace = self._checkpoint_pace()
        stopped_by: StoppedBy = "finished"
        speed = 0.0
        while state.step < planned:
            ended = "deadline" if state.step == state.cools_to else self._must_end()
            if ended is not None:
                stopped_by = ended
                break
            factor = self._rate_factor()
            loss = self._step(factor)
            if self._is_due(_VALIDATIONS):
                self._validate()
            state.seconds = seconds_before + time.monotonic() - started
            if self._is_due(_CURVE_POINTS):
                self._add_point(self._schedule.learning_rate * factor)
            self._begin_cooling(state.step - (resumed_from or 0), state.seconds - seconds_before)
            speed = (state.tokens - tokens_before) / max(1e-9, state.seconds - seconds_before)
            self._on_step(state, loss, speed)
            if self._checkpoints is not None and self._world.highest(int(pace.is_due)):
                pace.save(self._save)
        share = self._cpu_share()
        if stopped_by != "finished":
            _log.warning("stopped by %s after %d steps", stopped_by, state.step)
            self._save()
        self._take_best()
        return TrainingOutcome(state, stopped_by, resumed_from, speed, share)

    def _rate_factor(self) -> float:
        """Share of the peak learning rate in the coming step."""
        state, planned = self._state, self._schedule.planned_steps
        if state.cools_from is None or state.cools_to is None:
            return learning_rate_factor(state.step, planned)
        way_down = CoolDown(state.cools_from, state.cools_to)
        return learning_rate_factor(state.cools_from, planned) * way_down.factor(state.step)

    def _begin_cooling(self, done: int, seconds: float) -> None:
        """Let the rate go down now if the deadline comes before the planned steps are done.

        Args:
            done: Steps of this attempt, which took `seconds`.
        """
        state, planned = self._state, self._schedule.planned_steps
        if state.cools_to is not None:
            return
        left = planned - state.step
        fit = steps_left(done, seconds, self._seconds_left)
        # Of several processes, none may do a step more than another.
        fewest = self._world.lowest(left if fit is None else min(left, fit))
        if fewest < left:
            state.cools_from, state.cools_to = state.step, state.step + fewest
            _log.info("%d of %d steps fit; the rate goes down over the last", fewest, left)

    def _fit_cooling(self) -> None:
        """Fit a way down that an earlier attempt began to the deadline of this one."""
        state, left = self._state, self._schedule.planned_steps - self._state.step
        if state.cools_to is None:
            return
        fit = self._world.lowest(fitting_steps(state.step, state.seconds, self._seconds_left))
        if fit >= left:
            state.cools_from = state.cools_to = None
        else:
            state.cools_to = state.step + fit
        _log.info("resumed while the rate went down; now %d of %d steps fit", min(fit, left), left)

    @property
    def _seconds_left(self) -> float:
        """For steps, until the export must begin."""
        return self._clock.seconds_left - self._schedule.reserve_seconds

    def _checkpoint_pace(self) -> CheckpointPace:
        schedule = self._schedule
        # The first one comes early: a job is most often killed soon after its start.
        early = max(0.0, schedule.min_checkpoint_seconds - _FIRST_CHECKPOINT_SECONDS)
        return CheckpointPace(
            schedule.min_checkpoint_seconds, schedule.checkpoint_cost_share, early
        )

    def _is_due(self, times: int) -> bool:
        """Whether something done so often over all steps is to be done after this one."""
        step, planned = self._state.step, self._schedule.planned_steps
        return step % ceil(planned / times) == 0 or step == planned

    def _step(self, factor: float) -> float:
        """Do one optimizer step and return its mean loss over the learned tokens."""
        batches = self._plan.step(self._state.step)
        num_targets = sum(len(batch.targets) for batch in batches)
        total = 0.0
        for batch in self._world.share(batches):
            loss = self._loss(batch)
            (loss / num_targets).backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        total = self._world.total(total)
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

    def _loss(self, batch: MicroBatch | None) -> Tensor:
        here = (MicroBatch.nothing() if batch is None else batch).to(self._student.device)
        with self._student.autocast():
            objective = GoldTokens() if batch is None else self._objective
            return self._student.loss(here, objective.loss_of(here))

    def _must_end(self) -> Interruption | None:
        """Ask the clock; when one process must end, all of them end."""
        ended = self._clock.must_end(self._schedule.reserve_seconds)
        return ENDINGS[self._world.highest(ENDINGS.index(ended))]

    def _validate(self) -> None:
        """Measure the validation loss and keep the weights if it is the lowest so far."""
        if not self._validation:
            return
        with torch.no_grad():
            total = sum(float(self._loss(one)) for one in self._world.share(self._validation))
        loss = self._world.total(total) / sum(len(one.targets) for one in self._validation)
        state = self._state
        state.last_validation_loss = loss
        if state.best_validation_loss is None or loss < state.best_validation_loss:
            state.best_validation_loss = loss
            self._best = weights_now(self._student)

    def _take_best(self) -> None:
        """Measure the weights training ended with, and go back to the best ones."""
        finished = self._state.step == self._schedule.planned_steps
        if not finished and self._state.step > 0:
            self._validate()
        if self._best:
            put_back(self._student, self._best)

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

    def _save(self) -> None:
        if self._checkpoints is None:
            return
        state = self._state
        tensors = checkpoint_tensors(self._student, self._optimizers, {"best": self._best})
        tensors["random"] = torch.get_rng_state()
        rest = vars(state) | {"curve": [point.model_dump() for point in state.curve]}
        save(self._checkpoints, Checkpoint(state.step, tensors, json.dumps(rest)), self._world)

    def _resume(self) -> int | None:
        found = self._checkpoints.latest() if self._checkpoints is not None else None
        require_same_step(found, self._world)
        if found is None:
            return None
        (self._best,) = restore(self._student, self._optimizers, found, ["best"])
        torch.set_rng_state(found.tensors["random"])
        rest = json.loads(found.state)
        curve = tuple(CurvePoint.model_validate(point) for point in rest.pop("curve"))
        self._state = TrainingState(curve=curve, **rest)
        _log.info("resuming from step %d", found.step)
        return found.step
