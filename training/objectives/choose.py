"""Choosing the objective that a job's student learns from."""

from __future__ import annotations

from collections.abc import Sequence

from stratos.contracts.jobs import DistillConfig
from stratos.contracts.records import TrainingRecord
from stratos.errors import IncompatibleVocabulary
from stratos.planning.forecast.memory import asked_once
from stratos.spec import Weights
from training.job.job import Job
from training.models.vocabulary import same_tokenizer, shared_vocabulary
from training.models.weights import load_model, locate
from training.objectives.aligned_teacher import AlignedTeacher, teacher_prompts
from training.objectives.objective import GoldTokens, Objective
from training.objectives.sparse_teacher import SparseTeacher
from training.objectives.teacher_distribution import TeacherDistribution
from training.student.batches import TokenizedExample
from training.student.student import Student


def choose_objective(
    job: Job[DistillConfig],
    student: Student,
    records: Sequence[TrainingRecord],
    examples: list[TokenizedExample],
    micro_tokens: int,
) -> Objective:
    """Learn from the records' tokens, and from the teacher's distribution where asked for.

    At a large vocabulary the teacher is asked once and its draws are kept, which is an unbiased
    estimate of forward KL alone, on tokens known beforehand.

    Raises:
        IncompatibleVocabulary: when the teacher's tokens are not the student's, and it was not
            asked to align them or they cannot be.
    """
    training, spec = job.config.training, job.config.teacher
    if training.kd_weight == 0:
        return GoldTokens()
    if not isinstance(spec, Weights):
        name = spec.name if spec is not None else "none"
        raise IncompatibleVocabulary(
            f"training.kd_weight is {training.kd_weight:g}, which needs a teacher whose weights "
            f"are at hand; the teacher is {name!r}. Set training.kd_weight to 0 to distil from "
            "the teacher's text"
        )
    teacher = load_model(spec.name, locate(spec, job.paths.channels.get("teacher")))
    if training.cross_tokenizer == "align" and not same_tokenizer(student.local, teacher):
        prompts = teacher_prompts(records, student.local.chat, teacher.chat)
        aligned = AlignedTeacher(teacher, student.local, prompts, training)
        aligned.require_alignment(examples)
        return aligned
    shared = shared_vocabulary(student.local, teacher)
    if asked_once(training, shared):
        return SparseTeacher(
            teacher, examples, training, vocabulary=shared, micro_tokens=micro_tokens
        )
    return TeacherDistribution(teacher, training, shared)
