"""Counts of shards add up to those of one job."""

from __future__ import annotations

import pytest

from stratos.contracts.jobs import SynthesizeResult
from stratos.contracts.shards import SynthesisCounts
from stratos.errors import TooFewVerifiedRecords
from stratos.sharding.synthesis import (
    added_up,
    merged_synthesis,
    questions_asked,
    require_yield,
    synthesis_result,
)
from stratos.spec import Synthesis


def counts(scale: int = 1, kept_of_logs: int = 2) -> SynthesisCounts:
    return SynthesisCounts(
        asked={"logs": 3 * scale, "alignment": 8 * scale},
        kept={"logs": kept_of_logs * scale, "alignment": 5 * scale},
        kept_of_logs=kept_of_logs * scale,
        rejects={"wrong answer": 3 * scale, "cut": scale},
        written_tokens=70 * scale,
        calls=9 * scale,
        timed_tokens=100 * scale,
        asking_seconds=2.0 * scale,
        unpaid=scale,
    )


def result_of(found: SynthesisCounts, seconds: float = 10.0) -> SynthesizeResult:
    return synthesis_result(
        found,
        strategy="alignment",
        seconds=seconds,
        usd=1.5,
        prompt_tokens=7,
        completion_tokens=9,
    )


def test_two_shards_are_one_job_that_asked_as_much() -> None:
    merged = merged_synthesis([result_of(counts()), result_of(counts(2), 30.0)])
    alone = result_of(counts(3), 30.0)
    added = {"usd": 3.0, "prompt_tokens": 14, "completion_tokens": 18}
    assert merged == alone.model_copy(update=added)
    assert (merged.asked, merged.kept, merged.tokens_per_second) == (30, 21, 50.0)
    assert list(merged.rejects) == ["wrong answer", "cut"]


def test_a_question_that_logs_answered_wrongly_is_asked_once() -> None:
    found = counts()
    assert questions_asked(found) == 10
    assert questions_asked(found.model_copy(update={"asked": {"logs": 3}})) == 3


def test_all_shards_together_must_yield_enough() -> None:
    synthesis = Synthesis(min_records=12)
    with pytest.raises(TooFewVerifiedRecords, match="7 of 10 questions ended verified; needed 12"):
        require_yield(counts(), synthesis, "####")
    require_yield(added_up([counts(), counts()]), synthesis, "####")
