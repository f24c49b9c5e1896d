"""The policies of the roles that each run gets, one for its jobs and one for its models.

The roles carry their run and their spec as tags, and the policies reach what these say
(`${aws:PrincipalTag/…}`). So all rights stand in the template, and InspectDataset, which makes
the roles, can give none but these. Why: docs/decisions/0020-roles-of-a-run.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.parts.network import use_interfaces
from infra.parts.training import REPOSITORIES as JOB_IMAGES
from infra.parts.training import (
    batches_on_bedrock,
    managed_mlflow,
    models_on_bedrock,
    teacher_keys,
)
from infra.permissions import (
    HOME_REGION,
    PREFIX,
    arn,
    names_of,
    pass_role,
    read_archives,
    run_container,
    use_alarms,
    use_key,
    write_objects,
    write_records,
)
from stratos.contracts.bucket import (
    CHECKPOINT_PREFIX,
    EVENTS_FOLDER,
    PROGRESS_FILE,
    RESULT_FILE,
    RUNS_PREFIX,
    SPEC_PREFIX,
    async_folder,
)
from stratos.hosting.names import JOB_ROLE
from stratos.hosting.ownership import ROLE_RUN_TAG, ROLE_SPEC_TAG

_RUN = f"${{aws:PrincipalTag/{ROLE_RUN_TAG}}}"
_SPEC = f"${{aws:PrincipalTag/{ROLE_SPEC_TAG}}}"
OWN_RUN, OWN_CHECKPOINTS = f"{RUNS_PREFIX}{_RUN}/*", f"{CHECKPOINT_PREFIX}{_RUN}/*"
OF_JOBS = tuple(
    f"{RUNS_PREFIX}{_RUN}/{keys}"
    for keys in (
        *(
            f"jobs/*/{name}"
            for name in (RESULT_FILE, PROGRESS_FILE, f"{EVENTS_FOLDER}*", "batch/*")
        ),
        *("records/*", "shards/*", "models/*", "dataset/*"),
    )
)
"""What jobs write of a run. The rest is for functions alone: they go by it when they start jobs,
judge a model and delete what a run has made."""
OWN_FOLDER = f"{SPEC_PREFIX}{_SPEC}/*"
MODELS_OF_SPEC = f"{RUNS_PREFIX}{_SPEC}-{'?' * 8}/models/*"
"""Of every run of the spec: the one in service is compared with, and a component that one run has
made serves what the next ones train. A run's id is its spec's name and eight more characters."""
_BATCHES = f"{RUNS_PREFIX}{_RUN}/batches/*"
_QUEUE = async_folder(_SPEC)
MODEL_IMAGES = ("llama-cpp", "llama-cpp-arm64", "vllm")
_DIGITS = "0123456789abcdef"
ARCHIVES = tuple(
    f"{start}*.gz"
    for first in _DIGITS
    for start in ((first + second for second in _DIGITS) if first == "c" else (first,))
)
"""In a worker region's bucket, where nothing else begins like a hash, if checkpoints and copies are
told from one by their second letter: IAM's `*` stands for slashes, too."""
_MOST_REGIONS = 8
"""Of workers: IAM lets a role have 10 policies, and home's and the one for subnets are two."""


_DESCRIPTIONS = {
    "Jobs": "What the training jobs of one run may do",
    "Models": "What the models of one run may do",
    "Joining": "What the containers of one run may do to join subnets",
}
"""CloudFormation replaces a policy whose description changes."""


class RunRoles(Construct):
    """What the roles of a run may do, in policies: at home, and one for each worker region.

    Attributes:
        jobs: Of the role of training jobs.
        models: Of the role of models, in whatever way they are served.
        joining: Of both, where containers are in subnets of home.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        bucket: s3.IBucket,
        key: kms.IKey,
        archives: s3.IBucket,
        regions: tuple[str, ...] = (),
    ) -> None:
        """Make the policies.

        Args:
            archives: Where the code of jobs lies.
            regions: Of workers.

        Raises:
            ValueError: there are more regions than a role can have policies for.
        """
        super().__init__(scope, id)
        if len(regions) > _MOST_REGIONS:
            raise ValueError(
                f"stratos:worker_regions names {len(regions)} regions; a role can have policies "
                f"for {_MOST_REGIONS}, so name at most as many"
            )
        home = _Stores(bucket, use_key(key))
        self.jobs = [self._policy("Jobs", *_jobs(home), *read_archives(archives), *_teachers())]
        self.models = [self._policy("Models", *_models(home), *_behind_queue(bucket))]
        self.joining = self._policy("Joining", *use_interfaces())
        for region in regions:
            name = names_of(self).worker_bucket(Aws.ACCOUNT_ID, region)
            held = s3.Bucket.from_bucket_name(self, f"Bucket-{region}", name)
            there = _Stores(held, _use_key_of_worker(region), region, ARCHIVES)
            joins = use_interfaces(region)  # whether it has subnets, its own stack says
            self.jobs.append(self._policy(f"Jobs-{region}", *_jobs(there), *joins))
            self.models.append(self._policy(f"Models-{region}", *_models(there), *joins))

    @property
    def policies(self) -> tuple[iam.ManagedPolicy, ...]:
        """All of them."""
        return (*self.jobs, *self.models, self.joining)

    def _policy(self, id: str, *statements: iam.PolicyStatement) -> iam.ManagedPolicy:
        kind = id.partition("-")[0]
        return iam.ManagedPolicy(
            self,
            id,
            description=_DESCRIPTIONS[kind],
            statements=list(statements),
        )


@dataclass(frozen=True)
class _Stores:
    """What a region stores.

    Attributes:
        archives: Keys of archives with the code of jobs, where they lie in the same bucket.
    """

    bucket: s3.IBucket
    use_key: iam.PolicyStatement
    region: str = Aws.REGION
    archives: tuple[str, ...] = ()


def _jobs(stores: _Stores) -> Iterator[iam.PolicyStatement]:
    yield from run_container(
        "/aws/sagemaker/TrainingJobs", repositories=JOB_IMAGES, regions=(stores.region,)
    )
    reads = (OWN_FOLDER, OWN_RUN, OWN_CHECKPOINTS, MODELS_OF_SPEC, *stores.archives)
    yield from _read(stores.bucket, *reads)
    yield write_records(stores.bucket, *OF_JOBS, OWN_CHECKPOINTS)
    yield stores.use_key


def _models(stores: _Stores) -> Iterator[iam.PolicyStatement]:
    yield from run_container(
        f"/aws/sagemaker/Endpoints/{PREFIX}-*",
        f"/aws/sagemaker/InferenceComponents/{PREFIX}-*",
        "/aws/sagemaker/TransformJobs",
        repositories=MODEL_IMAGES,
        regions=(stores.region,),
    )
    yield from _read(stores.bucket, MODELS_OF_SPEC)
    yield stores.use_key


def _behind_queue(bucket: s3.IBucket) -> Iterator[iam.PolicyStatement]:
    """Questions in the bucket, of a batch or of an asynchronous endpoint, and their answers."""
    yield from _read(bucket, _BATCHES, f"{_QUEUE}*")
    yield write_objects(
        bucket, f"{_BATCHES}/answers/*", f"{_QUEUE}answers/*", f"{_QUEUE}failures/*"
    )
    yield use_alarms("DescribeAlarms")  # SageMaker reads the alarms of an update under it


def _read(bucket: s3.IBucket, *keys: str) -> Iterator[iam.PolicyStatement]:
    """Read, and list what may be read: S3 answers for any other key by 403."""
    yield iam.PolicyStatement(
        actions=["s3:GetObject", "s3:GetObjectVersion"],
        resources=[bucket.arn_for_objects(key) for key in keys],
    )
    yield iam.PolicyStatement(
        actions=["s3:ListBucket"],
        resources=[bucket.bucket_arn],
        conditions={"StringLike": {"s3:prefix": list(keys)}},
    )


def _use_key_of_worker(region: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"],
        resources=[arn("kms", "key/*", region=region)],
        conditions={"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{PREFIX}-worker"}},
    )


def _teachers() -> Iterator[iam.PolicyStatement]:
    """Teachers behind an API. What Bedrock does in a batch, it does under the run's own role."""
    own = arn("iam", f"role/{PREFIX}/{HOME_REGION}/{PREFIX}-{_RUN}-{JOB_ROLE}", region="")
    yield models_on_bedrock(Aws.REGION)
    yield from batches_on_bedrock()
    yield pass_role(own, "bedrock.amazonaws.com")
    yield teacher_keys(Aws.REGION)
    yield managed_mlflow(Aws.REGION)
