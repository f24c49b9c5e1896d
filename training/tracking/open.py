"""The trackers of a training job: TensorBoard's files always, MLflow where the spec names it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from stratos.contracts.bucket import events_prefix
from stratos.contracts.jobs import DistillConfig
from stratos.contracts.run import spec_name_in
from stratos.hosting.ownership import STACK_TAG
from stratos.spec.tracking import MlflowTracking
from training.container.private_hosts import private_hosts
from training.container.secrets import read_login, read_secret
from training.job.job import Job
from training.learning.trainer import TrainingState
from training.tracking.event_files import EventFiles
from training.tracking.managed_mlflow import SignedCalls
from training.tracking.mlflow import MlflowRun, MlflowServer
from training.tracking.tracker import Tracker, Tracking


def open_tracking(job: Job[DistillConfig]) -> Tracking:
    """Whoever is to follow this job; of several processes, only the first has anybody."""
    if not job.world.is_first:
        return Tracking(())
    config, settings = job.config, _settings(job.config)
    prefix = events_prefix(config.result_uri)
    trackers: list[Tracker] = [
        EventFiles(Path(mkdtemp(prefix="tensorboard-")), prefix, job.storage.upload, settings)
    ]
    if config.training.tracking is not None:
        trackers.append(_mlflow(config, settings))
    return Tracking(trackers)


def figures_of(state: TrainingState, loss: float, tokens_per_second: float) -> dict[str, float]:
    """What is told of a step; the validation loss and the learning rate where they are new."""
    found = {"loss": loss, "tokens_per_second": tokens_per_second}
    if state.curve and (point := state.curve[-1]).step == state.step:
        found |= {"mean_loss": point.loss, "learning_rate": point.learning_rate}
        if point.validation_loss is not None:
            found["validation_loss"] = point.validation_loss
    return found


def _mlflow(config: DistillConfig, settings: Mapping[str, str]) -> MlflowServer:
    asked = config.training.tracking
    assert asked is not None, "only called where there is one"
    step = config.result_uri.split("/")[-2]
    run = MlflowRun(
        asked.experiment or spec_name_in(config.run_id), f"{config.run_id}/{step}", settings
    )
    if (managed := asked.managed) is not None:
        # Its host is AWS's by the ARN, and within a VPC an endpoint's private address.
        return MlflowServer(
            f"https://{managed.host}",
            run,
            SignedCalls(managed),
            private=True,
            if_forbidden=f"It must have the tag {STACK_TAG} with the stack's name: aws sagemaker "
            f"add-tags --resource-arn {managed.arn} --tags Key={STACK_TAG},Value=STACK",
        )
    private = asked.host in private_hosts()
    return MlflowServer(asked.tracking_uri, run, lambda *_: _headers(asked), private=private)


@cache
def _headers(asked: MlflowTracking) -> Mapping[str, str]:
    """Read with the first call: a secret that is missing must not end a training."""
    if asked.token_secret is not None:
        token = read_secret(asked.token_secret, "token", named_by="token_secret", host=asked.host)
        return {"Authorization": f"Bearer {token}"}
    if asked.login_secret is not None:
        login = read_login(asked.login_secret, named_by="login_secret", host=asked.host)
        return {"Authorization": f"Basic {b64encode(':'.join(login).encode()).decode()}"}
    return {}


def _settings(config: DistillConfig) -> dict[str, str]:
    """What the training is told, as text; what the spec leaves open is left out."""
    told = config.training.model_dump(exclude={"tracking", "reinforcement"}, exclude_none=True)
    return {
        "run": config.run_id,
        "student": config.student.name,
        "method": config.method,
        "precision": config.precision,
    } | {name: str(value) for name, value in told.items() if name != "method"}
