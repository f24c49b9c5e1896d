from dataclasses import replace

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from stratos.cli import ending
from stratos.cli.ending import StackUse, empty_registry, end_all, refuse_left_behind
from stratos.errors import StackInUse
from stratos.pipeline.steps import Swept
from tests.unit.stratos.cli.stack_contents import begin_execution, put_endpoint, put_run

PAST = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def scheduler(stack):
    found = boto3.client("scheduler")
    found.create_schedule_group(Name=stack.schedule_group)
    return found


class Calls(list):
    """With the regions that the sweeper does not reach."""


@pytest.fixture
def swept(monkeypatch):
    """The sweeper's function, which finds nothing."""
    calls, unreached = Calls(), {}
    calls.unreached = unreached

    def sweep(stack, *, dry_run):
        calls.append(dry_run)
        return Swept(removed=[], dry_run=dry_run, unreached=unreached)

    monkeypatch.setattr(ending, "sweep_now", sweep)
    return calls


def end_row(stack, run_id, status="stopped"):
    """What CleanUp does of a run that is stopped."""
    stack.table.update_item(
        Key={"run_id": run_id},
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": status},
    )


def add_rerun(scheduler, stack, name):
    scheduler.create_schedule(
        Name=name,
        GroupName=stack.schedule_group,
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": stack.state_machine_arn, "RoleArn": "arn:aws:iam::1:role/r"},
    )


def test_what_is_used_is_told_with_the_command_that_ends_it(stack, scheduler):
    put_run(stack, "r-1", status="running")
    put_endpoint(stack, "stratos-r", "r-2")
    put_run(stack, "r-2", endpoint_name="stratos-r", live_since="2026-11-24T08:00:00+00:00")
    put_run(stack, "r-3", status="failed")
    add_rerun(scheduler, stack, "stratos-rerun-r")
    assert StackUse.of(stack).told() == [
        "run r-1 is running: stratos stop r-1",
        "run r-2 is in service as stratos-r: stratos delete r-2",
        "schedule stratos-rerun-r starts runs",
    ]


def test_everything_ends_before_the_stack_does(stack, scheduler, swept):
    arn = begin_execution(stack)
    put_run(stack, "r-1", status="running", execution_arn=arn)
    put_endpoint(stack, "stratos-r", "r-2")
    put_run(stack, "r-2", endpoint_name="stratos-r", live_since="2026-11-24T08:00:00+00:00")
    add_rerun(scheduler, stack, "stratos-rerun-r")
    said: list[str] = []
    end_all(stack, StackUse.of(stack), said.append, lambda seconds: end_row(stack, "r-1"))
    assert said[:2] == ["deleted schedule stratos-rerun-r", "stopping run r-1"]
    assert "deleted stratos-r" in said
    assert stack.sagemaker.list_endpoints()["Endpoints"] == []
    assert scheduler.list_schedules()["Schedules"] == []
    assert swept == [False]


def test_what_does_not_end_keeps_the_stack(stack, scheduler, swept, monkeypatch):
    monkeypatch.setattr(ending, "within", lambda seconds: 0.0)
    put_run(stack, "r-1", status="running", execution_arn=begin_execution(stack))
    with pytest.raises(StackInUse, match=r"did not end in 30 minutes: r-1\. The stack was left"):
        end_all(stack, StackUse.of(stack), lambda line: None, lambda seconds: None)
    assert swept == []


def test_an_endpoint_that_belongs_to_no_run_is_waited_for(stack, scheduler, swept):
    put_endpoint(stack, "stratos-orphan", "r-9")

    def take_it_away(seconds):
        stack.sagemaker.delete_endpoint(EndpointName="stratos-orphan")

    end_all(stack, StackUse.of(stack), lambda line: None, take_it_away)
    assert stack.sagemaker.list_endpoints()["Endpoints"] == []


def test_the_registry_is_emptied(kept):
    assert empty_registry(kept) == 2
    assert empty_registry(kept) == 0


def test_a_stack_that_was_half_deleted_can_be_deleted_again(stack):
    said: list[str] = []
    end_all(stack, StackUse.of(stack), said.append, lambda seconds: None)
    assert said == ["the sweeper is gone already, so a stack was half deleted before"]
    assert empty_registry(stack) == 0


@pytest.fixture
def abroad(stack):
    """The same stack with a worker region, in which SageMaker has what a test puts there."""
    return replace(stack, worker_regions=("eu-west-1",))


def put_endpoint_abroad(abroad, home):
    place = abroad.in_region("eu-west-1")
    put_endpoint(place, "stratos-r", "r-1")
    [endpoint] = place.sagemaker.list_endpoints()["Endpoints"]
    tags = [{"Key": "stratos:home", "Value": home}]
    place.sagemaker.add_tags(ResourceArn=endpoint["EndpointArn"], Tags=tags)
    return place


def test_an_endpoint_of_a_worker_region_keeps_the_stack(abroad, scheduler, swept, monkeypatch):
    monkeypatch.setattr(ending, "within", lambda seconds: 0.0)
    put_endpoint_abroad(abroad, home="us-east-1")
    with pytest.raises(StackInUse, match="stratos-r in eu-west-1"):
        end_all(abroad, StackUse.of(abroad), lambda line: None, lambda seconds: None)


def test_an_endpoint_that_a_stack_of_the_same_name_has_there_does_not(abroad, scheduler, swept):
    place = put_endpoint_abroad(abroad, home="ap-northeast-1")
    end_all(abroad, StackUse.of(abroad), lambda line: None, lambda seconds: None)
    assert len(place.sagemaker.list_endpoints()["Endpoints"]) == 1


def test_a_region_that_the_sweeper_did_not_reach_keeps_the_stack(abroad, scheduler, swept):
    swept.unreached["eu-west-1"] = "timed out"
    with pytest.raises(StackInUse, match=r"eu-west-1 did not answer \(eu-west-1: timed out"):
        end_all(abroad, StackUse.of(abroad), lambda line: None, lambda seconds: None)


def test_a_region_that_does_not_answer_keeps_the_stack(abroad, scheduler, swept, monkeypatch):
    monkeypatch.setattr(ending, "within", lambda seconds: 0.0)
    here = ending._billed_in

    def unless_far(place, jobs):
        if place.elsewhere:
            raise EndpointConnectionError(endpoint_url="https://eu-west-1")
        return here(place, jobs)

    monkeypatch.setattr(ending, "_billed_in", unless_far)
    with pytest.raises(StackInUse, match="whatever is in eu-west-1, which does not answer"):
        end_all(abroad, StackUse.of(abroad), lambda line: None, lambda seconds: None)


def test_a_region_with_something_in_service_is_not_taken_out_of_the_stack(abroad):
    put_endpoint_abroad(abroad, home="us-east-1")
    with pytest.raises(StackInUse, match="stratos-r in eu-west-1 would be billed there"):
        refuse_left_behind(abroad, ["eu-west-1"], lambda line: None)


def test_a_region_without_anything_of_the_stack_may_be_taken_out_of_it(abroad):
    put_endpoint_abroad(abroad, home="ap-northeast-1")
    refuse_left_behind(abroad, ["eu-west-1"], lambda line: None)


@pytest.fixture
def silent(monkeypatch):
    """No region answers."""

    def unanswered(place, jobs):
        raise EndpointConnectionError(endpoint_url="https://eu-west-1")

    monkeypatch.setattr(ending, "_billed_in", unanswered)


def test_a_region_that_is_gone_may_be_taken_out_and_that_is_said(abroad, silent):
    put_run(abroad, "r-1", status="running")
    put_run(abroad, "r-2", endpoint_name="stratos-r", serving_regions=["ap-northeast-1"])
    said = []
    refuse_left_behind(abroad, ["eu-west-1"], said.append)
    assert said[0].startswith("eu-west-1 does not answer")
    assert said[0].endswith("perhaps there: r-1")


def test_a_silent_region_that_serves_a_model_is_not_taken_out_of_the_stack(abroad, silent):
    serving = ["us-east-1", "eu-west-1"]
    put_run(abroad, "r-1", endpoint_name="stratos-r", serving_regions=serving)
    with pytest.raises(StackInUse, match="the model of run r-1 in eu-west-1 would be billed"):
        refuse_left_behind(abroad, ["eu-west-1"], lambda line: None)
    put_run(abroad, "r-1", endpoint_name="stratos-r", serving_regions=serving, expires_at=PAST)
    refuse_left_behind(abroad, ["eu-west-1"], lambda line: None)
