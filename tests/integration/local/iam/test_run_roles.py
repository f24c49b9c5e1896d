"""Specs are strangers to each other: the template's policies, judged for two runs of two specs."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from judged_cloud import client_as, judged_cloud
from moto_cloud import Cloud

from stratos.contracts.bucket import async_folder
from tests.infra.policies import resolved

TEMPLATE = Path(__file__).parents[4] / "cdk.out" / "Stratos.template.json"
BUCKET = "stratos-test"
ARCHIVE = f"{'0a1b' * 16}.gz"
QUEUE, OTHERS_QUEUE = async_folder("tiles"), async_folder("other")
OBJECTS = {
    "runs/tiles-11111111/dataset/train.jsonl",
    "runs/tiles-11111111/models/distill/output/model.tar.gz",
    "runs/tiles-11111111/batches/asked/questions.jsonl",
    "runs/tiles-22222222/dataset/train.jsonl",  # of the same spec, another run
    "runs/tiles-22222222/jobs/evaluate-a0/result.json",
    "runs/tiles-22222222/models/distill/output/model.tar.gz",
    "runs/tiles-more-3333333/models/distill/output/model.tar.gz",  # as long as two names of specs
    "runs/other-44444444/dataset/train.jsonl",
    "runs/other-44444444/models/distill/output/model.tar.gz",
    "specs/tiles/data.jsonl",
    "specs/other/data.jsonl",
    "specs/tiles-more/data.jsonl",
    "checkpoints/tiles-11111111/distill-a0/step-1/checkpoint.json",
    "checkpoints/other-44444444/distill-a0/step-1/checkpoint.json",
    f"{QUEUE}requests/1.json",
    f"{OTHERS_QUEUE}requests/1.json",
    "catalog/servers.json",
    "served/tiles.json",
    ARCHIVE,
}
READ_BY_JOBS = {
    "runs/tiles-11111111/dataset/train.jsonl",
    "runs/tiles-11111111/models/distill/output/model.tar.gz",
    "runs/tiles-11111111/batches/asked/questions.jsonl",
    "runs/tiles-22222222/models/distill/output/model.tar.gz",
    "specs/tiles/data.jsonl",
    "checkpoints/tiles-11111111/distill-a0/step-1/checkpoint.json",
}
READ_BY_MODELS = {
    "runs/tiles-11111111/models/distill/output/model.tar.gz",
    "runs/tiles-11111111/batches/asked/questions.jsonl",
    "runs/tiles-22222222/models/distill/output/model.tar.gz",
    f"{QUEUE}requests/1.json",
}
OWN = "runs/tiles-11111111"
WRITTEN_BY_JOBS = {
    f"{OWN}/jobs/distill-a0/result.json",
    f"{OWN}/jobs/distill-a0/progress.json",
    f"{OWN}/jobs/distill-a0/tensorboard/events.out.tfevents.1",
    f"{OWN}/jobs/synthesize-a0/batch/questions.jsonl",
    f"{OWN}/records/a0/records.jsonl",
    f"{OWN}/shards/synthesize-a0-s1/rejected.jsonl",
    f"{OWN}/models/tiles-11111111-distill-a0-0/output/model.tar.gz",
    f"{OWN}/dataset/train.jsonl",
    "checkpoints/tiles-11111111/distill-a0/step-2/checkpoint.json",
}
ANSWERS = "runs/tiles-11111111/batches/asked/answers/job/answers.jsonl"
WRITTEN_BY_MODELS = {
    ANSWERS,
    f"{QUEUE}answers/1.out",
    f"{QUEUE}failures/1.out",
}
WRITTEN_BY_FUNCTIONS = {
    f"{OWN}/{name}.json"
    for name in (
        *("spec", "saved_plan", "plans", "match", "lineage", "approval", "deployment", "staged"),
        *(
            "measurements",
            "run",
            "elsewhere/tiles-11111111-distill-a0-0",
            "loads/stratos/eu-west-1",
        ),
        *("jobs/distill-a0/config/config", "jobs/distill-a0/shards-0", "jobs/distill-a0/job"),
        "jobs/distill-a0/kept",
    )
} | {
    f"{OWN}/tokens/stratos-tiles/eu-west-1",
    f"{OWN}/transfers/tiles-11111111-distill-a0-0.jsonl",
    f"{OWN}/checker/checker.py",
    f"{OWN}/batches/asked/questions.jsonl",
    f"{OWN}/report.html",
}
"""What CleanUp and others go by: a job that could write it would say what is deleted."""
WRITTEN_BY_OTHERS = {
    "runs/tiles-22222222/jobs/evaluate-a0/result.json",
    "runs/other-44444444/models/distill/output/model.tar.gz",
    "specs/tiles/data.jsonl",
    "specs/other/spec.yaml",
    "checkpoints/other-44444444/distill-a0/step-1/checkpoint.json",
    f"{OTHERS_QUEUE}answers/1.out",
    "catalog/servers.json",
    "served/tiles.json",
    ARCHIVE,
}

Client = Callable[[str], Any]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with judged_cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        s3 = cloud("s3")
        s3.create_bucket(Bucket=BUCKET)
        for key in OBJECTS:
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
        template = json.loads(TEMPLATE.read_text())["Resources"]
        for kind in ("Jobs", "Models"):
            (policy,) = (
                one["Properties"]["PolicyDocument"]
                for name, one in template.items()
                if name.startswith(f"RunRoles{kind}")
            )
            document = json.dumps(_deployed(policy))
            cloud("iam").create_policy(PolicyName=kind, PolicyDocument=document)
        yield cloud


@pytest.fixture(scope="module")
def s3_as(cloud: Cloud) -> Client:
    """A client of S3 with the role that the first run of `tiles` has for its jobs or models."""

    def client(kind: str) -> Any:
        iam = cloud("iam")
        name = f"stratos-tiles-11111111-{kind}"
        tags = {"StratosRun": "tiles-11111111", "StratosSpec": "tiles"}
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(
                RoleName=name,
                Path="/stratos/us-east-1/",
                AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}',
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            )
        policy = {"job": "Jobs", "model": "Models"}[kind]
        iam.attach_role_policy(
            RoleName=name, PolicyArn=f"arn:aws:iam::123456789012:policy/{policy}"
        )
        return client_as(cloud, f"arn:aws:iam::123456789012:role/stratos/us-east-1/{name}", "s3")

    return client


@pytest.mark.parametrize(("kind", "allowed"), [("job", READ_BY_JOBS), ("model", READ_BY_MODELS)])
def test_a_run_reads_what_is_its_own_or_its_specs_and_nothing_else(
    s3_as: Client, kind: str, allowed: set[str]
) -> None:
    s3 = s3_as(kind)
    read = {key for key in OBJECTS if _may(lambda key=key: s3.get_object(Bucket=BUCKET, Key=key))}
    assert read == allowed


@pytest.mark.parametrize(
    ("kind", "allowed", "others"),
    [
        ("job", WRITTEN_BY_JOBS, WRITTEN_BY_MODELS | WRITTEN_BY_FUNCTIONS),
        ("model", WRITTEN_BY_MODELS, WRITTEN_BY_JOBS | WRITTEN_BY_FUNCTIONS),
    ],
)
def test_a_run_writes_below_its_own_prefixes_and_nowhere_else(
    s3_as: Client, kind: str, allowed: set[str], others: set[str]
) -> None:
    s3 = s3_as(kind)
    tried = allowed | others | WRITTEN_BY_OTHERS
    put = {
        key
        for key in tried
        if _may(lambda key=key: s3.put_object(Bucket=BUCKET, Key=key, Body=b""))
    }
    assert put == allowed


@pytest.mark.parametrize(
    ("prefix", "allowed"),
    [
        ("runs/tiles-11111111/", True),
        ("specs/tiles/models/", True),
        ("checkpoints/tiles-11111111/distill-a0", True),
        ("runs/tiles-22222222/dataset/", False),
        ("runs/", False),
        ("specs/other/", False),
        ("specs/", False),
        ("", False),
    ],
)
def test_a_job_lists_what_it_may_read(s3_as: Client, prefix: str, allowed: bool) -> None:
    s3 = s3_as("job")
    assert _may(lambda: s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)) is allowed


def test_whether_another_runs_object_is_there_is_not_told(s3_as: Client) -> None:
    with pytest.raises(ClientError) as refused:
        s3_as("job").get_object(Bucket=BUCKET, Key="runs/other-44444444/missing.json")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def _may(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return False
    return True


def _deployed(value: Any) -> Any:
    """A part of the template as CloudFormation would make it."""
    if isinstance(value, dict) and value.keys() & {"Ref", "Fn::Join", "Fn::GetAtt"}:
        text = re.sub("<StorageBucket[^>]*>", f"arn:aws:s3:::{BUCKET}", resolved(value))
        return re.sub("<StorageKey[^>]*>", "arn:aws:kms:us-east-1:123456789012:key/k", text)
    if isinstance(value, dict):
        return {key: _deployed(held) for key, held in value.items()}
    return [_deployed(held) for held in value] if isinstance(value, list) else value
