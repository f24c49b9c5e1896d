"""Reinforcement by verifiable rewards after the records were learned: GRPO (arXiv 2402.03300).

The student answers each question several times. What the run's verifier accepts becomes more
probable and what it rejects less, relative to the other answers to that question. The loss is the
mean over tokens and not over completions, so that every token counts the same (DAPO, arXiv
2503.14476).

TRL's GRPOTrainer is not used. It brings a training loop that knows no deadline, and checkpoints and
generation of its own, beside those that resume bit for bit here. All that would be used of it are
two losses, which are in `training.objectives.losses`.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import ceil, isfinite

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from stratos.contracts.distillation import CurvePoint, Reinforced, RewardPoint
from stratos.errors import DivergedTraining
from stratos.spec import Reinforcement
from training.container.clock import Interruption, JobClock
from training.container.world import ALONE, World
from training.learning.checkpoints import (
    Checkpoint,
    CheckpointPace,
    Checkpoints,
    require_same_step,
)
from training.learning.held_weights import checkpoint_tensors, put_back, restore, save, weights_now
from training.learning.optimizer import Optimizers, learning_rate_factor
from training.learning.rollouts import PolicyRollout, Question, RolloutSampler
from training.learning.trainer import ENDINGS, TrainingOutcome, TrainingSchedule, TrainingState
from training.objectives.losses import clipped_policy_loss, reference_penalty, token_log_probs
from training.student.batches import MicroBatch
from training.student.chunked_loss import LossOfLogits
from training.student.student import Student

_MAX_GRADIENT_NORM = 1.0
_VALIDATIONS = 8
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Policy:
    """Samples, with the log-probabilities that they had when they were drawn.

    Attributes:
        advantages: [targets].
        old: Log-probabilities of the targets under the policy that drew them, [targets].
        reference: The same under the student before reinforcement; None without a KL penalty.
    """

    batch: MicroBatch
    advantages: Tensor
    old: Tensor
    reference: Tensor | None


class Reinforcer:
    """Improves a student by its own samples; killed and resumed, it ends with the same weights."""

    def __init__(
        self,
        student: Student,
        sampler: RolloutSampler,
        questions: Sequence[Question],
        validation: Sequence[Question],
        settings: Reinforcement,
        optimizers: Optimizers,
        schedule: TrainingSchedule,
        micro_tokens: int,
        checkpoints: Checkpoints | None,
        clock: JobClock,
        on_step: Callable[[int, float], None],
        world: World = ALONE,
    ) -> None:
        """Set up.

        Args:
            validation: Answered greedily now and then; the weights that did best are kept.
            checkpoints: Of this phase alone.
            on_step: Called with the steps done and the last mean reward.
            world: Processes that share the samples; the student is sharded over them.
        """
        self._world = world
        self._student, self._sampler, self._settings = student, sampler, settings
        self._questions, self._validation = questions, validation
        self._optimizers, self._schedule, self._micro_tokens = optimizers, schedule, micro_tokens
        self._checkpoints, self._clock, self._on_step = checkpoints, clock, on_step
        self._step, self._seconds = 0, 0.0
        self._validated: int | None = None
        self._before: float | None = None
        self._best_accuracy: float | None = None
        self._best: dict[str, Tensor] = {}
        self._reference: dict[str, Tensor] = {}
        self._curve: tuple[RewardPoint, ...] = ()
        self._resumed_from: int | None = None

    def resume(self) -> TrainingOutcome | None:
        """Go back to this phase's newest checkpoint, if it had begun.

        Returns:
            How learning from the records had ended; None where it must still be done.

        Raises:
            CorruptCheckpoint: when there are checkpoints and none can be read.
        """
        found = self._checkpoints.latest() if self._checkpoints is not None else None
        require_same_step(found, self._world)
        if found is None:
            return None
        self._best, self._reference = restore(
            self._student, self._optimizers, found, ["best", "reference"]
        )
        state = json.loads(found.state)
        self._step = self._resumed_from = found.step
        self._seconds, self._before = state["seconds"], state["before"]
        self._validated, self._best_accuracy = state["validated"], state["best"]
        self._curve = tuple(RewardPoint.model_validate(point) for point in state["curve"])
        _log.info("resuming reinforcement from step %d", found.step)
        learned = state["learned"]
        curve = tuple(CurvePoint.model_validate(p) for p in learned["state"].pop("curve"))
        return TrainingOutcome(
            TrainingState(curve=curve, **learned["state"]),
            learned["stopped_by"],
            learned["resumed_from_step"],
            learned["tokens_per_second"],
            learned.get("cpu_share"),  # which a checkpoint of an earlier version has not
        )

    def run(self, learned: TrainingOutcome) -> Reinforced:
        """Improve the student until the steps are done, the deadline nears, or SIGTERM comes.

        Args:
            learned: How learning from the records ended; kept in every checkpoint.

        Raises:
            DivergedTraining: when the loss is no longer finite.
        """
        if self._resumed_from is None and self._settings.kl_weight > 0:
            self._reference = weights_now(self._student)
        stopped_by = self._take_steps(learned)
        if stopped_by is not None:
            _log.warning("reinforcement stopped by %s after %d steps", stopped_by, self._step)
            self._save(learned)
        if self._best:
            put_back(self._student, self._best)
        return Reinforced(
            steps=self._step,
            planned_steps=self._settings.steps,
            stopped_by=stopped_by or "finished",
            resumed_from_step=self._resumed_from,
            seconds=self._seconds,
            validation_questions=len(self._validation),
            accuracy_before=self._before,
            accuracy_after=self._best_accuracy,
            curve=self._curve,
        )

    def _take_steps(self, learned: TrainingOutcome) -> Interruption | None:
        """Draw samples and learn from them, step by step; say what interrupted that, if anything.

        Validation comes before the first step and after the last, so it is asked for at the top.
        """
        started, seconds_before = time.monotonic(), self._seconds
        schedule = self._schedule
        # The first at once: from here on a killed job must not learn the records again.
        pace = CheckpointPace(
            schedule.min_checkpoint_seconds, schedule.checkpoint_cost_share, float("inf")
        )
        stopped_by = self._ended()
        while stopped_by is None:
            if self._validation_is_due():
                self._validate()
            if self._validation_is_due():
                return self._ended()
            if self._step == self._settings.steps:
                return None
            rollout = self._sampler.draw(
                self._questions, self._step, self._micro_tokens, self._is_over
            )
            stopped_by = self._ended()
            if rollout is None:
                continue
            self._learn(rollout)
            self._step += 1
            self._seconds = seconds_before + time.monotonic() - started
            self._curve += (
                RewardPoint(step=self._step, seconds=self._seconds, reward=rollout.mean_reward),
            )
            self._on_step(self._step, rollout.mean_reward)
            if self._world.highest(int(pace.is_due)):
                pace.save(partial(self._save, learned))
        return stopped_by

    def _ended(self) -> Interruption | None:
        """Ask the clock; when one process must end, all of them end."""
        ended = self._clock.must_end(self._schedule.reserve_seconds)
        return ENDINGS[self._world.highest(ENDINGS.index(ended))]

    def _is_over(self) -> bool:
        """Whether this process has no time left; the others learn of it from what is missing."""
        return self._clock.must_end(self._schedule.reserve_seconds) is not None

    def _learn(self, rollout: PolicyRollout) -> None:
        """Take the optimizer steps on one step's samples."""
        num_tokens = sum(len(batch.targets) for batch in rollout.batches)
        if num_tokens == 0:
            return
        policies = self._policies(rollout)
        factor = learning_rate_factor(self._step, self._settings.steps)
        for _ in range(self._settings.updates):
            total = 0.0
            for policy in policies:
                loss = self._loss(policy) / num_tokens
                loss.backward()  # type: ignore[no-untyped-call]
                total += float(loss.detach())
            total = self._world.total(total)
            if not isfinite(total):
                raise DivergedTraining(
                    f"the loss of reinforcement became {total} at step {self._step + 1}; lower "
                    f"training.reinforcement.learning_rate (it peaks at "
                    f"{self._schedule.learning_rate:g})"
                )
            clip_grad_norm_(self._optimizers.parameters, _MAX_GRADIENT_NORM)
            self._optimizers.step(factor)

    def _policies(self, rollout: PolicyRollout) -> list[_Policy]:
        """This process's share of the samples, with their log-probabilities as they are now."""
        pairs = list(zip(rollout.batches, rollout.advantages, strict=True))
        shares = [
            (MicroBatch.nothing(), [0.0]) if pair is None else pair
            for pair in self._world.share(pairs)
        ]
        own = [(batch.to(self._student.device), advantages) for batch, advantages in shares]
        references: list[Tensor | None] = [None] * len(own)
        if self._settings.kl_weight > 0:
            with self._before_reinforcement():
                references = [self._log_probs(batch) for batch, _ in own]
        return [
            _Policy(
                batch,
                torch.tensor(advantages, device=batch.tokens.device).repeat_interleave(
                    batch.predicts.sum(1)
                ),
                self._log_probs(batch),
                reference,
            )
            for (batch, advantages), reference in zip(own, references, strict=True)
        ]

    def _loss(self, policy: _Policy) -> Tensor:
        settings = self._settings

        def loss(logits: Tensor, rows: slice) -> Tensor:
            chosen = token_log_probs(logits, policy.batch.targets[rows])
            found = clipped_policy_loss(
                chosen, policy.old[rows], policy.advantages[rows], settings.clip
            )
            if policy.reference is None:
                return found
            return found + settings.kl_weight * reference_penalty(chosen, policy.reference[rows])

        return self._forward(policy.batch, loss)

    @torch.no_grad()
    def _log_probs(self, batch: MicroBatch) -> Tensor:
        """Log-probabilities of the targets as the student is now, computed as in training."""
        parts = [torch.zeros(0, device=batch.tokens.device)]

        def keep(logits: Tensor, rows: slice) -> Tensor:
            parts.append(token_log_probs(logits, batch.targets[rows]).detach())
            return logits.sum()

        self._forward(batch, keep)
        return torch.cat(parts)

    def _forward(self, batch: MicroBatch, loss_of: LossOfLogits) -> Tensor:
        with self._student.autocast():
            return self._student.loss(batch, loss_of)

    def _validation_is_due(self) -> bool:
        every = ceil(self._settings.steps / _VALIDATIONS)
        planned = self._step % every == 0 or self._step == self._settings.steps
        return planned and bool(self._validation) and self._validated != self._step

    def _validate(self) -> None:
        """Measure the greedy accuracy and keep the weights if it is the highest so far."""
        accuracy = self._sampler.accuracy(self._validation, self._is_over)
        if accuracy is None:
            return
        self._validated = self._step
        if self._step == 0:
            self._before = accuracy
        else:
            point = self._curve[-1].model_copy(update={"validation_accuracy": accuracy})
            self._curve = (*self._curve[:-1], point)
        if self._best_accuracy is None or accuracy > self._best_accuracy:
            self._best_accuracy, self._best = accuracy, weights_now(self._student)

    @contextmanager
    def _before_reinforcement(self) -> Iterator[None]:
        """Give the student the weights it had when it had learned the records."""
        now = weights_now(self._student)
        put_back(self._student, self._reference)
        yield
        put_back(self._student, now)

    def _save(self, learned: TrainingOutcome) -> None:
        if self._checkpoints is None:
            return
        held = {"best": self._best, "reference": self._reference}
        tensors = checkpoint_tensors(self._student, self._optimizers, held)
        state = {
            "seconds": self._seconds,
            "validated": self._validated,
            "before": self._before,
            "best": self._best_accuracy,
            "curve": [point.model_dump() for point in self._curve],
            "learned": {
                "state": vars(learned.state)
                | {"curve": [point.model_dump() for point in learned.state.curve]},
                "stopped_by": learned.stopped_by,
                "resumed_from_step": learned.resumed_from_step,
                "tokens_per_second": learned.tokens_per_second,
                "cpu_share": learned.cpu_share,
            },
        }
        save(self._checkpoints, Checkpoint(self._step, tensors, json.dumps(state)), self._world)
