"""Training jobs: what SageMaker is asked for, and the configuration that each job reads."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.aws.job_names import job_name
from lambdas.aws.run_files import RunFiles
from lambdas.aws.settings import settings
from lambdas.aws.spec_folder import SpecFolder
from stratos.catalog.images import image_uri
from stratos.catalog.model_card import ModelCard
from stratos.contracts.job_start import (
    CODE_CHANNEL,
    CODE_SHA256,
    PACKAGES_CHANNEL,
    PACKAGES_SHA256,
    PRIVATE_HOSTS,
)
from stratos.contracts.jobs import AnyJobConfig, ProbeConfig, SynthesizeConfig
from stratos.contracts.plan import Server
from stratos.contracts.run import RunRef
from stratos.pipeline.steps import RolesOfJobs, TrainingJob
from stratos.planning.disk import needed_gib, volume_gib
from stratos.planning.forecast.start_up import job_start
from stratos.spec import Method, Spec, Teacher, Weights

CHECKPOINT_DIR = "/opt/ml/checkpoints"
_STOP_SECONDS = 180
"""Beyond the deadline that a job keeps by itself: to upload its output."""
_START_FACTOR = 2
"""SageMaker counts the start, too. A slow one must not cost the job its result."""
_SPOT_WAIT_SECONDS = 3600
_PER_HOST, _BY_INSTANCE_TYPE = "STRATOS_PROCESSES_PER_HOST", "STRATOS_PROCESSES_BY_INSTANCE_TYPE"
PROCESSES = (_PER_HOST, _BY_INSTANCE_TYPE)
"""Variables by which the launcher is told how many processes to start, one at a time."""


@dataclass(frozen=True)
class JobFactory:
    """Makes the jobs of one run."""

    run: RunRef
    spec: Spec
    roles: RolesOfJobs = "own"

    @property
    def files(self) -> RunFiles:
        return RunFiles(self.run)

    def make(
        self,
        step: str,
        config: AnyJobConfig,
        servers: Sequence[Server],
        channels: Mapping[str, str],
        hyper_parameters: Mapping[str, str] | None = None,
        reads: Sequence[ModelCard] = (),
        trains: ModelCard | None = None,
        method: Method = "lora",
        data_bytes: int = 0,
    ) -> TrainingJob:
        """Write a job's configuration and return the job.

        Args:
            servers: On which it may start, best first; of spot, one.
            channels: Channel name → S3 prefix, besides those that every job has.
            reads: The models that it reads.
            trains: The student that it trains by `method`, or reads as trained before.
            data_bytes: Of records on its disk.
        """
        files = self.files
        servers = servers if settings().several_instance_types else servers[:1]
        files.put_job_config(step, config.model_copy(update={"servers": tuple(servers)}))
        inputs = {**_code(), "config": files.job_config_uri(step), **channels}
        if self.spec.task.checker is not None and isinstance(
            config, ProbeConfig | SynthesizeConfig
        ):
            inputs["checker"] = files.checker_uri
        return TrainingJob(
            step=step,
            name=job_name(self.run.run_id, step, 0),
            attempt=0,
            hyper_parameters=dict(hyper_parameters or {}),
            input_data_config=[_channel(name, uri) for name, uri in inputs.items()],
            output_data_config={
                "S3OutputPath": files.models_uri,
                "KmsKeyId": settings().kms_key_arn,
            },
            checkpoint_config={
                "S3Uri": files.checkpoints_uri(step),
                "LocalPath": CHECKPOINT_DIR,
            },
            environment=self._environment(config, servers),
            result_uri=config.result_uri,
            **placement(
                servers,
                config.deadline_seconds,
                needed_gib(reads, trains, method, data_bytes),
            ),
        )

    def _environment(self, config: AnyJobConfig, servers: Sequence[Server]) -> dict[str, str]:
        told = settings()
        return {
            "AWS_DEFAULT_REGION": told.aws_region,
            **_hashes(),
            "STRATOS_CHECKPOINT_DIR": CHECKPOINT_DIR,
            "STRATOS_STACK": told.stack_name,
            "STRATOS_BEDROCK_ROLE_ARN": self._role_of_batches(),
            **({PRIVATE_HOSTS: told.private_hosts} if told.private_hosts else {}),
            **(training_processes(servers) if config.kind == "distill" else {}),
        }

    def _role_of_batches(self) -> str:
        """Bedrock does in a batch what the job itself may do; a job may pass no other role."""
        told = settings()
        if self.roles == "shared":
            return told.bedrock_role_arn
        return told.role_arn(told.names.job_role(self.run.run_id))

    def model_channel(self, name: str, model: Teacher) -> dict[str, str]:
        """A channel with a model's folder or file; none of a model that the job fetches by name."""
        if not isinstance(model, Weights) or model.path is None:
            return {}
        folder, path = SpecFolder(self.run), model.path.rstrip("/")
        is_file = any(item.path == path for item in folder.list(path))
        return {name: folder.uri(path if is_file else f"{path}/")}


def _code() -> dict[str, str]:
    """What a job's container starts from: our code, and packages beyond the image's."""
    return {CODE_CHANNEL: settings().source_uri, PACKAGES_CHANNEL: settings().packages_uri}


def _hashes() -> dict[str, str]:
    """What a job compares those archives with, before it unpacks them."""
    told = {CODE_SHA256: settings().source_sha256, PACKAGES_SHA256: settings().packages_sha256}
    return {name: sha256 for name, sha256 in told.items() if sha256}


def placement(servers: Sequence[Server], deadline_seconds: float, ebs_gib: int) -> dict[str, Any]:
    """The fields of a job that depend on where it runs.

    Args:
        servers: On which it may start, best first, all with one image and none or each
            with a disk of its own; of spot, one.
        ebs_gib: What the job needs where the server has no disk of its own.
    """
    first = servers[0]
    spot = first.purchase == "spot"
    slowest = max(job_start(server.instance_type).billed_seconds for server in servers)
    runtime = math.ceil(deadline_seconds + _START_FACTOR * slowest) + _STOP_SECONDS
    stopping = {"MaxRuntimeInSeconds": runtime}
    if spot:
        stopping["MaxWaitTimeInSeconds"] = runtime + _SPOT_WAIT_SECONDS
    volume = volume_gib((server.instance_type for server in servers), ebs_gib)
    here = first.region == settings().aws_region
    return {
        "region": "" if here else first.region,
        "image_uri": image_uri("training", first.region, first.instance_type),
        "resource_config": {**_instances(servers), "VolumeSizeInGB": volume},
        "ebs_gib": ebs_gib,
        "stopping_condition": stopping,
        "spot": spot,
        "usd_per_hour": first.usd_per_hour,
    }


def _instances(servers: Sequence[Server]) -> dict[str, Any]:
    counted = [
        {"InstanceType": server.instance_type, "InstanceCount": server.count} for server in servers
    ]
    return counted[0] if len(counted) == 1 else {"InstancePreferences": counted}


def types_asked(resource_config: Mapping[str, Any]) -> tuple[str, ...]:
    """The instance types that a job may start on, best first."""
    chosen = resource_config.get("InstancePreferences") or (resource_config,)
    return tuple(one["InstanceType"] for one in chosen)


def training_processes(servers: Sequence[Server]) -> dict[str, str]:
    """What the launcher starts on each host: as many processes as the plan counted devices."""
    counts = {server.instance_type: server.devices for server in servers}
    if len(set(counts.values())) == 1:
        return {_PER_HOST: str(servers[0].devices)}
    return {_BY_INSTANCE_TYPE: json.dumps(counts, separators=(",", ":"))}


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
