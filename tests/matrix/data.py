"""An execution's data with every field that some state reads, and what each function answers.

Any state can be entered with it, and goes on from there to a good end.
"""

from __future__ import annotations

import copy
from typing import Any

from tests import factories

RUN = factories.run_ref().model_dump(mode="json")
_TAGS = [{"Key": "stratos:run", "Value": RUN["run_id"]}]


def _job(step: str) -> dict[str, Any]:
    """A job of the stack's own region, in the fields that states read."""
    return {
        "step": step,
        "attempt": 0,
        "name": f"{RUN['run_id']}-{step}",
        "region": "",
        "image_uri": "image",
        "hyper_parameters": {"config_uri": "s3://bucket/config"},
        "input_data_config": [],
        "output_data_config": {"S3OutputPath": "s3://bucket/out"},
        "resource_config": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "stopping_condition": {"MaxRuntimeInSeconds": 3600},
        "checkpoint_config": {"S3Uri": "s3://bucket/checkpoints"},
        "environment": {},
        "spot": False,
    }


def _shards(step: str) -> dict[str, Any]:
    key = f"runs/{RUN['run_id']}/{step}.json"
    return {"at_once": 1, "bucket": "bucket", "manifest_key": key, "num_jobs": 0}


_VARIANT = {"VariantName": "all", "ServerlessConfig": {"MemorySizeInMB": 4096}}
_CONTAINER = {"Image": "image", "ModelDataUrl": "s3://bucket/model"}
_TRANSFORM = {
    "name": f"{RUN['run_id']}-batch",
    "model_name": "model-batch",
    "transform_input": {},
    "transform_output": {"S3OutputPath": "s3://bucket/answers"},
    "transform_resources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    "model_client_config": {},
    "max_concurrent_transforms": 1,
    "max_payload_in_mb": 1,
    "environment": {},
    "tags": _TAGS,
}
_ALARM = {
    "AlarmName": "stratos-tiles-errors",
    "AlarmDescription": "errors of the new model",
    "Metrics": [],
    "EvaluationPeriods": 1,
    "DatapointsToAlarm": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}
_COMPONENT = {
    "name": "stratos-tiles-model",
    "specification": {"ModelName": "model"},
    "runtime_config": {"CopyCount": 1},
    "previous": "model-before",
}
_DEPLOYMENT = {
    "model_name": "model",
    "container": _CONTAINER,
    "tags": _TAGS,
    "more_models": [{"model_name": "model-of-the-pool", "container": _CONTAINER}],
    "endpoint_name": "stratos-tiles",
    "endpoint_config_name": "config",
    "production_variant": _VARIANT,
    "async_inference_config": {"OutputConfig": {}},
    "replaces_live": True,
    "guardrails": {"alarms": [_ALARM], "deployment_config": {}},
    "component": _COMPONENT,
    "transform_job": _TRANSFORM,
    "model_package": {
        "ModelPackageDescription": "a student",
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {},
        "ModelMetrics": {},
        "MetadataProperties": {},
        "CustomerMetadataProperties": {},
    },
}
_STAGED = {
    "region": "us-east-1",
    "deployment": {
        "model_name": "staged-model",
        "container": _CONTAINER,
        "tags": _TAGS,
        "endpoint_config_name": "staged-config",
        "production_variant": _VARIANT,
        "endpoint_name": "stratos-tiles-staged",
    },
    "endpoints": [],
}
_STAGED["endpoints"] = [copy.deepcopy({**_STAGED, "endpoints": []})]
_HOME = {"region": "us-east-1", "bucket": "bucket", "task_token": "of-home"}
_ARTIFACT = "s3://bucket/model.tar.gz"
JOB_DONE = {"ModelArtifacts": {"S3ModelArtifacts": _ARTIFACT}}
"""What a finished job is described with."""

DATA: dict[str, Any] = {
    "run": RUN,
    "parsed": {"name": "tiles", "approval_timeout_seconds": 3600},
    "dataset": {"unchanged": False},
    "inspection": _job("inspect"),
    "candidates": {"probes": [_job("probe-t0"), _job("probe-s0")]},
    "probes": [],
    "attempt": 0,
    "match": {
        "synthesize": _job("synthesize-a0"),
        "distill": _job("distill-a0"),
        "evaluate": _job("evaluate-a0"),
        "synthesis_shards": _shards("synthesize"),
        "evaluation_shards": _shards("evaluate"),
    },
    "job": _job("synthesize-a0-s0"),
    "shards": [],
    "distilled": JOB_DONE | {"hyper_parameters": {"student_artifact": _ARTIFACT}},
    "quality": {
        "passed": True,
        "reason": "good enough",
        "next_attempt": 1,
        "deployment": _DEPLOYMENT,
    },
    "package": {"ModelPackageArn": "arn:package"},
    "approval": {"approved": True},
    "endpoint": {
        "EndpointName": "stratos-tiles",
        "EndpointStatus": "InService",
        "EndpointConfigName": "config",
        "FailureReason": "the container ended",
    },
    "endpoint_wait": {"seconds": 1},
    "component": {},
    "transformed": {"Error": "", "Cause": ""},
    "measured": {
        "passed": True,
        "reason": "p95 was missed",
        "deployment": _DEPLOYMENT,
        "next_attempt": 1,
    },
    "staged": _STAGED,
    "watched": {
        "serving": True,
        "over": True,
        "wait_seconds": 5,
        "looks": 0,
        "silent_since": None,
        "checkpoints_copied_at": None,
        "unseen": 0,
    },
    "promoted": {"drain_seconds": 60, "former": {}},
    "retired": {},
    "reported": {},
    "cleaned_up": {},
    "diagnosis": {
        "retry": True,
        "outcome": "crash",
        "reason": "killed",
        "job": _job("distill-a0"),
    },
    "failure": {"Error": "SageMaker.SageMakerException", "Cause": "refused"},
    "alarm": _ALARM,
    "model": {"model_name": "model-of-the-pool", "container": _CONTAINER},
    "tags": _TAGS,
    "home": _HOME,
    "worker": {"run": RUN, "job": _job("distill-a0"), "home": _HOME},
}

MANIFEST = [_job("shard-0"), _job("shard-1")]
"""What the shards of a step are read from."""


def at(path: str, data: dict[str, Any] = DATA) -> Any:
    """A copy of what lies at a path such as `$.match.distill`."""
    found: Any = data
    for part in path.split(".")[1:]:
        found = found[part]
    return copy.deepcopy(found)
