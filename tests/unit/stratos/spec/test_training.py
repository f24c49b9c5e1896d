"""How many records a training needs, and who follows it."""

import pytest
from pydantic import ValidationError

from stratos.spec import Synthesis
from stratos.spec.training import Training


@pytest.mark.parametrize(
    ("settings", "asked", "needed"),
    [
        ({}, 60, 30),
        ({}, 100, 50),
        ({}, 1_000, 200),
        ({}, 1, 1),
        ({"min_yield": 0.0}, 1_000, 50),
        ({"min_yield": 0.0, "min_records": 7}, 1_000, 7),
        ({"min_records": 500}, 1_000, 500),
        ({"min_yield": 0.7}, 10, 7),
    ],
)
def test_the_fewest_records_follow_from_the_spec_and_the_questions(settings, asked, needed):
    assert Synthesis(**settings).needed_records(asked) == needed


def test_more_records_than_questions_cannot_be_asked_for():
    with pytest.raises(ValidationError, match="only 60 questions"):
        Synthesis(min_records=100, max_records=60)


def test_a_training_without_a_tracker_is_written_as_before_there_were_any():
    assert "tracking" not in Training().model_dump()
