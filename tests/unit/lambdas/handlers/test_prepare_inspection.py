"""What is prepared for the job that splits a dataset in place of InspectDataset."""

from __future__ import annotations

import json

from lambdas.handlers import prepare_inspection
from stratos.contracts.bucket import RunKeys
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import call, start


def test_the_job_is_told_the_spec_as_it_was_read_and_the_hash_of_its_inputs(
    account: Account,
) -> None:
    pipeline = start(account)
    pipeline.parse()
    job = call(prepare_inspection.handler, run=pipeline.run)
    keys = RunKeys(pipeline.run.run_id)
    config = json.loads(account.read(keys.job_config("inspect") + "config.json"))
    assert job["name"] == f"{pipeline.run.run_id}-inspect-0"
    assert config["kind"] == "inspect"
    assert config["spec"] == json.loads(account.read(keys.spec))
    assert config["content_hash"] == pipeline.inspect()["content_hash"]
