"""Distill: verified records and a base model become a student."""

from __future__ import annotations

import hashlib
import logging
import sys
from dataclasses import replace
from pathlib import Path

from serving.export.chat_template import tool_parser
from stratos.contracts.bucket import RECORDS_FILE
from stratos.contracts.distillation import DistillResult, Reinforced
from stratos.contracts.jobs import DistillConfig
from stratos.contracts.records import TrainingRecord, read_jsonl
from stratos.errors import TooFewVerifiedRecords
from stratos.spec import CpuPrecision
from training.container.contention import cpu_share_on
from training.container.host import give_back_memory, limit_threads, peak_memory_mib, use_cpus
from training.container.world import World
from training.job.job import Job, run_job
from training.judging.judge import load_judge
from training.learning.checkpoints import Checkpoints
from training.learning.lessons import Lessons, prepare
from training.learning.on_policy import OnPolicyPlan
from training.learning.optimizer import Optimizers, default_learning_rate
from training.learning.reinforce import Reinforcer
from training.learning.rollouts import RolloutSampler, read_questions, set_aside
from training.learning.trainer import (
    StoppedBy,
    Trainer,
    TrainingOutcome,
    TrainingSchedule,
    TrainingState,
)
from training.learning.training_time import TimeCheck, TrainingTime
from training.models.weights import locate
from training.objectives.choose import choose_objective
from training.student.activations import checkpoint_activations
from training.student.batches import micro_batches
from training.student.export import (
    base_seconds,
    describe,
    export,
    export_gguf,
    exportable,
    gguf_seconds,
)
from training.student.student import Student, load_student
from training.tracking.open import figures_of, open_tracking
from training.tracking.tracker import Tracking

_REINFORCEMENT_RATE = 0.1
"""Learning rate of reinforcement, relative to that on the records."""
_log = logging.getLogger(__name__)


def distill(job: Job[DistillConfig]) -> DistillResult | None:
    """Train the student and leave the model artifact in the model folder."""
    with job.world.joined():
        return _distill(job, job.world)


def _distill(job: Job[DistillConfig], world: World) -> DistillResult | None:
    use_cpus(job.paths)
    doing = job.progress.doing if world.is_first else _log.info
    records = _read_records(job)
    doing(f"reading the weights of {job.config.student.name}")
    student = _open_student(job, world)
    job = _exporting(job, exportable(student, job.config, records))
    doing(f"tokenizing {len(records):,} records")
    lessons = prepare(job, world, student, records)
    if job.config.teacher is not None:
        doing(f"reading the weights of {job.config.teacher.name}")
    num_trainable = student.num_trainable_parameters
    if world.size > 1:
        student.shard()
    with open_tracking(job) as tracking:
        outcome, reinforced, needed_hours = _train(job, world, student, lessons, tracking)
    # The export needs little of what training held, and would come on top of it.
    give_back_memory()
    if world.size > 1:
        student.put_together(keep=world.is_first)
    if not world.is_first:
        return None
    doing("writing the student's files")
    weights_sha256 = export(student, job.paths.model_dir, job.config.student)
    if job.config.gguf:
        doing(f"converting the student for llama.cpp: {', '.join(job.config.gguf)}")
    job = _exporting(job, export_gguf(job.paths.model_dir, job.config, records))
    result = DistillResult(
        seconds=job.clock.seconds,
        usd=0.0,
        steps=outcome.state.step,
        planned_steps=lessons.planned_steps,
        stopped_by=_stopped_by(outcome, reinforced),
        resumed_from_step=outcome.resumed_from_step,
        training_tokens=outcome.state.tokens,
        tokens_per_second=outcome.tokens_per_second,
        final_loss=outcome.state.curve[-1].loss if outcome.state.curve else 0.0,
        best_validation_loss=outcome.state.best_validation_loss,
        curve=outcome.state.curve,
        num_parameters=student.num_parameters,
        num_trainable_parameters=num_trainable,
        num_devices=world.size,
        weights_sha256=weights_sha256,
        peak_memory_mib=peak_memory_mib(),
        reinforced=reinforced,
        cpu_share=outcome.cpu_share,
        needed_hours=needed_hours,
        time_limit=job.config.time_limit,
        tool_parser=tool_parser(student.local.tokenizer),
    )
    describe(
        job.paths.model_dir,
        job.config,
        result,
        base=job.config.student.hub or job.config.student.folder,
        records_sha256=hashlib.sha256(_records_path(job).read_bytes()).hexdigest(),
        num_records=len(lessons.examples),
    )
    return result


def _exporting(job: Job[DistillConfig], gguf: tuple[CpuPrecision, ...]) -> Job[DistillConfig]:
    """The job with what can be exported of its student."""
    return replace(job, config=job.config.model_copy(update={"gguf": gguf}))


def _records_path(job: Job[DistillConfig]) -> Path:
    return job.paths.channel("records") / RECORDS_FILE


def _read_records(job: Job[DistillConfig]) -> list[TrainingRecord]:
    records = list(read_jsonl(_records_path(job), TrainingRecord))
    if not records:
        raise TooFewVerifiedRecords("records.jsonl is empty; nothing to train on")
    return records


def _open_student(job: Job[DistillConfig], world: World) -> Student:
    config = job.config
    student = load_student(
        config.student,
        locate(config.student, job.paths.channels.get("student")),
        config.method,
        config.precision,
        config.training.lora_rank,
        config.training.seed,
        in_main_memory=world.size > 1,
    )
    limit_threads(student.num_parameters)
    return student


def _train(
    job: Job[DistillConfig], world: World, student: Student, lessons: Lessons, tracking: Tracking
) -> tuple[TrainingOutcome, Reinforced | None, float | None]:
    """Learn from the records, and then, where asked for, from verified answers of its own.

    Returns:
        How both went, and the `max_training_hours` that would have sufficed if they did not.
    """
    times = _time_of(job, student)
    trainer = _trainer(job, world, student, lessons, times, tracking)
    reinforcer: Reinforcer | None = None
    if job.config.training.reinforcement.steps > 0:
        reinforcer = _reinforcer(job, world, student, lessons, times, tracking)
    # Reading the teacher and asking it once about every record take time, too.
    before = job.clock.seconds
    learned = None if reinforcer is None else reinforcer.resume()
    outcome = learned or trainer.run()
    # It holds the optimizer's state and the teacher, which are no longer needed.
    del trainer
    needed = times.for_all_steps(before, outcome, lessons.planned_steps)
    # After SIGTERM the next attempt must go on learning the records.
    if reinforcer is None or outcome.stopped_by == "sigterm":
        return outcome, None, needed
    reinforced = reinforcer.run(outcome)
    more = times.for_reinforcement(before + outcome.state.seconds, reinforced)
    return outcome, reinforced, needed or more


def _trainer(
    job: Job[DistillConfig],
    world: World,
    student: Student,
    lessons: Lessons,
    times: TrainingTime,
    tracking: Tracking,
) -> Trainer:
    """Prepare learning from the records."""
    training, plan = job.config.training, lessons.plan
    objective = choose_objective(
        job, student, lessons.records, lessons.examples, lessons.micro_tokens
    )
    # A teacher that was asked about every record is gone.
    give_back_memory()
    checkpoint_activations(student, training, lessons.micro_tokens, world, objective.held_bytes)
    planned, rate = lessons.planned_steps, _peak_learning_rate(job, student)
    _log.info(
        "%d records, %d tokens, %d steps of %d an epoch, peak learning rate %g",
        len(lessons.examples),
        plan.num_tokens,
        planned,
        plan.steps_per_epoch,
        rate,
    )

    cpu_share = cpu_share_on(student.device.type)
    check = TimeCheck(planned, times, job.clock, cpu_share)

    def report(state: TrainingState, loss: float, speed: float) -> None:
        if not world.is_first:
            return
        tracking.note(state.step, **figures_of(state, loss, speed))
        left = (planned - state.step) * state.seconds / state.step
        job.progress.report(
            job.config.student.name,
            state.step,
            planned,
            "steps",
            tokens_per_second=speed,
            loss=loss,
            seconds_left=min(left, max(0.0, job.clock.seconds_left)),
            note=check.after(state.step, speed, state.seconds / state.step),
        )

    folder = job.paths.checkpoint_dir
    return Trainer(
        student,
        OnPolicyPlan(plan, student, training, world) if training.on_policy_fraction > 0 else plan,
        micro_batches(lessons.validation, lessons.micro_tokens),
        objective,
        Optimizers(student.trained, training, rate),
        TrainingSchedule(planned, rate, times.reserve_seconds + times.reinforcement_seconds),
        Checkpoints(folder) if folder is not None else None,
        job.clock,
        report,
        world,
        cpu_share,
    )


def _reinforcer(
    job: Job[DistillConfig],
    world: World,
    student: Student,
    lessons: Lessons,
    times: TrainingTime,
    tracking: Tracking,
) -> Reinforcer:
    """Prepare what follows the records.

    Raises:
        TooFewVerifiedRecords: when there is no question whose answer can be scored.
    """
    config, training, records = job.config, job.config.training, lessons.records
    settings, folder, judge = training.reinforcement, job.paths.checkpoint_dir, load_judge(job)
    unseen = {tuple(one.tokens[: one.prompt_length]) for one in lessons.validation}
    room = lessons.max_tokens - settings.max_new_tokens
    questions = read_questions(records, student, judge, room)
    learned, aside = set_aside(questions, unseen, training.seed)
    if not learned:
        raise TooFewVerifiedRecords(
            f"none of {len(records)} records has an answer that can be scored and a question of at "
            f"most {room} tokens ({lessons.max_tokens} in all, less reinforcement.max_new_tokens), "
            "so nothing can be rewarded; add gold answers, shorten questions or answers, or set "
            "training.reinforcement.steps to 0"
        )
    rate = settings.learning_rate or _REINFORCEMENT_RATE * _peak_learning_rate(job, student)

    def report(step: int, reward: float) -> None:
        if not world.is_first:
            return
        tracking.note(lessons.planned_steps + step, reward=reward)
        label = f"{config.student.name}, reward {reward:.3f}"
        job.progress.report(label, step, settings.steps, "steps")

    return Reinforcer(
        student,
        RolloutSampler(student, judge, settings, training.seed, config.batch_size, world),
        learned,
        aside,
        settings,
        Optimizers(student.trained, training, rate),
        TrainingSchedule(settings.steps, rate, times.reserve_seconds),
        lessons.micro_tokens,
        Checkpoints(folder / "reinforcement") if folder is not None else None,
        job.clock,
        report,
        world,
    )


def _stopped_by(outcome: TrainingOutcome, reinforced: Reinforced | None) -> StoppedBy:
    """Say what ended the job: the last phase, unless it was done."""
    if reinforced is not None and reinforced.stopped_by != "finished":
        return reinforced.stopped_by
    return outcome.stopped_by


def _peak_learning_rate(job: Job[DistillConfig], student: Student) -> float:
    training = job.config.training
    return training.learning_rate or default_learning_rate(
        training, job.config.method, student.num_parameters
    )


def _time_of(job: Job[DistillConfig], student: Student) -> TrainingTime:
    config = job.config
    files = gguf_seconds(student.num_parameters, config.gguf) + base_seconds(student, config)
    return TrainingTime(config, files)


def main() -> int:
    return run_job("distill", DistillConfig, distill)


if __name__ == "__main__":
    sys.exit(main())
