"""The statements that roles are given, as narrow as AWS lets them be.

What a run makes is named after the stack and the run, and carries the tags of both. A statement is
limited to the names that begin with the stack's prefix and, where AWS supports it, to what carries
the tags; training jobs have no prefix in their names, and are held by their tags alone. What AWS
cannot narrow further is listed with its reason in `infra/rights/accepted_findings.py`.
"""

from __future__ import annotations

import jsii
from aws_cdk import Aws, IResolveContext, IStringProducer, Lazy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import IConstruct

from stratos.hosting.names import StackNames
from stratos.hosting.ownership import RUN_TAG, STACK_TAG

HOME_STACK = "stratos:home"
"""Context of a worker region's stack: the name of the stack that it works for."""

REGION_OF_HOME = "stratos:region_of_home"
"""Context of the same: the region of that stack."""


def names_of(scope: IConstruct) -> StackNames:
    """The names of the stack that a construct belongs to, or that its stack works for."""
    stack = Stack.of(scope)
    return StackNames(stack.node.try_get_context(HOME_STACK) or stack.stack_name)


@jsii.implements(IStringProducer)
class _Prefix:
    def produce(self, context: IResolveContext) -> str:
        return names_of(context.scope).prefix


@jsii.implements(IStringProducer)
class _StackName:
    def produce(self, context: IResolveContext) -> str:
        return names_of(context.scope).stack


@jsii.implements(IStringProducer)
class _HomeRegion:
    def produce(self, context: IResolveContext) -> str:
        region = Stack.of(context.scope).node.try_get_context(REGION_OF_HOME)
        return str(region or Aws.REGION)


PREFIX = Lazy.uncached_string(_Prefix())
"""Of the stack in which it is used, as `Aws.REGION` is the region in which it is used."""
STACK_NAME = Lazy.uncached_string(_StackName())
HOME_REGION = Lazy.uncached_string(_HomeRegion())
"""Of the stack in which it is used, or of the one that this works for."""

TRAINING_JOBS = "training-job/*"
TRANSFORM_JOBS = f"transform-job/{PREFIX}-*"
ENDPOINTS = f"endpoint/{PREFIX}-*"
ENDPOINT_CONFIGS = f"endpoint-config/{PREFIX}-*"
MODELS = f"model/{PREFIX}-*"
COMPONENTS = f"inference-component/{PREFIX}-*"
PACKAGE_GROUP = f"model-package-group/{PREFIX}"
PACKAGES = f"model-package/{PREFIX}/*"
"""By the group's name: `Ref` of a group is its ARN, which in another ARN would match nothing."""
STATE_MACHINE = f"stateMachine:{PREFIX}"
EXECUTIONS = f"execution:{PREFIX}:*"
WORKER_MACHINE = f"stateMachine:{PREFIX}-worker"
WORKER_EXECUTIONS = f"execution:{PREFIX}-worker:*"
"""Of the state machine that runs one job in a worker region."""
CHILD_EXECUTIONS = f"execution:{PREFIX}/*:*"
"""Of a Distributed Map: each item is an execution of its own."""
ALARMS = f"alarm:{PREFIX}-*"
TRACKING_ALARMS = (
    f"alarm:TargetTracking-endpoint/{PREFIX}-*",
    f"alarm:TargetTracking-inference-component/{PREFIX}-*",
)
"""What Application Auto Scaling calls the alarms that it makes for a policy."""


RUN_ROLES = f"role/{PREFIX}/{HOME_REGION}/*"
"""Of the roles that each run of a home gets; the stack's own have no path. IAM is the account's, so
that the path tells two homes of one name apart."""


def run_role(kind: str, run: str) -> str:
    """Expression of the state language for the ARN of a run's role.

    Args:
        kind: What the role's name ends in.
        run: JSONPath of the run.
    """
    pattern = arn("iam", f"role/{PREFIX}/{HOME_REGION}/{PREFIX}-{{}}-{kind}", region="")
    return f"States.Format('{pattern}', {run}.run_id)"


def _of_a_run(tags: str) -> dict[str, dict[str, str]]:
    """A run's, and not another stack's.

    What was made before there was a tag of the stack has none, and must stay within reach of the
    runs that are under way during an upgrade: hence `IfExists`.
    """
    return {
        "Null": {f"{tags}/{RUN_TAG}": "false"},
        "StringEqualsIfExists": {f"{tags}/{STACK_TAG}": STACK_NAME},
    }


_TAGGED = _of_a_run("aws:ResourceTag")
_TAGGING = _of_a_run("aws:RequestTag")


def trusted(service: str, source: str) -> iam.ServicePrincipal:
    """A service that may assume a role, for one source in this account and nobody else's.

    Each of these services documents that it names a source, and which:
    https://docs.aws.amazon.com/sagemaker/latest/dg/security-confused-deputy-prevention.html
    https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
    https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    https://docs.aws.amazon.com/bedrock/latest/userguide/batch-iam-sr.html

    Args:
        source: ARN, which may be a pattern, of what the service acts for.
    """
    return iam.ServicePrincipal(
        f"{service}.amazonaws.com",
        conditions={
            "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
            "ArnLike": {"aws:SourceArn": source},
        },
    )


def trusted_lambda() -> iam.ServicePrincipal:
    """Lambda, without a condition: it does not document that it names what it assumes a role for.

    Its page on roles shows a trust policy without one, and speaks of `aws:SourceArn` only where a
    function is what is called. A function's role must be of the function's own account.
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
    https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
    """
    return iam.ServicePrincipal("lambda.amazonaws.com")


def trusted_sagemaker() -> iam.ServicePrincipal:
    """SageMaker, which documents no narrower source than all that it has in the account."""
    return trusted("sagemaker", arn("sagemaker", "*"))


def arn(service: str, resource: str, *, region: str = Aws.REGION) -> str:
    """ARN of a resource of this account."""
    return f"arn:{Aws.PARTITION}:{service}:{region}:{Aws.ACCOUNT_ID}:{resource}"


def sagemaker(
    *actions: str, on: tuple[str, ...], regions: tuple[str, ...] = (Aws.REGION,)
) -> iam.PolicyStatement:
    """Actions such as `DescribeEndpoint` on SageMaker resources of this account."""
    return iam.PolicyStatement(
        actions=[f"sagemaker:{action}" for action in actions],
        resources=[
            arn("sagemaker", resource, region=region) for region in regions for resource in on
        ],
    )


def sagemaker_of_runs(
    *actions: str, on: tuple[str, ...], regions: tuple[str, ...] = (Aws.REGION,)
) -> iam.PolicyStatement:
    """The same, limited to resources that carry the tags of a run."""
    statement = sagemaker(*actions, on=on, regions=regions)
    statement.add_conditions(_TAGGED)
    return statement


def create_in_sagemaker(*actions: str, on: tuple[str, ...]) -> iam.PolicyStatement:
    """Create resources, which must carry the tags of a run from the start."""
    statement = sagemaker(*actions, "AddTags", on=on)
    statement.add_conditions(_TAGGING)
    return statement


def list_in_sagemaker(*actions: str) -> iam.PolicyStatement:
    """Actions such as `ListEndpoints`, which SageMaker grants for the whole account only."""
    return iam.PolicyStatement(
        actions=[f"sagemaker:{action}" for action in actions], resources=["*"]
    )


def list_training_jobs() -> iam.PolicyStatement:
    return list_in_sagemaker("ListTrainingJobs")


def use_alarms(*actions: str, regions: tuple[str, ...] = (Aws.REGION,)) -> iam.PolicyStatement:
    """CloudWatch actions such as `PutMetricAlarm` on the alarms of endpoints and their updates."""
    return iam.PolicyStatement(
        actions=[f"cloudwatch:{action}" for action in actions],
        resources=[arn("cloudwatch", ALARMS, region=region) for region in regions],
    )


def use_tracking_alarms(
    *actions: str, regions: tuple[str, ...] = (Aws.REGION,)
) -> iam.PolicyStatement:
    """CloudWatch actions on the alarms behind a scaling policy.

    Application Auto Scaling puts, reads and deletes them with the rights of whoever puts a policy
    or deregisters a target.
    https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html
    """
    return iam.PolicyStatement(
        actions=[f"cloudwatch:{action}" for action in actions],
        resources=[
            arn("cloudwatch", alarms, region=region)
            for region in regions
            for alarms in TRACKING_ALARMS
        ],
    )


def scale_endpoints(*actions: str, regions: tuple[str, ...] = (Aws.REGION,)) -> iam.PolicyStatement:
    """Application Auto Scaling actions; a target's ARN ends in an id that AWS makes up."""
    return iam.PolicyStatement(
        actions=[f"application-autoscaling:{action}" for action in actions],
        resources=[
            arn("application-autoscaling", "scalable-target/*", region=region) for region in regions
        ],
    )


def scale_with_service_role() -> iam.PolicyStatement:
    """Let Application Auto Scaling make its role on first use."""
    service = "sagemaker.application-autoscaling.amazonaws.com"
    role = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    return iam.PolicyStatement(
        actions=["iam:CreateServiceLinkedRole"],
        resources=[arn("iam", f"role/aws-service-role/{service}/{role}", region="")],
        conditions={"StringEquals": {"iam:AWSServiceName": service}},
    )


def read_objects(bucket: s3.IBucket, *prefixes: str) -> list[iam.PolicyStatement]:
    """Read and list under prefixes such as `specs/`.

    Listing is of the whole bucket: without it S3 answers 403 instead of 404 for a missing key.
    """
    return [
        iam.PolicyStatement(
            actions=["s3:GetObject", "s3:GetObjectVersion"],
            resources=[bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes],
        ),
        iam.PolicyStatement(actions=["s3:ListBucket"], resources=[bucket.bucket_arn]),
    ]


def read_archives(bucket: s3.IBucket) -> list[iam.PolicyStatement]:
    """Read the archives that the CDK published: those of earlier deployments too.

    A run goes on with the code that it began with. The CDK names an object by the SHA-256 of its
    content, and of `.tar.gz` it keeps `.gz`. No key is named: the one that the CDK makes for its
    bucket lets the whole account decrypt through S3, and what a key of one's own must let is said
    in docs/deploy.md.
    """
    return [
        iam.PolicyStatement(
            actions=["s3:GetObject"], resources=[bucket.arn_for_objects(f"{'?' * 64}.gz")]
        ),
        iam.PolicyStatement(actions=["s3:ListBucket"], resources=[bucket.bucket_arn]),
    ]


def write_objects(bucket: s3.IBucket, *keys: str) -> iam.PolicyStatement:
    """Put objects under keys or key patterns. Nothing in Stratos may delete one."""
    return iam.PolicyStatement(
        actions=["s3:PutObject", "s3:AbortMultipartUpload"],
        resources=[bucket.arn_for_objects(key) for key in keys],
    )


def write_records(bucket: s3.IBucket, *keys: str) -> iam.PolicyStatement:
    """Put objects, and tag those that expire as records do."""
    statement = write_objects(bucket, *keys)
    statement.add_actions("s3:PutObjectTagging")
    return statement


def use_key(key: kms.IKey) -> iam.PolicyStatement:
    """Read and write what the key encrypts."""
    return iam.PolicyStatement(
        actions=["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"], resources=[key.key_arn]
    )


def use_runs(table: dynamodb.ITable, *actions: str) -> iam.PolicyStatement:
    """DynamoDB actions such as `GetItem` on the runs table; `Query` is on its indexes only."""
    return iam.PolicyStatement(
        actions=[f"dynamodb:{action}" for action in actions], resources=[table.table_arn]
    )


def query_runs(table: dynamodb.ITable, *indexes: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=["dynamodb:Query"],
        resources=[f"{table.table_arn}/index/{index}" for index in indexes],
    )


def pass_role(role: iam.IRole | str, service: str) -> iam.PolicyStatement:
    """Hand a role, or those of an ARN's pattern, to one service and no other."""
    return iam.PolicyStatement(
        actions=["iam:PassRole"],
        resources=[role if isinstance(role, str) else role.role_arn],
        conditions={"StringEquals": {"iam:PassedToService": service}},
    )


def write_logs(group: logs.ILogGroup) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[group.log_group_arn]
    )


def trace() -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"]
    )


def write_container_logs(
    *log_groups: str, regions: tuple[str, ...] = (Aws.REGION,)
) -> iam.PolicyStatement:
    """What SageMaker needs to write a container's log; it makes the group itself."""
    return iam.PolicyStatement(
        actions=[
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        ],
        resources=[
            arn("logs", f"log-group:{group}:*", region=region)
            for region in regions
            for group in log_groups
        ],
    )


def read_container_logs() -> iam.PolicyStatement:
    """What the containers of endpoints and components have written."""
    return iam.PolicyStatement(
        actions=["logs:FilterLogEvents"],
        resources=[
            arn("logs", f"log-group:/aws/sagemaker/{kind}/{PREFIX}-*:*")
            for kind in ("Endpoints", "InferenceComponents")
        ],
    )


def run_container(
    *log_groups: str, repositories: tuple[str, ...], regions: tuple[str, ...] = (Aws.REGION,)
) -> list[iam.PolicyStatement]:
    """What every SageMaker container needs: its image, its logs, its metrics."""
    return [
        iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"]),
        iam.PolicyStatement(
            actions=[
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            ],
            # AWS keeps its deep learning containers in a registry account of its own per region.
            resources=[
                f"arn:{Aws.PARTITION}:ecr:{region}:*:repository/{name}"
                for region in regions
                for name in repositories
            ],
        ),
        write_container_logs(*log_groups, regions=regions),
        iam.PolicyStatement(
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions={"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
        ),
    ]
