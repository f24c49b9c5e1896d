"""What a student's accuracy is compared with: baselines and other models. Examples of answers."""

from __future__ import annotations

from collections.abc import Sequence

from stratos.contracts.jobs import EvaluatedExample
from stratos.contracts.messages import calls_text
from stratos.contracts.records import Record
from stratos.scoring.baselines import NearestQuestion, constant_answer
from stratos.scoring.verifiers import is_correct
from training.asking.questions import Scored
from training.judging.judge import Judge
from training.teachers.teacher import Completion

MAX_KNOWN = 20_000
"""Training questions, drawn by chance, that the baselines know the answers of."""


def score_baselines(
    train: Sequence[Record], heldout: Sequence[Record], judge: Judge
) -> dict[str, list[bool]]:
    """Score answers that need no model; empty where no training record has a gold answer.

    Empty too where a model is the judge: it would be paid for judging what no model wrote.
    """
    if judge.assessor is not None:
        return {}
    known = [record for record in train if record.gold is not None]
    golds = [record.gold for record in known if record.gold is not None]
    if not golds:
        return {}
    constant = constant_answer(golds)
    nearest = NearestQuestion([record.question for record in known], golds)
    return {
        "constant_answer": [is_correct(judge.verifier, constant, one.gold) for one in heldout],
        "nearest_question": [
            is_correct(judge.verifier, nearest.answer(one.question), one.gold) for one in heldout
        ],
    }


def spread(scored: Scored, asked: Sequence[Record], records: Sequence[Record]) -> Scored:
    """Lay the answers to some records out over all of them; None where one was not asked."""
    completions = dict(zip((one.id for one in asked), scored.completions, strict=True))
    verdicts = dict(zip((one.id for one in asked), scored.verdicts, strict=True))
    return Scored(
        [completions.get(record.id) for record in records],
        [verdicts.get(record.id) for record in records],
    )


def show_examples(
    records: Sequence[Record],
    scored: Scored,
    num_right: int,
    num_wrong: int,
    teacher: Scored | None = None,
) -> tuple[EvaluatedExample, ...]:
    """Return the first few right and the first few wrong answers, in the records' order.

    Args:
        teacher: Its answers to the same records, to be shown beside them.
    """
    left = {True: num_right, False: num_wrong}
    beside = teacher or Scored([None] * len(records), [None] * len(records))
    shown: list[EvaluatedExample] = []
    for record, completion, correct, theirs, theirs_correct in zip(
        records,
        scored.completions,
        scored.outcomes,
        beside.completions,
        beside.outcomes,
        strict=True,
    ):
        if completion is None or correct is None or left[correct] == 0:
            continue
        left[correct] -= 1
        shown.append(
            EvaluatedExample(
                question=record.question,
                gold=record.gold or "",
                completion=_shown(completion),
                correct=correct,
                teacher_completion=None if theirs is None else _shown(theirs),
                teacher_correct=theirs_correct,
            )
        )
    return tuple(shown)


def _shown(completion: Completion) -> str:
    """What was said, and then what was called."""
    calls = calls_text(completion.tool_calls) if completion.tool_calls else ""
    return f"{completion.text}\n{calls}".strip() if calls else completion.text
