"""From a teacher in the spec to one that can be asked."""

from __future__ import annotations

import os

import boto3

from stratos.contracts.job_start import HOME_REGION
from stratos.contracts.jobs import ModelJobConfig, ProbeConfig, SynthesizeConfig
from stratos.errors import TeacherFailed
from stratos.hosting.names import DEFAULT_STACK
from stratos.spec import Bedrock, LlmJudge, Logs, OpenAICompatible, Weights
from stratos.spec.addresses import host_of
from training.container.paths import SageMakerPaths
from training.container.private_hosts import private_hosts
from training.container.secrets import read_secret
from training.models.weights import load_model, locate
from training.teachers import vllm
from training.teachers.bedrock import BedrockService
from training.teachers.bedrock_batch import BedrockBatchTeacher
from training.teachers.cached import CachedTeacher
from training.teachers.openai import OpenAIService
from training.teachers.service import ServiceTeacher
from training.teachers.teacher import Teacher
from training.teachers.weights import WeightsTeacher

_BATCH_ROLE = "STRATOS_BEDROCK_ROLE_ARN"
_STACK = "STRATOS_STACK"


def load_teacher(
    spec: Weights | Bedrock | OpenAICompatible,
    config: ModelJobConfig,
    paths: SageMakerPaths,
    channel: str,
    seed: int = 0,
) -> Teacher:
    """Open a teacher: weights are read from `channel`, services are asked over the network.

    Answers that cost money or, as in synthesis, much time are kept in the checkpoint folder, where
    there is one: an attempt after a kill asks only for the rest.
    """
    teacher: Teacher
    if isinstance(spec, Weights):
        # Only where no other model has to share the GPU with it.
        alone = isinstance(config, SynthesizeConfig | ProbeConfig)
        # vLLM reads the folder as it is: it cannot leave layers out.
        if alone and spec.layers is None and vllm.is_available():
            teacher = vllm.open_vllm(spec.name, locate(spec, paths.channels.get(channel)), seed)
        else:
            teacher = open_weights(spec, config, paths, channel, seed)
        if not isinstance(config, SynthesizeConfig):
            return teacher
    else:
        teacher = open_service(spec, config)
    if paths.checkpoint_dir is None:
        return teacher
    kept = paths.checkpoint_dir / "completions.jsonl"
    return CachedTeacher(teacher, kept, config.spent_usd)


def open_weights(
    spec: Weights, config: ModelJobConfig, paths: SageMakerPaths, channel: str, seed: int = 0
) -> WeightsTeacher:
    """Read weights from a channel (or the Hub) and make them answer."""
    source = locate(spec, paths.channels.get(channel))
    local = load_model(spec.name, source, layers=spec.layers)
    return WeightsTeacher(local, batch_size=config.batch_size, seed=seed)


def open_service(spec: Bedrock | OpenAICompatible, config: ModelJobConfig) -> Teacher:
    """Connect to a model behind an API, with its share of the job's money."""
    budget_usd = _budget(config)
    if isinstance(spec, OpenAICompatible):
        secret = spec.api_key_secret
        key = None
        if secret is not None:
            host = host_of(spec.base_url)
            key = read_secret(secret, "api_key", named_by="api_key_secret", host=host)
        service = OpenAIService(spec, key, private_hosts=private_hosts())
        return ServiceTeacher(service, budget_usd=budget_usd)
    converse = ServiceTeacher(BedrockService(spec), budget_usd=budget_usd)
    # A run waits for its probes: only synthesis, which asks thousands, is worth a batch's hours.
    # A batch's files have to be in the region of its model, which is home's.
    away = HOME_REGION in os.environ
    if not spec.batch or not isinstance(config, SynthesizeConfig) or away:
        return converse
    role_arn = os.environ.get(_BATCH_ROLE)
    if role_arn is None:
        raise TeacherFailed(
            f"batch inference needs a role for Bedrock to assume; {_BATCH_ROLE} is not set in "
            "the job's environment. Deploy the stack, which sets it, or set `batch: false` for "
            "this teacher"
        )
    return BedrockBatchTeacher(
        spec,
        converse,
        bedrock=boto3.client("bedrock"),
        s3=boto3.client("s3"),
        folder_uri=config.result_uri.rpartition("/")[0] + "/batch/",
        role_arn=role_arn,
        stack=os.environ.get(_STACK, DEFAULT_STACK),
        budget_usd=budget_usd,
    )


def _budget(config: ModelJobConfig) -> float | None:
    """The job's money; half of it where a paid teacher and a judge are asked in the same job."""
    asked = getattr(config, "teacher", None) or getattr(config, "model", None)
    two = isinstance(config.judging.verifier, LlmJudge) and not isinstance(asked, Weights | Logs)
    if config.budget_usd is None:
        return None
    return config.budget_usd / 2 if two else config.budget_usd
