"""How many records a training needs, and who follows it."""

import pytest
from pydantic import ValidationError

from stratos.spec import Synthesis
from stratos.spec.training import MlflowTracking, Training


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


def test_a_tracker_is_named_by_the_address_of_its_server():
    tracking = MlflowTracking(tracking_uri="https://MLflow.example.com:5000/x")
    assert tracking.host == "mlflow.example.com"
    for address in ("mlflow.example.com", "file:///tmp/mlruns", "databricks"):
        with pytest.raises(ValidationError, match="tracking_uri"):
            MlflowTracking(tracking_uri=address)
    with pytest.raises(ValidationError, match="experiment"):
        MlflowTracking(tracking_uri="https://mlflow.example.com", experiment='say "x"')


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example#@good.example",
        "https://evil.example?@good.example",
        "https://user:word@mlflow.example.com",
        "https://mlflow.example.com/x?y=1",
        "https://x'$(id)'.example",
    ],
)
def test_an_address_of_a_tracker_that_hides_its_host_is_refused(address):
    with pytest.raises(ValidationError, match=r"(?s)tracking_uri.*(`\?`|user's name|is no host)"):
        MlflowTracking(tracking_uri=address)


def test_a_token_is_never_sent_in_clear():
    with pytest.raises(ValidationError, match=r"would go to http://mlflow.* in clear; give an"):
        MlflowTracking(tracking_uri="http://mlflow.example.com", token_secret="stratos/mlflow")


def test_a_training_without_a_tracker_is_written_as_before_there_were_any():
    assert "tracking" not in Training().model_dump()
