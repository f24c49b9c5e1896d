"""Bedrock: models that are asked, and batches of questions.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from infra.local.iam.api_request import ApiRequest
from infra.local.iam.requirement import Requirement, Rule, pass_role, request_tags

_PROFILE = re.compile(r"(?:us|eu|apac|jp|au|ca|us-gov|global)\.(?P<model>.+)")
"""A profile that stands for a model in several regions."""


def _models(request: ApiRequest, name: str) -> Iterator[str]:
    """ARNs of a model; of a profile, its own and that of the model behind it."""
    if name.startswith("arn:"):
        yield name
        name = name.rpartition("/")[2]
        if ":inference-profile/" not in request.get("modelId"):
            return
    profile = _PROFILE.fullmatch(name)
    if profile:
        own = request.arn("bedrock", f"inference-profile/{name}")
        if own != request.get("modelId"):
            yield own
        name = profile["model"]
    yield f"arn:aws:bedrock:{request.region}::foundation-model/{name}"


def _asks(action: str) -> Rule:
    def rule(request: ApiRequest) -> Iterator[Requirement]:
        for arn in _models(request, request.get("modelId")):
            yield Requirement(f"bedrock:{action}", arn)

    return rule


def _create_job(request: ApiRequest) -> Iterator[Requirement]:
    tags = request_tags(
        {"Key": tag["key"], "Value": tag["value"]} for tag in request.parameters.get("tags") or []
    )
    job = request.arn("bedrock", "model-invocation-job/*")
    for arn in (*_models(request, request.get("modelId")), job):
        yield Requirement("bedrock:CreateModelInvocationJob", arn, tags)
    if tags:
        yield Requirement("bedrock:TagResource", job, tags)
    yield from pass_role(request.get("roleArn"), "bedrock.amazonaws.com")


def _on_job(action: str) -> Rule:
    def rule(request: ApiRequest) -> Iterator[Requirement]:
        name = request.get("jobIdentifier")
        arn = (
            name
            if name.startswith("arn:")
            else request.arn("bedrock", f"model-invocation-job/{name}")
        )
        yield Requirement(f"bedrock:{action}", arn)

    return rule


RULES: Mapping[str, Mapping[str, Rule]] = {
    "bedrock-runtime": {
        "Converse": _asks("InvokeModel"),
        "ConverseStream": _asks("InvokeModelWithResponseStream"),
        "InvokeModel": _asks("InvokeModel"),
        "InvokeModelWithResponseStream": _asks("InvokeModelWithResponseStream"),
    },
    "bedrock": {
        "CreateModelInvocationJob": _create_job,
        "GetModelInvocationJob": _on_job("GetModelInvocationJob"),
        "StopModelInvocationJob": _on_job("StopModelInvocationJob"),
    },
}
