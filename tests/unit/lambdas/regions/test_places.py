"""A job of home becomes a job of the worker."""

from __future__ import annotations

import json

from pydantic import TypeAdapter

from lambdas.handlers import prepare_inspection
from lambdas.regions.places import Move, Place
from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import AnyJobConfig
from tests.unit.lambdas.conftest import BUCKET, Account
from tests.unit.lambdas.pipeline import call, start

MOVE = Move(Place("us-east-1", BUCKET, "home"), Place("eu-west-1", "away-bucket", "away"))
CONFIGS: TypeAdapter[AnyJobConfig] = TypeAdapter(AnyJobConfig)


def test_the_configuration_of_every_kind_of_job_names_the_region_and_nothing_else(
    account: Account,
) -> None:
    pipeline = start(account).until_matched()
    call(prepare_inspection.handler, run=pipeline.run)
    kinds = set()
    for key in account.keys(RunKeys(pipeline.run.run_id).jobs):
        if not key.endswith("config.json"):
            continue
        here = account.read(key).decode()
        there = MOVE.config(here)
        kinds.add(CONFIGS.validate_json(there).kind)
        assert f"s3://{BUCKET}/" in here
        assert f"s3://{BUCKET}/" not in there
        assert there.count("s3://away-bucket/") == here.count(f"s3://{BUCKET}/")
        assert json.loads(MOVE.back.config(there)) == json.loads(here)
    assert kinds == {"inspect", "probe", "synthesize", "distill", "evaluate"}


def test_what_a_user_wrote_is_no_uri_even_if_it_looks_like_one() -> None:
    config = {"spec": {"name": f"s3://{BUCKET}/a", "prompts": [f"s3://{BUCKET}/b"]}}
    assert json.loads(MOVE.config(json.dumps(config))) == config
