"""Evaluate: the student's accuracy on the held-out split, and what it is compared with."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from serving.llama_cpp.build import BUILD
from stratos.contracts.artifact import GGUF_IN_FULL, gguf_name
from stratos.contracts.jobs import EvaluateConfig, EvaluateResult
from stratos.contracts.messages import Message
from stratos.contracts.plan import ServedPrecision
from stratos.contracts.records import Record
from stratos.contracts.shards import GradedAnswers, HeldOutPart
from stratos.sharding.evaluation import NUM_RIGHT, NUM_WRONG, evaluation_result, written
from stratos.spec import Logs
from training.asking.comparisons import MAX_KNOWN, score_baselines, show_examples, spread
from training.asking.logged_replies import score_logged
from training.asking.prompts import alignment_messages
from training.asking.questions import WHOLE, Scored, ask, read_drawn, read_judged
from training.container.host import use_cpus
from training.job.job import Job, run_job
from training.judging.judge import load_judge
from training.models.artifact import fetch_artifact, gguf_precisions
from training.models.weights import load_model, precision_of
from training.teachers.load import load_teacher, open_weights
from training.teachers.served import ServedGguf
from training.teachers.teacher import ModelUsage, Teacher
from training.teachers.weights import WeightsTeacher


@dataclass(frozen=True)
class _StudentScores:
    """The student as it will be served, and in full where that is less.

    Attributes:
        engine: What it was scored through, with its version.
    """

    served: Scored
    engine: str
    precision: ServedPrecision
    full: tuple[ServedPrecision, Scored] | None = None


class _Examination:
    """The held-out questions, put to one model after the other."""

    def __init__(self, job: Job[EvaluateConfig]) -> None:
        self.job, self.config = job, job.config
        self.in_part = self.config.shard is not None
        self.judge = load_judge(job, in_part=self.in_part)
        self.dataset = job.paths.channel("dataset")
        shard = self.config.shard or WHOLE
        self.judged = read_judged(self.dataset, "heldout", self.judge, shard)
        self.records = self.judged.records

    def score_teacher(self) -> tuple[Scored, GradedAnswers, ModelUsage]:
        """Ask it as probe and synthesis do, which may be fewer questions; a log is only judged.

        Returns: What it said to each record, the same in figures, and what was paid.
        """
        if isinstance(self.config.teacher, Logs):
            logged = score_logged(self.records, self.judge)
            # Nobody was asked: a log need not hold so many replies.
            return logged, logged.graded("the logs", asked=0), ModelUsage()
        model = load_teacher(self.config.teacher, self.config, self.job.paths, "teacher")
        asked = self.judged.drawn(self.config.teacher_max_records, seed=0)
        synthesis = self.config.synthesis

        def messages_of(record: Record) -> tuple[Message, ...]:
            if synthesis is None:
                return record.messages
            return alignment_messages(record, synthesis, self.judge)

        scored = self.score(model, "teacher", asked, messages_of)
        everywhere = spread(scored, asked, self.records)
        return everywhere, everywhere.graded(model.name, len(asked)), model.usage

    def score(
        self,
        model: Teacher,
        label: str,
        asked: Sequence[Record] | None = None,
        messages_of: Callable[[Record], tuple[Message, ...]] = lambda record: record.messages,
    ) -> Scored:
        asked = self.records if asked is None else asked
        self.job.progress.charge(model.usage)
        self.job.progress.report(label, 0, len(asked), "questions")
        return ask(
            model,
            asked,
            self.judge,
            max_new_tokens=self.config.max_new_tokens,
            stop=lambda: self.job.clock.must_end() is not None,
            on_done=lambda done: self.job.progress.report(label, done, len(asked), "questions"),
            messages_of=messages_of,
            in_part=self.in_part,
        )

    def score_student(self) -> _StudentScores:
        """Score it through the engine that will serve it, where a job can run that."""
        with self._artifact("student_artifact") as folder:
            if folder is None:
                raise ValueError(
                    "the job has no hyperparameter student_artifact; give the model's S3 URI"
                )
            engine = self.config.engine
            if engine is None or engine.name != "llama_cpp":
                model = self._weights("student", folder)
                precision = precision_of(model.local.model)
                return _StudentScores(self.score(model, "student"), "transformers", precision)
            precisions = gguf_precisions(folder)
            chosen = gguf_name(engine.precision)
            if precisions.get(chosen) != engine.precision or GGUF_IN_FULL not in precisions:
                raise ValueError(
                    f"{chosen} of the artifact was to hold {engine.precision}, beside "
                    f"{GGUF_IN_FULL}; it has {precisions}"
                )
            served = self.score(ServedGguf("student", folder / chosen, engine), "student")
            full: tuple[ServedPrecision, Scored] | None = None
            if engine.is_quantised:
                precision = precisions[GGUF_IN_FULL]
                label = f"student in {precision}"
                model_in_full = ServedGguf(label, folder / GGUF_IN_FULL, engine)
                full = precision, self.score(model_in_full, label)
            return _StudentScores(served, f"llama.cpp {BUILD}", engine.precision, full)

    def score_live(self) -> Scored | None:
        """Score the model in service, by the GGUF that serves it.

        Where that is not known, or it has no such file: by the quantised one if it has one.
        """
        with self._artifact("live_artifact") as folder:
            if folder is None:
                return None
            engine = self.config.engine
            files = sorted(gguf_precisions(folder), key=lambda name: name == GGUF_IN_FULL)
            if engine is None or engine.name != "llama_cpp" or not files:
                return self.score(self._weights("live", folder), "live model")
            served = self.config.live_precision
            file = gguf_name(served) if served is not None else files[0]
            if file not in files:
                file = files[0]
            return self.score(ServedGguf("live", folder / file, engine), "live model")

    @contextmanager
    def _artifact(self, hyperparameter: str) -> Iterator[Path | None]:
        """Fetch the model that a hyperparameter names; None where it names none."""
        uri = self.job.paths.hyperparameters.get(hyperparameter)
        if not uri:
            yield None
            return
        with tempfile.TemporaryDirectory() as folder:
            yield fetch_artifact(self.job.storage, uri, Path(folder))

    def _weights(self, name: str, folder: Path) -> WeightsTeacher:
        local = load_model(name, str(folder))
        return WeightsTeacher(local, batch_size=self.config.batch_size)


def evaluate(job: Job[EvaluateConfig]) -> EvaluateResult:
    """Score the student, the untuned student, the teacher, the live model and the baselines."""
    config = job.config
    use_cpus(job.paths)
    examination = _Examination(job)
    records, judge = examination.records, examination.judge
    student = examination.score_student()
    job.progress.doing("reading the weights of the untuned student")
    untuned_model = open_weights(config.student, config, job.paths, "student")
    untuned = examination.score(untuned_model, "untuned student")
    job.progress.doing("opening the teacher")
    teacher_said, teacher, teacher_usage = examination.score_teacher()
    live = examination.score_live()
    job.progress.doing("scoring the baselines")

    known = read_drawn(
        examination.dataset, "train", MAX_KNOWN, 0, wanted=lambda one: one.gold is not None
    )
    baselines = score_baselines(known, records, judge)
    models = {
        "student": student.served.graded("student"),
        "untuned_student": untuned.graded(untuned_model.name),
        "teacher": teacher,
    }
    if live is not None:
        models["live"] = live.graded("live model")
    if student.full is not None:
        models["full_precision"] = student.full[1].graded("student in full")
    usage = teacher_usage.plus(judge.usage)
    part = HeldOutPart(
        models=models,
        baselines={name: written(outcomes) for name, outcomes in baselines.items()},
        unpaid=usage.unpaid,
    )
    result = evaluation_result(
        part,
        show_examples(records, student.served, NUM_RIGHT, NUM_WRONG, teacher_said),
        seconds=job.clock.seconds,
        usd=usage.usd,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        engine=student.engine,
        precision=student.precision,
        full_precision=None if student.full is None else student.full[0],
    )
    return result if config.shard is None else result.model_copy(update={"part": part})


def main() -> int:
    return run_job("evaluate", EvaluateConfig, evaluate)


if __name__ == "__main__":
    sys.exit(main())
