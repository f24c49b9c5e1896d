"""What starts a run: an event of S3 as EventBridge hands it on, or the input of a rerun."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import boto3
from moto import mock_aws

from lambdas.aws import clients as aws
from lambdas.aws import settings as stack_settings
from lambdas.handlers import claim_run, parse_constraints
from stratos.contracts.run import RunRef
from tests import factories
from tests.fuzz.mutations import mutated
from tests.stack_environment import stack_environment

_BUCKET, _REGION, _KEY = "stratos-bucket", "us-east-1", "specs/tiles/spec.yaml"
_ARN = "arn:aws:states:us-east-1:123456789012:execution:stratos:e1"
_EVENT: dict[str, Any] = {
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "account": "123456789012",
    "time": "2026-01-01T00:00:00Z",
    "region": _REGION,
    "resources": [f"arn:aws:s3:::{_BUCKET}"],
    "detail": {
        "version": "0",
        "bucket": {"name": _BUCKET},
        "object": {"key": _KEY, "size": 900, "etag": "e", "sequencer": "00617F08299329D189"},
        "request-id": "N4N7GDK58NMKJ12R",
        "requester": "123456789012",
        "source-ip-address": "192.0.2.1",
        "reason": "PutObject",
    },
}


class Events:
    """Events and inputs against the first two functions of a run, in an account of moto's."""

    name = "event"
    inputs_per_process = None

    def __init__(self) -> None:
        self._account = _account()
        self._version = self._account.__enter__()

    def parents(self) -> Sequence[bytes]:
        uploaded = json.loads(json.dumps(_EVENT))
        uploaded["detail"]["object"]["version-id"] = self._version
        rerun = {"rerun": {"bucket": _BUCKET, "key": _KEY}}
        scheduled = rerun | {"scheduled_at": "2026-01-05T06:00:00Z"}
        return [json.dumps(event).encode() for event in (uploaded, _EVENT, rerun, scheduled)]

    def mutate(self, parent: bytes, chance: random.Random) -> bytes:
        tree = mutated(json.loads(parent), chance)
        try:  # Step Functions takes nothing but JSON
            return json.dumps(tree, allow_nan=False).encode()
        except (RecursionError, ValueError):
            return b"[" * 900 + b"]" * 900

    def size(self, given: bytes) -> int:
        return len(given)

    def run(self, given: bytes) -> None:
        # The state machine names the other fields itself.
        started = {"execution_arn": _ARN, "started_at": "2026-01-05T10:00:00Z"}
        run = claim_run.handler({"event": json.loads(given), **started}, None)
        assert RunRef.model_validate_json(json.dumps(run)).model_dump(mode="json") == run
        parse_constraints.handler({"run": run}, None)

    def close(self) -> None:
        self._account.__exit__(None, None, None)


@contextmanager
def _account() -> Iterator[str]:
    """A bucket with a spec's folder, and the runs table. Yields the version of the spec."""
    before = dict(os.environ)
    os.environ.update(stack_environment(_BUCKET, _REGION))
    with mock_aws():
        aws.made_client.cache_clear()
        stack_settings.settings.cache_clear()
        s3 = boto3.client("s3", region_name=_REGION)
        s3.create_bucket(Bucket=_BUCKET)
        s3.put_bucket_versioning(Bucket=_BUCKET, VersioningConfiguration={"Status": "Enabled"})
        boto3.client("dynamodb", region_name=_REGION).create_table(
            TableName=os.environ["RUNS_TABLE"],
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "run_id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "run_id", "KeyType": "HASH"}],
        )
        version = ""
        for name, content in factories.spec_folder().items():
            put = s3.put_object(Bucket=_BUCKET, Key=f"specs/tiles/{name}", Body=content)
            version = put["VersionId"]
        yield version
    aws.made_client.cache_clear()
    stack_settings.settings.cache_clear()
    os.environ.clear()
    os.environ.update(before)
