"""What a training job itself leaves for TensorBoard, and tells MLflow."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from stratos.contracts.distillation import DistillResult
from stratos.contracts.jobs import DistillConfig
from tests.unit.training.jobs import BASE, BUCKET, STUDENT, read
from tests.unit.training.tracking.mlflow_stand_in import mlflow_stand_in
from training import distill
from training.teachers.bounded_http import PrivateAddress
from training.tracking import open as opening
from training.tracking.managed_mlflow import SignedCalls
from training.tracking.mlflow import MlflowServer
from training.tracking.tracker import TrainingPoint

SETTINGS: dict[str, Any] = {"student": STUDENT, "method": "full", "precision": "float32"}
STEPS = {"max_steps": 5, "batch_tokens": 400, "max_sequence_tokens": 250}


def figures(s3: Any, folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Tag → (step, value) of all event files in the bucket, which are taken from there."""
    found: dict[str, list[tuple[int, float]]] = {}
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="tensorboard/")["Contents"]
    for number, item in enumerate(listed):
        file = folder / f"events.out.tfevents.{number}"
        file.write_bytes(s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read())
        s3.delete_object(Bucket=BUCKET, Key=item["Key"])
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                if value.tensor.float_val:
                    point = (event.step, value.tensor.float_val[0])
                    found.setdefault(value.tag, []).append(point)
    return found


@pytest.fixture(autouse=True)
def _no_figures_of_before(s3: Any) -> None:
    for item in s3.list_objects_v2(Bucket=BUCKET, Prefix="tensorboard/").get("Contents", ()):
        s3.delete_object(Bucket=BUCKET, Key=item["Key"])


@pytest.mark.usefixtures("records")
def test_a_job_leaves_its_curve_beside_its_result_and_tells_mlflow_the_same(
    container: Any, s3: Any, tmp_path: Path
) -> None:
    with mlflow_stand_in() as mlflow:
        training = STEPS | {"tracking": {"tracking_uri": mlflow.uri}}
        assert container(distill, training=training, **SETTINGS) == 0
    result, told = read(s3, DistillResult), figures(s3, tmp_path)
    assert [step for step, _ in told["loss"]] == [1, 2, 3, 4, 5]
    curve = [(point.step, pytest.approx(point.loss, rel=1e-5)) for point in result.curve]
    assert told["mean_loss"] == curve
    assert {"learning_rate", "tokens_per_second", "validation_loss"} <= told.keys()
    assert [one["name"] for one in mlflow.experiments] == ["words"]
    [metrics] = mlflow.metrics.values()
    assert [m["step"] for m in metrics if m["key"] == "loss"] == [1, 2, 3, 4, 5]
    [params] = mlflow.params.values()
    assert params["student"] == "student"
    assert params["max_steps"] == "5"
    assert mlflow.runs[0]["info"]["status"] == "FINISHED"


@pytest.mark.parametrize("named", ["mlflow.internal", "other.internal"])
def test_a_tracker_in_a_private_network_is_told_where_the_stack_names_it(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    look_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **more: look_up("127.0.0.1", *rest, **more)
    )
    monkeypatch.setenv("STRATOS_PRIVATE_HOSTS", f"gateway.internal,{named}")
    point = TrainingPoint(1, 10.0, {"loss": 0.5})
    with mlflow_stand_in() as mlflow:
        uri = mlflow.uri.replace("127.0.0.1", "mlflow.internal")
        training = {"tracking": {"tracking_uri": uri}}
        config = DistillConfig.model_validate(BASE | SETTINGS | {"training": training})
        server = opening._mlflow(config, {})
        if named == "mlflow.internal":
            server.keep([point])
        else:
            with pytest.raises(PrivateAddress, match="stratos:private_hosts"):
                server.keep([point])
    assert len(mlflow.runs) == (named == "mlflow.internal")


@pytest.mark.usefixtures("records")
def test_a_tracker_that_cannot_be_reached_is_told_once_and_the_job_is_done_all_the_same(
    container: Any, s3: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    training = STEPS | {"tracking": {"tracking_uri": "http://127.0.0.1:9"}}
    assert container(distill, training=training, **SETTINGS) == 0
    assert read(s3, DistillResult).stopped_by == "finished"
    assert len(figures(s3, tmp_path)["loss"]) == 5
    told = [message for message in caplog.messages if "cannot be told" in message]
    assert len(told) == 1
    assert told[0].startswith("MLflow at http://127.0.0.1:9 cannot be told of the training")


@pytest.mark.usefixtures("records")
def test_a_secret_that_is_missing_ends_no_training_and_is_never_logged(
    container: Any, s3: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []

    def send(url: Any, body: bytes, headers: Any) -> None:
        sent.append(headers)
        raise ConnectionError("down")

    class Offline(MlflowServer):
        def __init__(self, uri: str, run: Any, authorize: Any, *, private: bool) -> None:
            super().__init__(uri, run, authorize, send)  # type: ignore[arg-type]

    monkeypatch.setattr(opening, "MlflowServer", Offline)
    answers: list[Any] = [ValueError("secret 'stratos/mlflow' is not in this account"), "hush"]

    def read_secret(*args: Any, **named: Any) -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    monkeypatch.setattr(opening, "read_secret", read_secret)
    opening._headers.cache_clear()
    tracking = {"tracking_uri": "https://mlflow.example.com", "token_secret": "stratos/mlflow"}
    assert container(distill, training=STEPS | {"tracking": tracking}, **SETTINGS) == 0
    assert any("is not in this account" in message for message in caplog.messages)
    assert {"Authorization": "Bearer hush"}.items() <= sent[0].items()
    assert "hush" not in caplog.text


def opened(tracking: dict[str, Any]) -> MlflowServer:
    config = DistillConfig.model_validate(BASE | SETTINGS | {"training": {"tracking": tracking}})
    return opening._mlflow(config, {})


def test_a_login_is_sent_as_basic_authentication(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "read_login", lambda *_, **__: ("ann", "w:rd"))
    opening._headers.cache_clear()
    server = opened({"tracking_uri": "https://mlflow.example.com", "login_secret": "stratos/login"})
    assert server._authorize("", b"") == {"Authorization": "Basic YW5uOnc6cmQ="}


def test_a_managed_mlflow_is_asked_at_aws_and_signed_whatever_address_a_vpc_gives_it() -> None:
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-app/app-1"
    asked: dict[str, Any] = {}

    def record(*args: Any, **named: Any) -> None:
        asked.update(named, uri=args[0], authorize=args[2])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "MlflowServer", record)
        opened({"tracking_uri": arn})
    assert asked["uri"] == "https://mlflow.sagemaker.eu-west-1.app.aws"
    assert isinstance(asked["authorize"], SignedCalls)
    assert asked["private"] is True
    assert f"add-tags --resource-arn {arn}" in asked["if_forbidden"]
