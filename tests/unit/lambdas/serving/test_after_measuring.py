"""A model in service is replaced only by one that holds every constraint."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from lambdas.aws import runs_table
from lambdas.handlers import clean_up
from stratos.contracts.bucket import RunKeys
from stratos.errors import GateError
from tests.fakes import FakeRuntime
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import (
    BATCH,
    Pipeline,
    call,
    right_answer,
    start,
)

LONG_AGO = datetime(2026, 1, 5, 10, tzinfo=UTC)


def overspend(account: Account, pipeline: Pipeline) -> None:
    """Lower the run's budget to less than it has spent."""
    key = RunKeys(pipeline.run.run_id).spec
    spec = json.loads(account.read(key))
    limits = spec["constraints"] | {"max_budget_usd": 1e-6}
    account.put(key, json.dumps(spec | {"constraints": limits}))


def test_the_model_in_charge_is_spared_by_a_run_over_its_budget(account: Account) -> None:
    start(account, **BATCH).until_promoted()
    pipeline = start(account, **BATCH, description="again").until_registered()
    overspend(account, pipeline)
    pipeline.transform(right_answer)
    with pytest.raises(GateError, match="The model in service stays"):
        pipeline.measure_batch()


def test_a_model_whose_time_is_over_is_not_spared(account: Account) -> None:
    over = start(account).run
    runs_table.update(
        over.run_id,
        endpoint_name="stratos-tiles",
        model_artifact="s3://bucket/model.tar.gz",
        expires_at="2020-01-01T00:00:00+00:00",
    )
    pipeline = start(account, **BATCH, description="again").until_registered()
    overspend(account, pipeline)
    pipeline.transform(right_answer)
    assert pipeline.measure_batch()["passed"]


def test_a_model_that_batches_ask_is_spared_by_an_endpoint_over_its_budget(
    account: Account, runtime: FakeRuntime
) -> None:
    start(account, **BATCH).until_promoted()
    pipeline = start(account).until_deployed()
    pipeline.made_hours_ago(1)
    overspend(account, pipeline)
    with pytest.raises(GateError, match="The model in service stays"):
        pipeline.measure()


def test_a_run_that_missed_its_own_limits_does_not_replace_a_live_model(
    account: Account, runtime: FakeRuntime
) -> None:
    start(account).until_deployed().promote()
    before = account.endpoint_config()
    late = start(account).until_deployed()
    late.run = late.run.model_copy(update={"started_at": LONG_AGO})
    with pytest.raises(GateError, match=r"max_training_hours: .* The model in service stays"):
        late.measure()
    call(clean_up.handler, run=late.run, failure={"Error": "GateError", "Cause": "late"})
    assert account.endpoint_config() == before


def test_a_first_model_is_put_into_service_even_if_it_took_too_long(
    account: Account, runtime: FakeRuntime
) -> None:
    pipeline = start(account).until_deployed()
    pipeline.run = pipeline.run.model_copy(update={"started_at": LONG_AGO})
    assert pipeline.measure()["passed"]
