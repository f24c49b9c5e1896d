"""What a worker region's functions and state machine may do, there and at home, next to why.

Nothing at home lets them in by name: within one account the rights of a role suffice, and a policy
that names a role is refused until the role is there. In turn their statements cannot name what
CloudFormation names at home. The bucket is known by how its name begins, and by its account, since
anybody may call a bucket so; the key by its alias.
https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html
https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Aws, DefaultStackSynthesizer
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.parts.functions import Functions
from infra.parts.hosting import WorkerEndpoints
from infra.parts.training import WorkerTrainingJobs
from infra.parts.worker_storage import WorkerStorage
from infra.permissions import (
    ENDPOINT_CONFIGS,
    ENDPOINTS,
    EXECUTIONS,
    MODELS,
    PREFIX,
    RUN_ROLES,
    TRAINING_JOBS,
    WORKER_EXECUTIONS,
    arn,
    create_in_sagemaker,
    list_in_sagemaker,
    pass_role,
    read_archives,
    read_objects,
    sagemaker,
    sagemaker_of_runs,
    trace,
    use_key,
    write_objects,
    write_records,
)
from infra.rights.shared_rights import (
    Statements,
    deliver_logs,
    end_endpoints,
    measure_and_scale,
)
from stratos.contracts.bucket import (
    CHECKPOINT_PREFIX,
    COPIES_PREFIX,
    PROGRESS_FILE,
    SERVED_PREFIX,
)

_INPUTS = ("specs/", "runs/", CHECKPOINT_PREFIX)
_OUTCOMES = ("runs/", CHECKPOINT_PREFIX)
_LOADS = "runs/*/loads/*"
_ELSEWHERE, _TRANSFERS = "runs/*/elsewhere/*", "runs/*/transfers/*"
"""What home is told of a job beside its answer, as `stratos.contracts.bucket` has it."""
_TOKENS = "runs/*/tokens/*"
"""By which home waits for endpoints, where it has handed one over again."""


@dataclass(frozen=True)
class HomeStores:
    """What is home's, by what is known of it before it is there."""

    region: str
    bucket: s3.IBucket
    archives: s3.IBucket
    """The CDK's bucket of home's region, with the code of jobs."""

    @classmethod
    def of(cls, scope: Construct, region: str) -> HomeStores:
        """Those of a region."""
        start = f"arn:{Aws.PARTITION}:s3:::"
        qualifier = DefaultStackSynthesizer.DEFAULT_QUALIFIER
        archives = f"cdk-{qualifier}-assets-{Aws.ACCOUNT_ID}-{region}"
        return cls(
            region=region,
            # CloudFormation names a bucket after its stack and its place in it.
            bucket=s3.Bucket.from_bucket_arn(scope, "Home", f"{start}{PREFIX}-storagebucket*"),
            archives=s3.Bucket.from_bucket_arn(scope, "HomeArchives", f"{start}{archives}"),
        )

    def use_key(self, *actions: str) -> iam.PolicyStatement:
        """Actions such as `Decrypt` with home's key."""
        return iam.PolicyStatement(
            actions=[f"kms:{action}" for action in actions],
            resources=[arn("kms", "key/*", region=self.region)],
            conditions={"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{PREFIX}"}},
        )

    def read(self, *prefixes: str) -> Statements:
        return _of_this_account(
            *read_objects(self.bucket, *prefixes), _read_tags(self.bucket, *prefixes)
        )

    def read_records(self, *prefixes: str) -> Statements:
        """Read what is copied nowhere: without its tags."""
        return _of_this_account(*read_objects(self.bucket, *prefixes))

    def find_token(self) -> Statements:
        """Read by which token home waits, where it may have handed an endpoint over again."""
        tokens = self.bucket.arn_for_objects(_TOKENS)
        return _of_this_account(iam.PolicyStatement(actions=["s3:GetObject"], resources=[tokens]))

    def read_code(self) -> Statements:
        """Copy the code of jobs: by its version, since the CDK's bucket keeps versions."""
        copied = iam.PolicyStatement(
            actions=["s3:GetObjectVersion", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"],
            resources=[self.archives.arn_for_objects(f"{'?' * 64}.gz")],
        )
        return _of_this_account(*read_archives(self.archives), copied)

    def write(self, *keys: str) -> Statements:
        """Put objects, with the tag by which records expire."""
        return _of_this_account(_copy_objects(self.bucket, *keys))

    def answer(self, *answers: str) -> iam.PolicyStatement:
        """Answers such as `Heartbeat` to tokens of home's state machine.

        A Distributed Map's items wait in executions of their own, whose machine AWS names after
        the map's.
        """
        machines = (f"stateMachine:{PREFIX}", f"stateMachine:{PREFIX}/*")
        return iam.PolicyStatement(
            actions=[f"states:SendTask{answer}" for answer in answers],
            resources=[arn("states", machine, region=self.region) for machine in machines],
        )


def grant_worker_functions(
    functions: Functions, *, home: HomeStores, storage: WorkerStorage
) -> None:
    """Give every function what its handler calls, and no more."""
    rights: dict[str, Statements] = {
        "fetch_inputs": _fetch_inputs(home, storage),
        "watch_job": _watch_job(home, storage),
        "bring_home": _bring_home(home, storage),
        "give_up": _give_up(home, storage),
        "fetch_model": _fetch_model(home, storage),
        "watch_endpoint": _watch_endpoint(home),
        "measure_region": _measure_region(home, storage),
        "sweep_region": _sweep_region(home, storage),
    }
    assert rights.keys() == functions.by_module.keys(), "each handler has its rights here"
    for module, statements in rights.items():
        functions.grant(module, *statements)


def grant_worker_workflow(
    role: iam.Role,
    *,
    functions: Functions,
    training_jobs: WorkerTrainingJobs,
    endpoints: WorkerEndpoints,
) -> None:
    """Let the state machine call what its states call."""
    for statement in (
        iam.PolicyStatement(
            actions=["lambda:InvokeFunction"],
            resources=[
                item.function_arn
                for module, item in functions.by_module.items()
                if module != "sweep_region"  # which is no state
            ],
        ),
        create_in_sagemaker("CreateTrainingJob", on=(TRAINING_JOBS,)),
        create_in_sagemaker(
            "CreateModel",
            "CreateEndpointConfig",
            "CreateEndpoint",
            on=(MODELS, ENDPOINT_CONFIGS, ENDPOINTS),
        ),
        # Step Functions looks at the tags of what it creates in SageMaker.
        sagemaker("ListTags", on=(TRAINING_JOBS, MODELS, ENDPOINT_CONFIGS, ENDPOINTS)),
        pass_role(arn("iam", RUN_ROLES, region=""), "sagemaker.amazonaws.com"),
        # Of executions that began when all runs shared these.
        pass_role(training_jobs.role, "sagemaker.amazonaws.com"),
        pass_role(endpoints.role, "sagemaker.amazonaws.com"),
        deliver_logs(),
        trace(),
    ):
        role.add_to_policy(statement)


def _fetch_inputs(home: HomeStores, storage: WorkerStorage) -> Statements:
    bucket = storage.bucket
    return (
        *home.read(*_INPUTS),
        *home.read_code(),
        *home.write(_TRANSFERS, _ELSEWHERE),
        home.use_key("Decrypt", "GenerateDataKey"),
        *read_objects(bucket, ""),  # what is there already is not copied again
        _read_tags(bucket, ""),  # but may lie under another key
        _copy_objects(bucket, "*"),  # under the keys that they have at home
        # A job reads all that lies under a prefix: what is there no more at home must not.
        iam.PolicyStatement(
            actions=["s3:DeleteObject"],
            resources=[bucket.arn_for_objects(f"{prefix}*") for prefix in ("specs/", "runs/")],
        ),
        use_key(storage.key),
        home.answer("Heartbeat"),
    )


def _watch_job(home: HomeStores, storage: WorkerStorage) -> Statements:
    progress = f"runs/*/jobs/*/{PROGRESS_FILE}"
    return (
        *_carry_home(home, storage),
        *home.write(_ELSEWHERE, _TRANSFERS, progress, f"{CHECKPOINT_PREFIX}*"),
        sagemaker_of_runs("DescribeTrainingJob", "StopTrainingJob", on=(TRAINING_JOBS,)),
        home.answer("Heartbeat"),
    )


def _bring_home(home: HomeStores, storage: WorkerStorage) -> Statements:
    return (
        *_carry_home(home, storage),
        *home.write("runs/*", f"{CHECKPOINT_PREFIX}*"),
        sagemaker_of_runs("DescribeTrainingJob", "StopTrainingJob", on=(TRAINING_JOBS,)),
        home.answer("Success", "Failure", "Heartbeat"),
    )


def _fetch_model(home: HomeStores, storage: WorkerStorage) -> Statements:
    bucket = storage.bucket
    return (
        *home.read("runs/"),
        *home.write(_TRANSFERS),
        home.use_key("Decrypt", "GenerateDataKey"),
        *read_objects(bucket, ""),  # what is there already is not copied again
        _read_tags(bucket, ""),
        _copy_objects(bucket, "*"),
        use_key(storage.key),
        home.answer("Heartbeat"),
    )


def _watch_endpoint(home: HomeStores) -> Statements:
    return (
        sagemaker("DescribeEndpoint", on=(ENDPOINTS,)),
        *home.find_token(),
        home.use_key("Decrypt"),
        home.answer("Heartbeat"),
    )


def _measure_region(home: HomeStores, storage: WorkerStorage) -> Statements:
    return (
        *read_objects(storage.bucket, "runs/"),
        write_objects(storage.bucket, _LOADS),
        use_key(storage.key),
        *home.write(_LOADS),
        *home.find_token(),
        home.use_key("Decrypt", "GenerateDataKey"),
        *measure_and_scale(),
        home.answer("Success"),
    )


def _give_up(home: HomeStores, storage: WorkerStorage) -> Statements:
    return (
        *end_endpoints(),
        # Whether the region may have answered that its endpoint is ready.
        *read_objects(storage.bucket, "runs/"),
        use_key(storage.key),
        sagemaker_of_runs("DescribeTrainingJob", "StopTrainingJob", on=(TRAINING_JOBS,)),
        *home.read_records(_ELSEWHERE.removesuffix("*")),
        *home.find_token(),
        *home.write(_ELSEWHERE),
        home.use_key("Decrypt", "GenerateDataKey"),
        home.answer("Failure"),
    )


def _sweep_region(home: HomeStores, storage: WorkerStorage) -> Statements:
    return (
        list_in_sagemaker("ListTrainingJobs", "ListEndpoints", "ListEndpointConfigs", "ListModels"),
        sagemaker("ListTags", on=(TRAINING_JOBS, ENDPOINTS, ENDPOINT_CONFIGS, MODELS)),
        *end_endpoints(),
        # Whether home has put an endpoint into service, which is noted here, too.
        *home.read_records(SERVED_PREFIX),
        home.use_key("Decrypt"),
        sagemaker("AddTags", on=(ENDPOINTS,)),
        # What an endpoint may load again is kept, and its record: S3 deletes what is old.
        sagemaker_of_runs("DescribeModel", on=(MODELS,)),
        *read_objects(storage.bucket, "runs/", SERVED_PREFIX),
        _read_tags(storage.bucket, "runs/", SERVED_PREFIX),
        _copy_objects(storage.bucket, "runs/*", f"{SERVED_PREFIX}*"),
        use_key(storage.key),
        sagemaker_of_runs("StopTrainingJob", on=(TRAINING_JOBS,)),
        iam.PolicyStatement(
            # Does anybody at home wait for the job, and does anybody here look after it?
            actions=["states:DescribeExecution"],
            resources=[
                arn("states", EXECUTIONS, region=home.region),
                arn("states", WORKER_EXECUTIONS),
            ],
        ),
    )


def _carry_home(home: HomeStores, storage: WorkerStorage) -> Statements:
    """What it takes to copy what a job wrote, beside the right to write it."""
    return (
        *read_objects(storage.bucket, *_OUTCOMES, COPIES_PREFIX),
        _read_tags(storage.bucket, *_OUTCOMES),
        write_objects(storage.bucket, f"{COPIES_PREFIX}*"),  # what is home already is noted there
        use_key(storage.key),
        *home.read(*_OUTCOMES),
        home.use_key("Decrypt", "GenerateDataKey"),  # a copy in parts needs both
    )


def _read_tags(bucket: s3.IBucket, *prefixes: str) -> iam.PolicyStatement:
    """Read the tags of objects, without which S3 copies none that has some."""
    return iam.PolicyStatement(
        actions=["s3:GetObjectTagging", "s3:GetObjectVersionTagging"],
        resources=[bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes],
    )


def _copy_objects(bucket: s3.IBucket, *keys: str) -> iam.PolicyStatement:
    """Put copies with their tags, and go on with a copy in parts."""
    statement = write_records(bucket, *keys)
    statement.add_actions("s3:ListMultipartUploadParts")
    return statement


def _of_this_account(*statements: iam.PolicyStatement) -> Statements:
    for statement in statements:
        statement.add_conditions({"StringEquals": {"aws:ResourceAccount": Aws.ACCOUNT_ID}})
    return statements
