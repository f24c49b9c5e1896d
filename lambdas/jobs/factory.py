"""Training jobs: what SageMaker is asked for, and the configuration that each job reads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.aws.job_names import job_name
from lambdas.aws.run_files import RunFiles
from lambdas.aws.settings import settings
from lambdas.aws.spec_folder import SpecFolder
from stratos.catalog.images import image_uri
from stratos.contracts.jobs import AnyJobConfig
from stratos.contracts.plan import Server
from stratos.contracts.run import RunRef
from stratos.pipeline.steps import TrainingJob
from stratos.planning.forecast.start_up import job_start
from stratos.spec import Spec, Teacher, Weights

CHECKPOINT_DIR = "/opt/ml/checkpoints"
_STOP_SECONDS = 180
"""Beyond the deadline that a job keeps by itself: to upload its output."""
_START_FACTOR = 2
"""SageMaker counts the start, too. A slow one must not cost the job its result."""
_SPOT_WAIT_SECONDS = 3600
_VOLUME_GIB = 50


@dataclass(frozen=True)
class JobFactory:
    """Makes the jobs of one run."""

    run: RunRef
    spec: Spec

    @property
    def files(self) -> RunFiles:
        return RunFiles(self.run)

    def make(
        self,
        step: str,
        config: AnyJobConfig,
        server: Server,
        channels: Mapping[str, str],
        hyper_parameters: Mapping[str, str] | None = None,
    ) -> TrainingJob:
        """Write a job's configuration and return the job.

        Args:
            channels: Channel name → S3 prefix, besides `config` and `checker`.
        """
        files = self.files
        files.put_job_config(step, config)
        inputs = {"config": files.job_config_uri(step), **channels}
        if self.spec.task.checker is not None:
            inputs["checker"] = files.checker_uri
        return TrainingJob(
            step=step,
            name=job_name(self.run.run_id, step, 0),
            attempt=0,
            hyper_parameters={
                "sagemaker_program": f"training/{config.kind}.py",
                "sagemaker_submit_directory": settings().source_uri,
                "sagemaker_region": settings().aws_region,
                **(hyper_parameters or {}),
            },
            input_data_config=[_channel(name, uri) for name, uri in inputs.items()],
            output_data_config={
                "S3OutputPath": files.models_uri,
                "KmsKeyId": settings().kms_key_arn,
            },
            checkpoint_config={
                "S3Uri": files.checkpoints_uri(step),
                "LocalPath": CHECKPOINT_DIR,
            },
            environment={
                "STRATOS_CHECKPOINT_DIR": CHECKPOINT_DIR,
                "STRATOS_STACK": settings().stack_name,
                "STRATOS_BEDROCK_ROLE_ARN": settings().bedrock_role_arn,
                **(training_processes(server) if config.kind == "distill" else {}),
            },
            result_uri=config.result_uri,
            **placement(server, config.deadline_seconds),
        )

    def model_channel(self, name: str, model: Teacher) -> dict[str, str]:
        """A channel with a model's folder; none for a model that the job fetches by name."""
        if not isinstance(model, Weights) or model.path is None:
            return {}
        return {name: SpecFolder(self.run).uri(f"{model.path.rstrip('/')}/")}


def placement(server: Server, deadline_seconds: float) -> dict[str, Any]:
    """The fields of a job that depend on where it runs."""
    spot = server.purchase == "spot"
    start = _START_FACTOR * job_start(server.instance_type).billed_seconds
    runtime = math.ceil(deadline_seconds + start) + _STOP_SECONDS
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
