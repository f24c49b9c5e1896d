"""From answers to the held-out questions, of one job or of several, to the evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stratos.contracts.jobs import EvaluatedExample, EvaluateResult, PrecisionScore
from stratos.contracts.plan import ServedPrecision
from stratos.contracts.shards import GradedAnswers, HeldOutPart
from stratos.errors import TeacherFailed
from stratos.statistics.mcnemar import Comparison, compare
from stratos.statistics.wilson import Proportion, proportion_of

FEWEST = 20
"""With fewer answers an accuracy says nothing."""
NUM_RIGHT, NUM_WRONG = 5, 3
"""Examples of answers that a report shows."""
_FULL = "full_precision"
_Outcomes = Sequence[bool | None]


def evaluation_result(
    part: HeldOutPart,
    examples: Sequence[EvaluatedExample],
    *,
    seconds: float,
    usd: float,
    prompt_tokens: int,
    completion_tokens: int,
    engine: str,
    precision: ServedPrecision | None,
    full_precision: ServedPrecision | None,
) -> EvaluateResult:
    """The statistics of all answers.

    Args:
        full_precision: Of the model `full_precision`, where it was scored.
    """
    student, full = part.models["student"], part.models.get(_FULL)
    others: dict[str, _Outcomes] = {
        name: part.models[name].as_outcomes for name in ("untuned_student", "teacher")
    }
    baselines = {name: _read(outcomes) for name, outcomes in part.baselines.items()}
    others |= baselines
    live = part.models.get("live")
    if live is not None:
        others["live"] = live.as_outcomes
    in_full = None
    if full is not None and full_precision is not None:
        in_full = PrecisionScore(
            precision=full_precision,
            accuracy=_accuracy(full),
            comparisons=_comparisons(others, full),
            mean_completion_tokens=_mean_tokens(full),
        )
        others[_FULL] = full.as_outcomes
    return EvaluateResult(
        seconds=seconds,
        usd=usd,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        student=_accuracy(student),
        teacher=_accuracy(part.models["teacher"]),
        untuned_student=_accuracy(part.models["untuned_student"]),
        live=None if live is None else _accuracy(live),
        baselines={name: _share(outcomes) for name, outcomes in baselines.items()},
        comparisons=_comparisons(others, student),
        mean_completion_tokens=_mean_tokens(student),
        examples=_first(examples),
        engine=engine,
        precision=precision,
        full_precision=in_full,
    )


def merged_evaluation(shards: Sequence[EvaluateResult]) -> EvaluateResult:
    """The evaluation of all shards, in their order, as one job would have it.

    Raises:
        TeacherFailed: a model answered too few questions, over all shards.
    """
    first = shards[0]
    part = _joined([_part(shard) for shard in shards])
    for answers in part.models.values():
        require_enough(answers)
    return evaluation_result(
        part,
        [example for shard in shards for example in shard.examples],
        seconds=max(shard.seconds for shard in shards),
        usd=sum(shard.usd for shard in shards),
        prompt_tokens=sum(shard.prompt_tokens for shard in shards),
        completion_tokens=sum(shard.completion_tokens for shard in shards),
        engine=first.engine,
        precision=first.precision,
        full_precision=None if first.full_precision is None else first.full_precision.precision,
    )


def require_enough(answers: GradedAnswers) -> None:
    """Refuse an accuracy of too few answers.

    Raises:
        TeacherFailed: when a model answered too few questions to say anything.
    """
    judged = len(answers.outcomes) - answers.outcomes.count("-")
    needed = min(FEWEST, answers.asked)
    if judged < needed:
        raise TeacherFailed(
            f"{answers.answered} of {answers.asked} questions were answered by {answers.name} and "
            f"{judged} scored before the job had to end; at least {needed} are needed: allow more "
            "hours, a higher budget, or a larger server"
        )


def written(outcomes: _Outcomes) -> str:
    """Outcomes as a part holds them."""
    return "".join("-" if one is None else "1" if one else "0" for one in outcomes)


def compare_outcomes(other: str, student: _Outcomes, theirs: _Outcomes) -> Comparison:
    """Compare two models on the records that both answered."""
    both = [
        (ours, its)
        for ours, its in zip(student, theirs, strict=True)
        if ours is not None and its is not None
    ]
    return compare(other, [ours for ours, _ in both], [its for _, its in both])


def _comparisons(others: Mapping[str, _Outcomes], ours: GradedAnswers) -> tuple[Comparison, ...]:
    outcomes = ours.as_outcomes
    return tuple(compare_outcomes(name, outcomes, its) for name, its in others.items())


def _part(shard: EvaluateResult) -> HeldOutPart:
    assert shard.part is not None, "every shard tells its answers"
    return shard.part


def _joined(parts: Sequence[HeldOutPart]) -> HeldOutPart:
    first = parts[0]
    return HeldOutPart(
        models={
            name: GradedAnswers(
                name=answers.name,
                outcomes="".join(part.models[name].outcomes for part in parts),
                asked=sum(part.models[name].asked for part in parts),
                answered=sum(part.models[name].answered for part in parts),
                completion_tokens=sum(part.models[name].completion_tokens for part in parts),
            )
            for name, answers in first.models.items()
        },
        baselines={
            name: "".join(part.baselines[name] for part in parts) for name in first.baselines
        },
    )


def _first(examples: Sequence[EvaluatedExample]) -> tuple[EvaluatedExample, ...]:
    """The first few right and the first few wrong ones, in their order."""
    left = {True: NUM_RIGHT, False: NUM_WRONG}
    shown = []
    for example in examples:
        if left[example.correct]:
            left[example.correct] -= 1
            shown.append(example)
    return tuple(shown)


def _accuracy(answers: GradedAnswers) -> Proportion:
    return _share(answers.as_outcomes)


def _share(outcomes: _Outcomes) -> Proportion:
    return proportion_of(one for one in outcomes if one is not None)


def _mean_tokens(answers: GradedAnswers) -> float:
    return answers.completion_tokens / max(1, answers.answered)


def _read(outcomes: str) -> list[bool | None]:
    return [None if one == "-" else one == "1" for one in outcomes]
