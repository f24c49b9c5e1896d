"""Training jobs as SageMaker is asked for them, their configuration put where they read it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.aws.bucket import Bucket
from lambdas.aws.job_names import job_name
from lambdas.aws.settings import settings
from stratos.catalog.images import image_uri
from stratos.contracts.bucket import RunKeys, spec_folder
from stratos.contracts.jobs import JobConfig, JobStep
from stratos.contracts.plan import Server
from stratos.contracts.run import RunRef
from stratos.pipeline.steps import TrainingJob
from stratos.spec import Spec, Teacher, Weights

CHECKPOINT_DIR = "/opt/ml/checkpoints"
_START_AND_STOP_SECONDS = 180
"""Beyond the deadline a job keeps itself: starting its program, and uploading what it made."""
_SPOT_WAIT_SECONDS = 3600
_VOLUME_GIB = 50


@dataclass(frozen=True)
class JobFactory:
    """Makes the jobs of one run."""

    run: RunRef
    spec: Spec

    @property
    def keys(self) -> RunKeys:
        return RunKeys(self.run.run_id)

    @property
    def bucket(self) -> Bucket:
        return Bucket(self.run.bucket)

    def make(
        self,
        step: str,
        config: JobConfig,
        server: Server,
        channels: Mapping[str, str],
        hyper_parameters: Mapping[str, str] | None = None,
    ) -> TrainingJob:
        """Put a job's configuration in place and return the job.

        Args:
            channels: Channel name → S3 prefix, besides `config` and `checker`.
        """
        program: JobStep = getattr(config, "kind")  # noqa: B009 - every concrete config has one
        self.bucket.put_model(self.keys.job_config(step) + "config.json", config)
        inputs = {"config": self.bucket.uri(self.keys.job_config(step)), **channels}
        if self.spec.task.checker is not None:
            inputs["checker"] = self.bucket.uri(self.keys.checker)
        return TrainingJob(
            step=step,
            name=job_name(self.run.run_id, step, 0),
            attempt=0,
            hyper_parameters={
                "sagemaker_program": f"training/{program}.py",
                "sagemaker_submit_directory": settings().source_uri,
                "sagemaker_region": settings().aws_region,
                **(hyper_parameters or {}),
            },
            input_data_config=[_channel(name, uri) for name, uri in inputs.items()],
            output_data_config={
                "S3OutputPath": self.bucket.uri(self.keys.models),
                "KmsKeyId": settings().kms_key_arn,
            },
            checkpoint_config={
                "S3Uri": self.bucket.uri(self.keys.checkpoints(step)),
                "LocalPath": CHECKPOINT_DIR,
            },
            environment={
                "STRATOS_CHECKPOINT_DIR": CHECKPOINT_DIR,
                "STRATOS_BEDROCK_ROLE_ARN": settings().bedrock_role_arn,
                **(training_processes(server) if program == "distill" else {}),
            },
            result_uri=config.result_uri,
            **placement(server, config.deadline_seconds),
        )

    def dataset_uri(self, split: str = "") -> str:
        """The dataset's prefix, or one split alone, so that a job sees no other."""
        return self.bucket.uri(self.keys.dataset + (f"{split}.jsonl" if split else ""))

    def model_channel(self, name: str, model: Teacher) -> dict[str, str]:
        """A channel with a model's folder; none for a model that is fetched by name."""
        if not isinstance(model, Weights) or model.path is None:
            return {}
        key = f"{spec_folder(self.run.spec_key)}{model.path.rstrip('/')}/"
        return {name: self.bucket.uri(key)}


def placement(server: Server, deadline_seconds: float) -> dict[str, Any]:
    """The fields of a job that depend on where it runs."""
    spot = server.purchase == "spot"
    runtime = math.ceil(deadline_seconds) + _START_AND_STOP_SECONDS
    stopping = {"MaxRuntimeInSeconds": runtime}
    if spot:
        stopping["MaxWaitTimeInSeconds"] = runtime + _SPOT_WAIT_SECONDS
    return {
        "image_uri": image_uri("training", server.region, server.instance_type),
        "resource_config": {
            "InstanceType": server.instance_type,
            "InstanceCount": server.count,
            "VolumeSizeInGB": _VOLUME_GIB,
        },
        "stopping_condition": stopping,
        "spot": spot,
        "usd_per_hour": server.usd_per_hour,
    }


def training_processes(server: Server) -> dict[str, str]:
    """What the launcher starts on each host: as many processes as the plan counted devices."""
    return {"STRATOS_PROCESSES_PER_HOST": str(server.devices)}


def _channel(name: str, uri: str) -> dict[str, Any]:
    return {
        "ChannelName": name,
        "InputMode": "File",
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": uri,
                "S3DataDistributionType": "FullyReplicated",
            }
        },
    }
