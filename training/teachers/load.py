"""From a teacher in the spec to one that can be asked."""

from __future__ import annotations

import os

import boto3

from stratos.errors import TeacherFailed
from stratos.jobs import JobConfig, SynthesizeConfig
from stratos.spec import Bedrock, OpenAICompatible, Weights
from stratos.spec import Teacher as TeacherSpec
from training.paths import SageMakerPaths
from training.teachers import Teacher
from training.teachers.bedrock import BedrockService
from training.teachers.bedrock_batch import BedrockBatchTeacher
from training.teachers.cached import CachedTeacher
from training.teachers.openai import OpenAIService, read_api_key
from training.teachers.service import ServiceTeacher
from training.teachers.weights import WeightsTeacher
from training.weights import load_model, locate

_BATCH_ROLE = "STRATOS_BEDROCK_ROLE_ARN"


def load_teacher(
    spec: TeacherSpec, config: JobConfig, paths: SageMakerPaths, channel: str, seed: int = 0
) -> Teacher:
    """Open a teacher: weights are read from `channel`, services are asked over the network.

    Answers that cost money or, as in synthesis, much time are kept in the checkpoint folder, where
    there is one: an attempt after a kill asks only for the rest.
    """
    teacher: Teacher
    if isinstance(spec, Weights):
        teacher = open_weights(spec, config, paths, channel, seed)
        if not isinstance(config, SynthesizeConfig):
            return teacher
    else:
        teacher = _open_service(spec, config)
    if paths.checkpoint_dir is None:
        return teacher
    return CachedTeacher(teacher, paths.checkpoint_dir / "completions.jsonl")


def open_weights(
    spec: Weights, config: JobConfig, paths: SageMakerPaths, channel: str, seed: int = 0
) -> WeightsTeacher:
    """Read weights from a channel (or the Hub) and make them answer."""
    source = locate(spec, paths.channels.get(channel))
    local = load_model(spec.name, source, layers=spec.layers)
    return WeightsTeacher(local, batch_size=config.batch_size, seed=seed)


def _open_service(spec: Bedrock | OpenAICompatible, config: JobConfig) -> Teacher:
    if isinstance(spec, OpenAICompatible):
        key = read_api_key(spec.api_key_secret) if spec.api_key_secret else None
        return ServiceTeacher(OpenAIService(spec, key), budget_usd=config.budget_usd)
    converse = ServiceTeacher(BedrockService(spec), budget_usd=config.budget_usd)
    # A probe waits for its answers: only synthesis, which asks thousands, is worth hours of batch.
    if not spec.batch or not isinstance(config, SynthesizeConfig):
        return converse
    role_arn = os.environ.get(_BATCH_ROLE)
    if role_arn is None:
        raise TeacherFailed(
            f"batch inference needs a role for Bedrock to assume; {_BATCH_ROLE} is not set in "
            "the job's environment. Set `batch: false` for this teacher, or add the variable"
        )
    return BedrockBatchTeacher(
        spec,
        converse,
        bedrock=boto3.client("bedrock"),
        s3=boto3.client("s3"),
        folder_uri=config.result_uri.rpartition("/")[0] + "/batch/",
        role_arn=role_arn,
        budget_usd=config.budget_usd,
    )
