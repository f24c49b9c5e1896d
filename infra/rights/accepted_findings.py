"""cdk-nag's findings that stay, each with the constructs it is accepted for and the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Acknowledgment, App, Stack, Validations
from cdk_nag import AwsSolutionsChecks

from infra.parts.functions import HANDLERS
from infra.permissions import names_of


@dataclass(frozen=True)
class AcceptedFinding:
    """A finding of cdk-nag's AwsSolutions that is accepted for the named constructs only.

    `rule` may hold `{bucket}`, a logical id that cdk-nag quotes, and `{prefix}`, the stack's.
    `paths` are within the stack.
    """

    rule: str
    paths: tuple[str, ...]
    reason: str


def wildcard(resource: str, paths: tuple[str, ...], reason: str) -> AcceptedFinding:
    """A finding of IAM5: a resource with a wildcard in it."""
    return AcceptedFinding(f"AwsSolutions-IAM5[Resource::{resource}]", paths, reason)


def _roles(*modules: str) -> tuple[str, ...]:
    return tuple(f"Functions/{item.id}Role" for item in HANDLERS if item.module in modules)


_EVERY_FUNCTION = tuple(item.module for item in HANDLERS)
_READS_JOBS = (
    "check_quality",
    "clean_up",
    "diagnose_job",
    "gather_shards",
    "match_models",
    "measure_batch",
    "measure_endpoint",
    "plan_candidates",
    "report",
)
_LOOKS_AT_ENDPOINTS = ("check_quality", "match_models", "plan_candidates", "take_turn")
_NO_RUN_OBJECTS = (
    "await_component",
    "await_place",
    "claim_run",
    "request_approval",
    "sweep",
    "tell_webhooks",
)
_JOBS, _MACHINE = "TrainingJobs/Role", "Workflow/Role"
_BATCHES = "TrainingJobs/BatchRole"
_SERVED = ("Endpoints/Role", "Endpoints/QueueRole")
_MODELS = (*_SERVED, "Batches/Role")

_HERE = "<AWS::Region>:<AWS::AccountId>"
_SAGEMAKER = f"arn:<AWS::Partition>:sagemaker:{_HERE}"
_IMAGES = "arn:<AWS::Partition>:ecr:<AWS::Region>:*:repository/"
_BUCKET = "<{bucket}.Arn>"

_ANY_KEY = "Object keys hold the names of specs and runs, which are not known beforehand."
_RUN_NAMES = "Named after the run; held by the tags stratos:run and stratos:stack, too."
_REGISTRY = "AWS keeps these images in a registry account that differs by region; reading only."

FINDINGS = (
    AcceptedFinding(
        "AwsSolutions-S1",
        ("Storage/Bucket",),
        "Who read or wrote an object is CloudTrail's to record; access logs would be a second "
        "bucket of records that nobody reads.",
    ),
    AcceptedFinding(
        "AwsSolutions-L1",
        tuple(f"Functions/{item.id}" for item in HANDLERS),
        "Python 3.11 is what the project is written and tested for; AWS supports it.",
    ),
    wildcard(
        "*",
        _roles(*_EVERY_FUNCTION),
        "X-Ray's write actions take no resource, nor do the list actions of SageMaker, Scheduler "
        "and Service Quotas, nor a description of alarms that names none.",
    ),
    wildcard(
        "*",
        (_JOBS, *_MODELS),
        "ecr:GetAuthorizationToken takes no resource, nor does cloudwatch:PutMetricData, which is "
        "held to SageMaker's namespaces.",
    ),
    wildcard(
        "*",
        (_MACHINE,),
        "Step Functions' log delivery actions and X-Ray's write actions take no resource.",
    ),
    wildcard(
        "*",
        ("Network/Rights",),
        "EC2 describes for the whole account only, and takes no resource for a permission's end.",
    ),
    *(
        wildcard(
            f"arn:<AWS::Partition>:ec2:{_HERE}:{kind}/*",
            ("Network/Rights",),
            "SageMaker makes the interfaces; the subnets and groups are parameters.",
        )
        for kind in ("network-interface", "subnet", "security-group")
    ),
    wildcard(
        f"{_BUCKET}/runs/*",
        (
            *_roles(*(m for m in _EVERY_FUNCTION if m not in _NO_RUN_OBJECTS)),
            *(_JOBS, _BATCHES, *_MODELS),
        ),
        _ANY_KEY,
    ),
    wildcard(
        f"{_BUCKET}/specs/*",
        (
            *_roles(
                "claim_run",
                "inspect_dataset",
                "match_models",
                "parse_constraints",
                "plan_candidates",
                "prepare_inspection",
                "sweep",
            ),
            _JOBS,
        ),
        _ANY_KEY,
    ),
    wildcard(f"{_BUCKET}/checkpoints/*", (_JOBS,), _ANY_KEY),
    wildcard(f"{_BUCKET}/served/*", _roles("clean_up", "promote"), _ANY_KEY),
    wildcard(
        f"{_BUCKET}/specs/*/rejection.json", _roles("parse_constraints"), "One beside each spec."
    ),
    wildcard(
        f"{_BUCKET}/catalog/*",
        _roles(
            "check_quality",
            "clean_up",
            "diagnose_job",
            "match_models",
            "measure_batch",
            "measure_endpoint",
            "plan_candidates",
            "prepare_inspection",
            "report",
            "take_turn",
        ),
        "The catalog is a few small files that people may add to.",
    ),
    wildcard(_IMAGES + "pytorch", (_JOBS,), _REGISTRY),
    *(
        wildcard(_IMAGES + name, _MODELS, _REGISTRY)
        for name in ("huggingface-pytorch-inference", "llama-cpp", "llama-cpp-arm64", "vllm")
    ),
    wildcard(
        f"arn:<AWS::Partition>:logs:{_HERE}:log-group:/aws/sagemaker/TrainingJobs:*",
        (_JOBS,),
        "The wildcard stands for the streams of the one log group SageMaker writes to.",
    ),
    wildcard(
        f"arn:<AWS::Partition>:logs:{_HERE}:log-group:/aws/sagemaker/TransformJobs:*",
        ("Batches/Role",),
        "The wildcard stands for the streams of the one log group SageMaker writes to.",
    ),
    wildcard(f"{_BUCKET}/runs/*/batches/*/answers/*", ("Batches/Role",), _ANY_KEY),
    wildcard(
        f"{_SAGEMAKER}:transform-job/{{prefix}}-*",
        (*_roles("clean_up", "measure_batch", "report", "sweep"), _MACHINE),
        _RUN_NAMES,
    ),
    wildcard(
        f"arn:<AWS::Partition>:logs:{_HERE}:log-group:/aws/sagemaker/Endpoints/{{prefix}}-*:*",
        (*_SERVED, *_roles("measure_endpoint")),
        "SageMaker writes to a log group for each endpoint, named after its spec.",
    ),
    wildcard(
        f"arn:<AWS::Partition>:logs:{_HERE}:log-group:"
        "/aws/sagemaker/InferenceComponents/{prefix}-*:*",
        (*_SERVED, *_roles("measure_endpoint")),
        "SageMaker writes to a log group for each component, named after its spec.",
    ),
    wildcard(
        "arn:<AWS::Partition>:bedrock:*::foundation-model/*",
        (_JOBS, _BATCHES),
        "The spec names the teacher; an inference profile routes to models of several regions.",
    ),
    wildcard(
        f"arn:<AWS::Partition>:bedrock:{_HERE}:inference-profile/*",
        (_JOBS, _BATCHES),
        "The spec names the teacher.",
    ),
    wildcard(
        f"arn:<AWS::Partition>:bedrock:{_HERE}:application-inference-profile/*",
        (_JOBS, _BATCHES),
        "The spec names the teacher, by a profile that the account made.",
    ),
    wildcard(
        f"arn:<AWS::Partition>:bedrock:{_HERE}:model-invocation-job/*",
        (_JOBS,),
        "Bedrock names a batch itself, and takes no tag of ours into its ARN.",
    ),
    wildcard(
        f"arn:<AWS::Partition>:secretsmanager:{_HERE}:secret:{{prefix}}/*",
        (_JOBS, *_roles("parse_constraints")),
        "The spec names the secrets of keys and tokens, which must begin with the stack's prefix.",
    ),
    *(
        wildcard(
            f"{_SAGEMAKER}:mlflow-{kind}/*",
            (_JOBS,),
            "The spec names the MLflow, which its owner tags for the stack.",
        )
        for kind in ("app", "tracking-server")
    ),
    wildcard(
        f"{_SAGEMAKER}:training-job/*", (*_roles(*_READS_JOBS, "sweep"), _MACHINE), _RUN_NAMES
    ),
    wildcard(
        f"{_SAGEMAKER}:model/{{prefix}}-*", (*_roles("clean_up", "sweep"), _MACHINE), _RUN_NAMES
    ),
    wildcard(
        f"{_SAGEMAKER}:endpoint-config/{{prefix}}-*",
        (*_roles(*_LOOKS_AT_ENDPOINTS, "clean_up", "promote", "sweep"), _MACHINE),
        _RUN_NAMES,
    ),
    wildcard(
        f"{_SAGEMAKER}:inference-component/{{prefix}}-*",
        (
            *_roles(
                *_LOOKS_AT_ENDPOINTS,
                "await_component",
                "clean_up",
                "measure_endpoint",
                "promote",
                "sweep",
            ),
            _MACHINE,
        ),
        "A component is named after its endpoint.",
    ),
    wildcard(
        f"{_SAGEMAKER}:endpoint/{{prefix}}-*",
        (
            *_roles(
                *_LOOKS_AT_ENDPOINTS,
                "await_component",
                "clean_up",
                "measure_endpoint",
                "promote",
                "sweep",
            ),
            "Schedules/Role",
            _MACHINE,
        ),
        "An endpoint is named after its spec.",
    ),
    wildcard(
        f"arn:<AWS::Partition>:cloudwatch:{_HERE}:alarm:{{prefix}}-*",
        (
            *_roles("clean_up", "promote", "sweep", "take_turn"),
            "Schedules/Role",
            *_SERVED,
            _MACHINE,
        ),
        "An alarm is named after the endpoint it scales or the run whose update it watches.",
    ),
    *(
        wildcard(
            f"arn:<AWS::Partition>:cloudwatch:{_HERE}:alarm:TargetTracking-{kind}/{{prefix}}-*",
            (*_roles("clean_up", "promote", "sweep", "take_turn"), "Schedules/Role", _MACHINE),
            "Application Auto Scaling names its alarms after the endpoint, and ends them in an id.",
        )
        for kind in ("endpoint", "inference-component")
    ),
    wildcard(
        f"arn:<AWS::Partition>:application-autoscaling:{_HERE}:scalable-target/*",
        (*_roles("clean_up", "promote", "sweep", "take_turn"), "Schedules/Role", _MACHINE),
        "AWS makes up the id of a scalable target.",
    ),
    wildcard(f"{_BUCKET}/async/*", (*_roles("measure_endpoint"), "Endpoints/QueueRole"), _ANY_KEY),
    *(
        wildcard(f"{_BUCKET}/async/*/{folder}/*", ("Endpoints/QueueRole",), _ANY_KEY)
        for folder in ("answers", "failures")
    ),
    wildcard(
        f"{_SAGEMAKER}:model-package/{{prefix}}/*",
        (*_roles("clean_up", "promote", "record_approval"), _MACHINE),
        "The wildcard stands for the versions of the one group.",
    ),
    wildcard(
        f"arn:<AWS::Partition>:scheduler:{_HERE}:schedule/{{prefix}}/*",
        _roles("clean_up", "promote", "sweep", "take_turn"),
        "The wildcard stands for the schedules of the one group.",
    ),
    wildcard(
        f"arn:<AWS::Partition>:states:{_HERE}:execution:{{prefix}}:*",
        (
            *_roles("clean_up", "measure_batch", "measure_endpoint", "report", "sweep"),
            _MACHINE,
        ),
        "The wildcard stands for the executions of the one state machine.",
    ),
    wildcard(
        f"arn:<AWS::Partition>:states:{_HERE}:execution:{{prefix}}/*:*",
        (_MACHINE,),
        "The wildcards stand for the Distributed Maps of the one state machine, and their items.",
    ),
    wildcard(f"{_BUCKET}/runs/*/jobs/*/shards-*.json", (_MACHINE,), _ANY_KEY),
    wildcard(
        "arn:<AWS::Partition>:iam::<AWS::AccountId>:role/{prefix}/<AWS::Region>/*",
        (*_roles("clean_up", "inspect_dataset", "report", "sweep"), _MACHINE),
        "The roles of runs, which alone are in the stack's path.",
    ),
)


def check_findings(app: App, findings: Mapping[Stack, Sequence[AcceptedFinding]]) -> None:
    """Let the synthesis fail on any finding that has no reason.

    Args:
        findings: Those of each stack that have one.
    """
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    for stack, accepted_there in findings.items():
        for path, rule, reason in accepted(stack, accepted_there):
            construct = stack
            for part in path.split("/"):
                construct = construct.node.find_child(part)  # type: ignore[assignment]
            Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))


def accepted(
    stack: Stack, findings: Sequence[AcceptedFinding] = FINDINGS
) -> Iterator[tuple[str, str, str]]:
    """Construct path, rule and reason of every accepted finding."""
    names = {
        "prefix": names_of(stack).prefix,
        "bucket": _logical_id(stack, "Storage/Bucket/Resource"),
    }
    for finding in findings:
        for path in finding.paths:
            yield path, finding.rule.format(**names), finding.reason


def _logical_id(stack: Stack, path: str) -> str:
    construct = stack
    for part in path.split("/"):
        construct = construct.node.find_child(part)  # type: ignore[assignment]
    return str(stack.resolve(construct.logical_id))  # type: ignore[attr-defined]
