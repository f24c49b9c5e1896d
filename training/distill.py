"""Distill: verified records and a base model become a student."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Sequence
from math import ceil

from stratos.contracts.jobs import DistillConfig, DistillResult
from stratos.contracts.records import TrainingRecord, read_jsonl
from stratos.errors import TooFewVerifiedRecords
from stratos.planning.deadlines import REINFORCEMENT_SHARE
from stratos.planning.forecast.devices import micro_tokens as micro_tokens_of
from training.container.host import limit_threads, peak_memory_mib, runtime, use_cpus
from training.container.paths import SageMakerPaths
from training.container.world import ALONE, World
from training.job.job import Job, report_failure, run_job
from training.job.launcher import UNNAMED_FAILURE, Layout, launch
from training.judging.judge import load_judge
from training.learning.checkpoints import Checkpoints
from training.learning.on_policy import OnPolicyPlan
from training.learning.optimizer import Optimizers, default_learning_rate
from training.learning.reinforce import Reinforcer
from training.learning.rollouts import RolloutSampler, read_questions, set_aside
from training.learning.trainer import Trainer, TrainingSchedule, TrainingState
from training.models.weights import locate
from training.objectives.choose import choose_objective
from training.student.activations import checkpoint_activations
from training.student.batches import (
    BatchPlan,
    TokenizedExample,
    encode,
    micro_batches,
    split_validation,
)
from training.student.export import describe, export
from training.student.student import Student, load_student

_DEFAULT_EPOCHS = 3.0
_DEFAULT_BATCH_TOKENS = 8_192
_DEFAULT_SEQUENCE_TOKENS = 4_096
_REINFORCEMENT_RATE = 0.1
"""Of the learning rate on the records."""
_log = logging.getLogger(__name__)


def distill(job: Job[DistillConfig]) -> DistillResult | None:
    """Train the student and leave the model artifact in the model folder."""
    world = _world_of(job)
    if world is None:
        return None
    with world.joined():
        return _distill(job, world)


def _distill(job: Job[DistillConfig], world: World) -> DistillResult | None:
    config, training = job.config, job.config.training
    use_cpus(job.paths)
    records_path = job.paths.channel("records") / "records.jsonl"
    records = list(read_jsonl(records_path, TrainingRecord))
    if not records:
        raise TooFewVerifiedRecords("records.jsonl is empty; nothing to train on")
    source = locate(config.student, job.paths.channels.get("student"))
    student = load_student(
        config.student,
        source,
        config.method,
        config.precision,
        training.lora_rank,
        training.seed,
        in_main_memory=world.size > 1,
    )
    limit_threads(student.num_parameters)
    limit = min(
        training.max_sequence_tokens or _DEFAULT_SEQUENCE_TOKENS, student.local.max_positions
    )
    examples = encode(
        records,
        student.local.chat,
        max_tokens=limit,
        answers_only_marker=config.judging.answer_marker if training.answers_only else None,
    )
    learned, validation = split_validation(examples, training.seed)
    batch_tokens = training.batch_tokens or _DEFAULT_BATCH_TOKENS
    longest = max(len(example.tokens) for example in examples)
    micro_tokens = micro_tokens_of(runtime(), batch_tokens, longest, world.size)
    plan = BatchPlan(
        learned,
        batch_tokens=batch_tokens,
        micro_tokens=micro_tokens,
        seed=training.seed,
        packed=training.packing,
        processes=world.size,
    )
    num_trainable = student.num_trainable_parameters
    if world.size > 1:
        student.shard()
    objective = choose_objective(job, student, records, examples, micro_tokens)
    checkpoint_activations(student, training, micro_tokens, world, objective.held_bytes)
    rate = training.learning_rate or default_learning_rate(
        training, config.method, student.num_parameters
    )
    planned = training.max_steps or ceil(
        (training.epochs or _DEFAULT_EPOCHS) * plan.steps_per_epoch
    )
    _log.info(
        "%d records, %d tokens, %d steps of %d an epoch, peak learning rate %g",
        len(examples),
        plan.num_tokens,
        planned,
        plan.steps_per_epoch,
        rate,
    )

    def report(state: TrainingState, loss: float, speed: float) -> None:
        if not world.is_first:
            return
        left = (planned - state.step) * state.seconds / state.step
        job.progress.report(
            config.student.name,
            state.step,
            planned,
            "steps",
            tokens_per_second=speed,
            loss=loss,
            seconds_left=min(left, max(0.0, job.clock.seconds_left)),
        )

    folder = job.paths.checkpoint_dir
    reserve = _reserve(config.deadline_seconds)
    reinforces = training.reinforcement.steps > 0
    trainer = Trainer(
        student,
        OnPolicyPlan(plan, student, training) if training.on_policy_fraction > 0 else plan,
        micro_batches(validation, micro_tokens),
        objective,
        Optimizers(student.trained, training, rate),
        TrainingSchedule(
            planned,
            rate,
            reserve + (REINFORCEMENT_SHARE * config.deadline_seconds if reinforces else 0.0),
        ),
        Checkpoints(folder) if folder is not None else None,
        job.clock,
        report,
        world,
    )
    if reinforces:
        reinforcer = _reinforcer(
            job, student, records, validation, limit, micro_tokens, rate, reserve
        )
        outcome = reinforcer.resume() or trainer.run()
        # The optimizer's moments and the teacher have no use any more.
        del trainer, objective
        # Stopped by SIGTERM, the next attempt must go on with the records.
        reinforced = None if outcome.stopped_by == "sigterm" else reinforcer.run(outcome)
    else:
        outcome, reinforced = trainer.run(), None
    if world.size > 1:
        student.put_together(keep=world.is_first)
    if not world.is_first:
        return None
    state, stopped_by = outcome.state, outcome.stopped_by
    if reinforced is not None and reinforced.stopped_by != "finished":
        stopped_by = reinforced.stopped_by
    result = DistillResult(
        seconds=job.clock.seconds,
        usd=0.0,
        steps=state.step,
        planned_steps=planned,
        stopped_by=stopped_by,
        resumed_from_step=outcome.resumed_from_step,
        training_tokens=state.tokens,
        tokens_per_second=outcome.tokens_per_second,
        final_loss=state.curve[-1].loss if state.curve else 0.0,
        best_validation_loss=state.best_validation_loss,
        curve=state.curve,
        num_parameters=student.num_parameters,
        num_trainable_parameters=num_trainable,
        num_devices=world.size,
        weights_sha256=export(student, job.paths.model_dir),
        peak_memory_mib=peak_memory_mib(),
        reinforced=reinforced,
    )
    describe(
        job.paths.model_dir,
        config,
        result,
        base=config.student.hub or config.student.folder,
        records_sha256=hashlib.sha256(records_path.read_bytes()).hexdigest(),
        num_records=len(examples),
    )
    return result


def _reinforcer(
    job: Job[DistillConfig],
    student: Student,
    records: Sequence[TrainingRecord],
    validation: Sequence[TokenizedExample],
    limit: int,
    micro_tokens: int,
    rate: float,
    reserve: float,
) -> Reinforcer:
    """Prepare what follows the records.

    Raises:
        TooFewVerifiedRecords: when there is no question whose answer can be scored.
    """
    config, training = job.config, job.config.training
    settings, folder, judge = training.reinforcement, job.paths.checkpoint_dir, load_judge(job)
    unseen = {tuple(one.tokens[: one.prompt_length]) for one in validation}
    room = limit - settings.max_new_tokens
    questions = read_questions(records, student, judge, room)
    learned, aside = set_aside(questions, unseen, training.seed)
    if not learned:
        raise TooFewVerifiedRecords(
            f"none of {len(records)} records has an answer that can be scored and a question of at "
            f"most {room} tokens ({limit} in all, less reinforcement.max_new_tokens), so nothing "
            "can be rewarded; add gold answers, shorten questions or answers, or set "
            "training.reinforcement.steps to 0"
        )
    rate = settings.learning_rate or _REINFORCEMENT_RATE * rate

    def report(step: int, reward: float) -> None:
        label = f"{config.student.name}, reward {reward:.3f}"
        job.progress.report(label, step, settings.steps, "steps")

    return Reinforcer(
        student,
        RolloutSampler(student, judge, settings, training.seed, config.batch_size),
        learned,
        aside,
        settings,
        Optimizers(student.trained, training, rate),
        TrainingSchedule(settings.steps, rate, reserve),
        micro_tokens,
        Checkpoints(folder / "reinforcement") if folder is not None else None,
        job.clock,
        report,
    )


def _world_of(job: Job[DistillConfig]) -> World | None:
    """Return the processes that train together; None for one that is not needed.

    The student writes its own samples in one process: a sharded model only computes losses.
    """
    world = job.world
    if world.size == 1 or not job.config.training.writes_samples:
        return world
    if not world.is_first:
        return None
    _log.warning(
        "a student that writes its own samples trains in one process; %d others stay idle",
        world.size - 1,
    )
    return ALONE


def _reserve(deadline_seconds: float) -> float:
    """Seconds kept for the export: a twentieth of the time, within 5 and 120."""
    return min(120.0, max(5.0, 0.05 * deadline_seconds))


def main() -> int:
    try:
        layout = Layout.from_environment()
    except ValueError as error:
        report_failure(SageMakerPaths.from_environment(), error)
        return UNNAMED_FAILURE
    if layout.num_processes > 1 and "RANK" not in os.environ:
        return launch("training.distill", layout)
    return run_job("distill", DistillConfig, distill)


if __name__ == "__main__":
    sys.exit(main())
