"""cdk-nag's findings that stay in the policies of the roles that each run gets, with reasons."""

from __future__ import annotations

from collections.abc import Iterator

from infra.parts.run_roles import ARCHIVES, OF_JOBS
from infra.rights.accepted_findings import AcceptedFinding, wildcard
from stratos.contracts.bucket import async_folder

_RUN, _SPEC = "<aws:PrincipalTag/StratosRun>", "<aws:PrincipalTag/StratosSpec>"
"""As cdk-nag writes the tags of whoever calls."""
_OWN = "The run and the spec are those of the role's tags; the wildcard stands for what is theirs."
_NO_RESOURCE = (
    "ecr:GetAuthorizationToken takes no resource, nor does cloudwatch:PutMetricData, which is held "
    "to SageMaker's namespaces; EC2 describes for the whole account only."
)
_REGISTRY = "AWS keeps these images in a registry account that differs by region; reading only."
_STREAMS = "SageMaker writes streams into log groups that it names after endpoints or by itself."
_INTERFACES = "SageMaker makes the interfaces; the subnets and groups are parameters."
_TEACHER = (
    "The spec names the teacher, secrets and an MLflow that has the stack's tag; Bedrock names "
    "batches."
)
_ARCHIVES = "Keys of archives are hashes, and nothing else in a worker's bucket begins like one."


def run_role_findings(regions: tuple[str, ...]) -> tuple[AcceptedFinding, ...]:
    """Of the policies of a stack's runs.

    Args:
        regions: Of workers.
    """
    jobs, models, joins = "RunRoles/Jobs", "RunRoles/Models", "RunRoles/Joining"
    return (
        wildcard("*", (jobs, models, joins), _NO_RESOURCE),
        *_of_teachers(jobs),
        *_behind_queue(models),
        *_interfaces("<AWS::Region>", joins),
        *_in("<AWS::Region>", "<{bucket}.Arn>", jobs, models),
        *(finding for region in regions for finding in _elsewhere(region)),
    )


def _elsewhere(region: str) -> Iterator[AcceptedFinding]:
    jobs, models = f"RunRoles/Jobs-{region}", f"RunRoles/Models-{region}"
    bucket = f"arn:<AWS::Partition>:s3:::{{prefix}}-worker-<AWS::AccountId>-{region}"
    yield wildcard("*", (jobs, models), _NO_RESOURCE)
    yield from _in(region, bucket, jobs, models)
    yield from _interfaces(region, jobs, models)
    yield wildcard(
        f"arn:<AWS::Partition>:kms:{region}:<AWS::AccountId>:key/*",
        (jobs, models),
        "The id of the worker's key is not known here; the statement is held to its alias.",
    )
    for keys in ARCHIVES:
        yield wildcard(f"{bucket}/{keys}", (jobs,), _ARCHIVES)


def _in(region: str, bucket: str, jobs: str, models: str) -> Iterator[AcceptedFinding]:
    """Of what a run's roles have in each region."""
    images = f"arn:<AWS::Partition>:ecr:{region}:*:repository/"
    logs = f"arn:<AWS::Partition>:logs:{region}:<AWS::AccountId>:log-group:/aws/sagemaker/"
    yield wildcard(f"{images}pytorch", (jobs,), _REGISTRY)
    for name in ("llama-cpp", "llama-cpp-arm64", "vllm"):
        yield wildcard(images + name, (models,), _REGISTRY)
    yield wildcard(f"{logs}TrainingJobs:*", (jobs,), _STREAMS)
    for group in ("Endpoints/{prefix}-*", "InferenceComponents/{prefix}-*", "TransformJobs"):
        yield wildcard(f"{logs}{group}:*", (models,), _STREAMS)
    for key in (f"specs/{_SPEC}", f"runs/{_RUN}", f"checkpoints/{_RUN}"):
        yield wildcard(f"{bucket}/{key}/*", (jobs,), _OWN)
    for keys in OF_JOBS:
        written = keys.replace("${", "<").replace("}", ">")
        yield wildcard(f"{bucket}/{written}", (jobs,), _OWN)
    yield wildcard(f"{bucket}/runs/{_SPEC}-????????/models/*", (jobs, models), _OWN)


def _behind_queue(models: str) -> Iterator[AcceptedFinding]:
    batches, queue = f"runs/{_RUN}/batches/*", async_folder(_SPEC).rstrip("/")
    for key in (
        batches,
        f"{batches}/answers/*",
        f"{queue}/*",
        f"{queue}/answers/*",
        f"{queue}/failures/*",
    ):
        yield wildcard(f"<{{bucket}}.Arn>/{key}", (models,), _OWN)
    yield wildcard(
        "arn:<AWS::Partition>:cloudwatch:<AWS::Region>:<AWS::AccountId>:alarm:{prefix}-*",
        (models,),
        "An alarm is named after the endpoint it scales or the run whose update it watches.",
    )


def _of_teachers(jobs: str) -> Iterator[AcceptedFinding]:
    here = "<AWS::Region>:<AWS::AccountId>"
    for resource in (
        "bedrock:*::foundation-model/*",
        f"bedrock:{here}:inference-profile/*",
        f"bedrock:{here}:application-inference-profile/*",
        f"bedrock:{here}:model-invocation-job/*",
        f"secretsmanager:{here}:secret:{{prefix}}/*",
        f"sagemaker:{here}:mlflow-app/*",
        f"sagemaker:{here}:mlflow-tracking-server/*",
    ):
        yield wildcard(f"arn:<AWS::Partition>:{resource}", (jobs,), _TEACHER)


def _interfaces(region: str, *policies: str) -> Iterator[AcceptedFinding]:
    for kind in ("network-interface", "subnet", "security-group"):
        resource = f"arn:<AWS::Partition>:ec2:{region}:<AWS::AccountId>:{kind}/*"
        yield wildcard(resource, policies, _INTERFACES)
