"""Statistics of answers, from any number of shards."""

from __future__ import annotations

from itertools import pairwise

import pytest

from stratos.contracts.jobs import EvaluatedExample, EvaluateResult
from stratos.contracts.shards import GradedAnswers, HeldOutPart
from stratos.errors import TeacherFailed
from stratos.sharding.evaluation import compare_outcomes, evaluation_result, merged_evaluation


def graded(outcomes: str) -> GradedAnswers:
    answered = len(outcomes) - outcomes.count("-")
    return GradedAnswers(
        name="the model",
        outcomes=outcomes,
        asked=len(outcomes),
        answered=answered,
        completion_tokens=3 * answered,
    )


def result_of(student: str, teacher: str, untuned: str, constant: str) -> EvaluateResult:
    part = HeldOutPart(
        models={
            "student": graded(student),
            "teacher": graded(teacher),
            "untuned_student": graded(untuned),
        },
        baselines={"constant_answer": constant},
    )
    examples = [
        EvaluatedExample(question="?", gold="1", completion=one, correct=one == "1")
        for one in student
    ]
    result = evaluation_result(
        part,
        examples,
        seconds=len(student),
        usd=1.0,
        prompt_tokens=10,
        completion_tokens=5,
        engine="transformers",
        precision=None,
        full_precision=None,
    )
    return result.model_copy(update={"part": part})


STUDENT, TEACHER = "1101" * 6, "1110" * 6
UNTUNED, CONSTANT = "0001" * 6, "1000" * 6


@pytest.mark.parametrize("cuts", [(10,), (3, 4), (0, 24)])
def test_merged_statistics_are_those_of_one_job(cuts: tuple[int, ...]) -> None:
    alone = result_of(STUDENT, TEACHER, UNTUNED, CONSTANT)
    ends = [0, *cuts, len(STUDENT)]
    shards = [
        result_of(*(one[start:end] for one in (STUDENT, TEACHER, UNTUNED, CONSTANT)))
        for start, end in pairwise(ends)
    ]
    merged = merged_evaluation(shards)
    left_out = {"usd", "prompt_tokens", "completion_tokens", "seconds", "part"}
    assert merged.model_dump(exclude=left_out) == alone.model_dump(exclude=left_out)
    assert merged.usd == len(shards)
    assert merged.seconds == max(shard.seconds for shard in shards)
    assert (merged.student.n, merged.part) == (24, None)


def test_too_few_answers_are_counted_over_all_shards() -> None:
    few = [result_of("1" * 5, "-" * 5, "0" * 5, "1" * 5)] * 3
    with pytest.raises(TeacherFailed, match="0 of 15 questions were answered by the model"):
        merged_evaluation(few)
    enough = [result_of("1" * 5, "1" * 5, "0" * 5, "1" * 5)] * 3
    assert merged_evaluation(enough).teacher.successes == 15


def test_two_models_are_compared_on_what_both_answered() -> None:
    student = [True, True, False, True, None, False]
    teacher = [True, False, None, None, True, True]
    found = compare_outcomes("teacher", student, teacher)
    assert (found.only_student_right, found.only_other_right) == (1, 1)
