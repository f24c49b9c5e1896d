"""What an MLflow server is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.training.tracking.mlflow_stand_in import MlflowStandIn, mlflow_stand_in
from training.tracking.mlflow import MlflowRefused, MlflowRun, MlflowServer
from training.tracking.tracker import TrainingPoint

RUN = MlflowRun("it's mine", "tiles-0123/distill-a0", {"method": "lora", "epochs": "3"})


@pytest.fixture
def mlflow() -> Iterator[MlflowStandIn]:
    with mlflow_stand_in() as server:
        yield server


def told(server: MlflowStandIn, run: MlflowRun = RUN, token: str | None = None) -> MlflowServer:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return MlflowServer(server.uri + "/", run, lambda *_: headers)


def test_a_training_becomes_a_run_of_its_experiment_with_settings_and_metrics(
    mlflow: MlflowStandIn,
) -> None:
    tracker = told(mlflow)
    assert mlflow.calls == []
    tracker.keep([TrainingPoint(1, 10.5, {"loss": 0.5, "learning_rate": 0.1})])
    tracker.end("finished")
    assert [one["name"] for one in mlflow.experiments] == ["it's mine"]
    [run] = mlflow.runs
    assert run["info"]["run_name"] == "tiles-0123/distill-a0"
    assert run["info"]["status"] == "FINISHED"
    assert run["info"]["end_time"] >= run["info"]["start_time"]
    assert mlflow.params == {"run-0": {"method": "lora", "epochs": "3"}}
    assert mlflow.metrics["run-0"] == [
        {"key": "loss", "value": 0.5, "timestamp": 10_500, "step": 1},
        {"key": "learning_rate", "value": 0.1, "timestamp": 10_500, "step": 1},
    ]


def test_an_attempt_that_resumes_goes_on_in_the_same_run(mlflow: MlflowStandIn) -> None:
    told(mlflow).keep([TrainingPoint(1, 10.0, {"loss": 0.5})])
    told(mlflow).keep([TrainingPoint(2, 20.0, {"loss": 0.25})])
    other = MlflowRun(RUN.experiment, "tiles-0123/distill-a1", {})
    told(mlflow, other).keep([TrainingPoint(1, 30.0, {"loss": 0.7})])
    assert len(mlflow.experiments) == 1
    assert [metric["step"] for metric in mlflow.metrics["run-0"]] == [1, 2]
    assert [metric["value"] for metric in mlflow.metrics["run-1"]] == [0.7]


def test_many_points_are_sent_in_as_many_calls_as_the_server_allows(mlflow: MlflowStandIn) -> None:
    told(mlflow).keep([TrainingPoint(step, 1.0, {"loss": 1.0}) for step in range(2_500)])
    assert len(mlflow.metrics["run-0"]) == 2_500


def test_a_training_that_fails_is_a_run_that_failed(mlflow: MlflowStandIn) -> None:
    tracker = told(mlflow)
    tracker.end("failed")
    assert mlflow.runs[0]["info"]["status"] == "FAILED"


def test_a_refusal_says_what_was_asked_and_what_came(mlflow: MlflowStandIn) -> None:
    mlflow.down = True
    with pytest.raises(MlflowRefused, match=r"experiments/search was answered with 503: .*UNAVAIL"):
        told(mlflow).keep([TrainingPoint(1, 1.0, {"loss": 1.0})])


def test_a_token_lets_a_training_in() -> None:
    with mlflow_stand_in(lambda headers, *_: headers.get("authorization") == "Bearer x") as mlflow:
        with pytest.raises(MlflowRefused, match="403"):
            told(mlflow).keep([TrainingPoint(1, 1.0, {"loss": 1.0})])
        told(mlflow, token="x").keep([TrainingPoint(1, 1.0, {"loss": 1.0})])
        assert len(mlflow.metrics["run-0"]) == 1


def test_whoever_is_not_let_in_is_told_what_to_do() -> None:
    with mlflow_stand_in(lambda *_: False) as mlflow:
        tracker = MlflowServer(mlflow.uri, RUN, lambda *_: {}, if_forbidden="Tag it")
        with pytest.raises(MlflowRefused, match=r"with 403: .*PERMISSION_DENIED.*\. Tag it$"):
            tracker.keep([TrainingPoint(1, 1.0, {"loss": 1.0})])
