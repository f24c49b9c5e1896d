"""What states pass on about a step that several jobs share."""

from __future__ import annotations

from stratos.pipeline.sharded import GatherInput
from stratos.pipeline.steps import Match
from tests import factories

SHARDED = {
    "step": "synthesize-a0",
    "bucket": "b",
    "manifest_key": "k",
    "num_shards": 3,
    "num_jobs": 3,
    "at_once": 3,
    "seconds_left": 60.0,
}


def test_an_item_of_a_map_that_died_may_be_missing_or_null() -> None:
    ended = {"step": "synthesize-a0-s0", "attempt": 1}
    payload = {"run": factories.run_ref().model_dump(), "sharded": SHARDED}
    read = GatherInput.model_validate(payload | {"outcomes": [ended, None]})
    assert [one and one.attempt for one in read.outcomes] == [1, None]
    assert read.sharded.attempts == {}


def test_an_execution_from_before_has_one_job_a_step() -> None:
    fields = Match.model_fields
    assert fields["synthesis_shards"].default is None
    assert fields["evaluation_shards"].default is None
