"""`run.json` of before is read, and is what the published schema says."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from stratos.pipeline.summary import RunSummary
from tests.summaries import succeeded_run

SCHEMA = Path(__file__).parents[4] / "docs" / "schemas" / "run.schema.json"


@pytest.mark.parametrize(
    ("started_at", "kept"),
    [
        ("2026-11-24T08:00:00+00:00", "2026-11-24T08:00:00+00:00"),
        ("2026-11-24T08:00:00.120+00:00", "2026-11-24T08:00:00.120+00:00"),
        ("2026-11-24T08:00:00.120Z", "2026-11-24T08:00:00.120+00:00"),
    ],
)
def test_the_moments_of_a_run_are_read_as_any_release_wrote_them(
    started_at: str, kept: str
) -> None:
    old = succeeded_run().model_dump(mode="json") | {"started_at": started_at}
    jsonschema.validate(old, json.loads(SCHEMA.read_text()))
    again = RunSummary.model_validate(old).model_dump(mode="json")
    assert again["started_at"] == kept
    assert again["ended_at"] == old["ended_at"]
    jsonschema.validate(again, json.loads(SCHEMA.read_text()))
