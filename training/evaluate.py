"""Evaluate: the student's accuracy on the held-out split, and what it is compared with."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from stratos.contracts.jobs import EvaluateConfig, EvaluateResult
from stratos.contracts.records import Record
from stratos.statistics.wilson import proportion_of
from training.asking.comparisons import compare_outcomes, score_baselines, show_examples, spread
from training.asking.questions import Scored, ask, read_judged, read_split, sample
from training.container.host import use_cpus
from training.job.job import Job, run_job
from training.judging.judge import load_judge
from training.models.artifact import fetch_artifact
from training.models.weights import load_model
from training.teachers.load import load_teacher, open_weights
from training.teachers.teacher import Teacher
from training.teachers.weights import WeightsTeacher

_NUM_RIGHT, _NUM_WRONG = 5, 3


def evaluate(job: Job[EvaluateConfig]) -> EvaluateResult:
    """Score the student, the untuned student, the teacher, the live model and the baselines."""
    config = job.config
    use_cpus(job.paths)
    judge = load_judge(job)
    dataset = job.paths.channel("dataset")
    records = read_judged(dataset, "heldout", judge)

    def score(model: Teacher, label: str, asked: Sequence[Record]) -> Scored:
        return ask(
            model,
            asked,
            judge,
            max_new_tokens=config.max_new_tokens,
            stop=lambda: job.clock.must_end() is not None,
            on_done=lambda done: job.progress.report(label, done, len(asked), "questions"),
        )

    student_model = _open_artifact(job, "student_artifact")
    if student_model is None:
        raise ValueError("the job has no hyperparameter student_artifact; give the model's S3 URI")
    student = score(student_model, "student", records)
    untuned_model = open_weights(config.student, config, job.paths, "student")
    untuned = score(untuned_model, "untuned student", records)
    teacher_model = load_teacher(config.teacher, config, job.paths, "teacher")
    job.progress.charge(teacher_model.usage)
    shown = sample(records, config.teacher_max_records, seed=0)
    teacher = spread(score(teacher_model, "teacher", shown), shown, records)
    live_model = _open_artifact(job, "live_artifact")
    live = score(live_model, "live model", records) if live_model is not None else None

    baselines = score_baselines(read_split(dataset, "train"), records, judge)
    others: dict[str, Sequence[bool | None]] = {
        "untuned_student": untuned.outcomes,
        "teacher": teacher.outcomes,
        **baselines,
    }
    if live is not None:
        others["live"] = live.outcomes
    usage = teacher_model.usage.plus(judge.usage)
    return EvaluateResult(
        seconds=job.clock.seconds,
        usd=usage.usd,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        student=student.accuracy,
        teacher=teacher.accuracy,
        untuned_student=untuned.accuracy,
        live=live.accuracy if live is not None else None,
        baselines={name: proportion_of(outcomes) for name, outcomes in baselines.items()},
        comparisons=tuple(
            compare_outcomes(name, student.outcomes, theirs) for name, theirs in others.items()
        ),
        mean_completion_tokens=student.mean_completion_tokens,
        examples=show_examples(records, student, _NUM_RIGHT, _NUM_WRONG),
    )


def _open_artifact(job: Job[EvaluateConfig], hyperparameter: str) -> WeightsTeacher | None:
    """Fetch the model that a hyperparameter names; None where it names none."""
    uri = job.paths.hyperparameters.get(hyperparameter)
    if not uri:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source = fetch_artifact(job.storage, uri, Path(folder))
        local = load_model(hyperparameter.partition("_")[0], str(source))
    return WeightsTeacher(local, batch_size=job.config.batch_size)


def main() -> int:
    return run_job("evaluate", EvaluateConfig, evaluate)


if __name__ == "__main__":
    sys.exit(main())
