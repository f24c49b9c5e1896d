"""What the budget of a run counts, and what time is its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.sagemaker.models import sagemaker_backends

from lambdas.aws import chat, runs_table
from lambdas.aws.run_files import RunFiles
from lambdas.handlers import clean_up
from lambdas.jobs.spending import hours_of, job_costs, outlay_of
from lambdas.serving import under_load
from stratos.hosting.modes.serverless import USD_PER_GB_SECOND
from stratos.pipeline.steps import TrainingJob
from tests.fakes import FakeClock, FakeRuntime
from tests.unit.lambdas.conftest import REGION, Account
from tests.unit.lambdas.pipeline import call, start


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> FakeRuntime:
    """Every answer takes a second."""
    clock = FakeClock()

    def answer(messages: list[dict[str, str]]) -> str:
        clock.sleep_until(clock.now() + 1)
        return "thinking\n#### s1 s4"

    fake = FakeRuntime(answer)
    monkeypatch.setattr(chat, "runtime_client", lambda: fake)
    monkeypatch.setattr(under_load, "MonotonicClock", lambda: clock)
    return fake


def test_an_endpoint_counts_from_when_its_turn_began(
    account: Account, runtime: FakeRuntime
) -> None:
    pipeline = start(account).until_matched()
    pipeline.work()
    assert pipeline.check()["deployment"]["deploying_since"] is None
    pipeline.register()
    assert pipeline.take_turn()["deploying_since"] is not None
    pipeline.deploy()
    hourly = pipeline.made_hours_ago(2)
    assert hourly > 0
    pipeline.measure()
    assert outlay_of(pipeline.run).usd == pytest.approx(2 * hourly, rel=0.01)


def test_an_endpoint_that_never_answered_is_on_the_bill(account: Account) -> None:
    pipeline = start(account).until_deployed()
    hourly = pipeline.made_hours_ago(3)
    pipeline.state["failure"] = {"Error": "DeploymentFailed", "Cause": "never ready"}
    pipeline.report("failed")
    assert pipeline.summary().total_usd == pytest.approx(3 * hourly, rel=0.01)


def test_a_serverless_endpoint_counts_by_the_seconds_it_answered(
    account: Account, runtime: FakeRuntime
) -> None:
    pipeline = start(account, hosting={"mode": "serverless"}).until_deployed()
    assert pipeline.made_hours_ago(5) == 0
    pipeline.measure()
    gib = pipeline.state["quality"]["deployment"]["hosting"]["memory_gib"]
    spent = outlay_of(pipeline.run).usd
    each = gib * USD_PER_GB_SECOND
    # Requests that are answered at once share the fake clock, so each may see several seconds.
    assert len(runtime.requests) * each <= spent < 64 * len(runtime.requests) * each
    call(clean_up.handler, run=pipeline.run, failure={"Error": "GateError", "Cause": ""})
    assert outlay_of(pipeline.run).usd == pytest.approx(spent)


def test_a_job_is_billed_as_what_sagemaker_selected(account: Account) -> None:
    pipeline = start(account).until_matched()
    job = TrainingJob.model_validate(pipeline.state["match"]["synthesize"])
    account.create_job(job)
    [planned] = job_costs(pipeline.run)
    assert planned.server is None  # nothing is selected yet
    record = sagemaker_backends[ACCOUNT_ID][REGION].training_jobs[job.name]
    first, second = RunFiles(pipeline.run).servers_asked("synthesize-a0")
    assert first.usd_per_hour != second.usd_per_hour
    for server in (first, second):
        record.resource_config = job.resource_config | {
            "SelectedInstanceType": server.instance_type,
            "SelectedInstanceCount": 1,
        }
        [cost] = job_costs(pipeline.run)
        assert cost.server == server
        assert cost.server_usd == pytest.approx(cost.seconds / 3600 * server.usd_per_hour)


def test_the_time_a_person_took_is_not_the_runs_own(account: Account) -> None:
    pipeline = start(account, approval="required").until_registered()
    pipeline.request_approval()
    asked_at = datetime.now(UTC) - timedelta(hours=5)
    begun = pipeline.run.model_copy(update={"started_at": asked_at - timedelta(hours=1)})
    runs_table.update(begun.run_id, awaiting_approval_since=asked_at)
    assert hours_of(begun) == pytest.approx(6, abs=0.1)
    pipeline.approve()
    assert hours_of(begun) == pytest.approx(1, abs=0.1)
    runs_table.update(begun.run_id, awaiting_approval_since=asked_at)
    pipeline.approve()  # called again, as Step Functions may: before it forgot that it waited
    assert hours_of(begun) == pytest.approx(1, abs=0.1)
