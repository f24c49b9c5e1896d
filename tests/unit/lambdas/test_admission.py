"""Runs take places in order, and hand them on however they end."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lambdas import admission
from lambdas.aws import executions, run_queue, runs_table
from lambdas.aws import settings as stack_settings
from lambdas.handlers import await_place, clean_up, report, sweep
from lambdas.jobs.spending import hours_of
from stratos.contracts.run import RunRef
from stratos.contracts.run_queue import QUEUE_KEY, Caps, RunQueue
from stratos.errors import QueueBusy, SweepIncomplete
from stratos.moment import now
from tests.unit.lambdas.conftest import REGION, TABLE, Account
from tests.unit.lambdas.pipeline import call


class Machine:
    """Step Functions' end of the tokens: which were answered, with what."""

    def __init__(self) -> None:
        self.answers: dict[str, RunRef] = {}
        self.fault: Callable[[], None] = lambda: None
        self.deaf: set[str] = set()
        """Tokens whose answers are throttled."""

    def answer(self, task_token: str, output: str) -> None:
        self.fault()
        if task_token in self.deaf:
            _throttled()
        assert task_token not in self.answers, "a task is answered once"
        self.answers[task_token] = RunRef.model_validate_json(output)

    @property
    def woken(self) -> list[str]:
        return list(self.answers)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(executions, "answer", made.answer)
    return made


@pytest.fixture
def caps(account: Account, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Set the caps, as an update of the stack does."""

    def set_caps(per_stack: int, per_spec: int) -> None:
        monkeypatch.setenv("MAX_CONCURRENT_RUNS", str(per_stack))
        monkeypatch.setenv("MAX_CONCURRENT_RUNS_PER_SPEC", str(per_spec))
        stack_settings.settings.cache_clear()

    set_caps(1, 1)
    return set_caps


def begin(account: Account, name: str, *, token: str = "") -> RunRef:
    """A run with an execution of its own asks for a place with a token named after it."""
    machine = stack_settings.settings().state_machine_arn
    execution = account.client("stepfunctions").start_execution(stateMachineArn=machine)
    run = account.run(account.drop()).model_copy(
        update={"run_id": f"{name}-1", "execution_arn": execution["executionArn"]}
    )
    runs_table.claim(run)
    runs_table.update(run.run_id, spec_name=name)
    ask(run, token or name)
    return run


def ask(run: RunRef, token: str) -> dict[str, Any]:
    name = run.run_id.rpartition("-")[0]
    return call(await_place.handler, run=run, spec_name=name, task_token=token)


def end(run: RunRef, status: str = "succeeded") -> None:
    call(report.handler, run=run, status=status, state={})


def queue() -> RunQueue:
    table = boto3.resource("dynamodb", region_name=REGION).Table(TABLE)
    return RunQueue.of_item(table.get_item(Key=QUEUE_KEY)["Item"])


def places() -> dict[str, bool]:
    return {run.run_id: run.has_place for run in queue().runs}


def test_a_run_with_a_place_goes_on_at_once_and_the_next_waits(account, caps, machine) -> None:
    first = begin(account, "a")
    second = begin(account, "b")
    assert machine.answers == {"a": first}
    assert ask(second, "b")["waits"] == (
        "place 1 in the queue: the stack works on 1 runs at a time"
    )
    assert account.row(second.run_id)["place_token"] == "b"
    assert "place_token" not in account.row(first.run_id)


@pytest.mark.parametrize("status", ["succeeded", "rejected"])
def test_the_end_of_a_run_hands_its_place_to_who_waits_longest(
    account, caps, machine, status
) -> None:
    first, *_ = (begin(account, name) for name in "abc")
    end(first, status)
    assert machine.woken == ["a", "b"]
    assert places() == {"b-1": True, "c-1": False}


def test_a_run_that_waits_is_stopped_and_leaves_the_queue(account, caps, machine) -> None:
    first, second, _ = (begin(account, name) for name in "abc")
    account.client("stepfunctions").stop_execution(executionArn=second.execution_arn)
    call(clean_up.handler, event=_ended(second, "ABORTED"))
    assert account.row(second.run_id)["status"] == "stopped"
    assert places() == {"a-1": True, "c-1": False}
    end(first)
    assert machine.woken == ["a", "c"]


def test_an_execution_that_times_out_gives_its_place_back(account, caps, machine) -> None:
    first, _ = begin(account, "a"), begin(account, "b")
    call(clean_up.handler, event=_ended(first, "TIMED_OUT"))
    assert machine.woken == ["a", "b"]


def _ended(run: RunRef, status: str) -> dict[str, Any]:
    return {"detail": {"executionArn": run.execution_arn, "status": status}}


def test_the_sweeper_frees_the_place_of_a_run_whose_end_nobody_heard(
    account, caps, machine
) -> None:
    first, _ = begin(account, "a"), begin(account, "b")
    account.client("stepfunctions").stop_execution(executionArn=first.execution_arn)
    assert machine.woken == ["a"]
    call(sweep.handler, dry_run=True)
    assert machine.woken == ["a"]
    call(sweep.handler, dry_run=False)
    assert machine.woken == ["a", "b"]
    assert places() == {"b-1": True}


def test_a_run_whose_hand_over_fails_has_ended_well_and_the_next_change_makes_up_for_it(
    account, caps, machine
) -> None:
    first, second = begin(account, "a"), begin(account, "b")

    machine.fault = _throttled
    end(first)
    assert account.row(first.run_id)["status"] == "succeeded"
    assert (machine.woken, places()) == (["a"], {"b-1": True})
    machine.fault = lambda: None
    call(sweep.handler, dry_run=False)
    assert machine.woken == ["a", "b"]
    assert "place_token" not in account.row(second.run_id)


def test_one_run_that_cannot_be_woken_holds_up_neither_a_newcomer_nor_those_behind_it(
    account, caps, machine
) -> None:
    first, second, third = (begin(account, name) for name in "abc")
    machine.deaf = {"b"}
    caps(3, 1)
    begin(account, "d")
    assert places() == {"a-1": True, "b-1": True, "c-1": True, "d-1": False}
    assert machine.woken == ["a", "c"]
    end(third)
    assert machine.woken == ["a", "c", "d"]
    with pytest.raises(SweepIncomplete, match=r"could not be looked after: b-1: .*Throttling"):
        call(sweep.handler, dry_run=False)
    machine.deaf = set()
    end(first)
    assert machine.woken == ["a", "c", "d", "b"]
    assert account.row(second.run_id)["waited_seconds"] > 0


def test_a_newcomer_that_cannot_be_woken_asks_again(account, caps, machine) -> None:
    machine.fault = _throttled
    with pytest.raises(QueueBusy, match="could not ask for its place"):
        begin(account, "a")
    machine.fault = lambda: None
    row = runs_table.find("a-1")
    assert row is not None
    assert ask(row.ref, "again")["waits"] is None
    assert machine.woken == ["again"]


def test_an_execution_that_cannot_be_looked_at_keeps_its_place_and_nobody_elses(
    account, caps, machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    caps(2, 1)
    first, second, _ = (begin(account, name) for name in "abc")
    account.client("stepfunctions").stop_execution(executionArn=second.execution_arn)
    is_running = executions.is_running

    def seen(execution_arn: str, region: str | None = None) -> bool:
        if execution_arn == first.execution_arn:
            _throttled()
        return is_running(execution_arn, region)

    monkeypatch.setattr(admission.executions, "is_running", seen)
    assert [told.partition(": ")[2][:4] for told in admission.sweep()] == ["a-1:"]
    assert places() == {"a-1": True, "c-1": True}
    assert machine.woken == ["a", "b", "c"]


BUSY = (
    "ConditionalCheckFailedException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
)


def refuse_writes(monkeypatch: pytest.MonkeyPatch, code: str, times: int) -> None:
    """Of the queue; whoever writes again does so at once."""
    left, written = iter(range(times)), run_queue._write

    def write(after: RunQueue, version: int) -> None:
        if next(left, None) is not None:
            raise ClientError({"Error": {"Code": code}}, "UpdateItem")
        written(after, version)

    monkeypatch.setattr(run_queue.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(run_queue, "_write", write)


@pytest.mark.parametrize("code", BUSY)
def test_a_queue_that_is_busy_for_a_moment_is_written_again(
    account, caps, machine, monkeypatch, code
) -> None:
    refuse_writes(monkeypatch, code, 9)
    begin(account, "a")
    assert machine.woken == ["a"]


@pytest.mark.parametrize("code", BUSY)
def test_a_queue_that_stays_busy_is_asked_again_by_the_state_and_ends_no_run_otherwise(
    account, caps, machine, monkeypatch, code
) -> None:
    first = begin(account, "a")
    monkeypatch.setattr(admission, "_ENTER_SECONDS", -1)
    monkeypatch.setattr(admission, "_HAND_ON_SECONDS", -1)
    refuse_writes(monkeypatch, code, 2)
    with pytest.raises(QueueBusy, match=f"could not be changed.*{code}"):
        begin(account, "b")
    end(first)
    assert account.row(first.run_id)["status"] == "succeeded"
    assert places() == {"a-1": True}
    call(sweep.handler, dry_run=False)
    assert places() == {}


def test_a_right_that_is_missing_is_no_busy_queue(account, caps, machine, monkeypatch) -> None:
    refuse_writes(monkeypatch, "AccessDeniedException", 1)
    with pytest.raises(ClientError, match="AccessDenied"):
        begin(account, "a")


def test_who_reports_a_run_wakes_others_for_a_short_time_only(
    account, caps, machine, monkeypatch
) -> None:
    first, _ = begin(account, "a"), begin(account, "b")
    monkeypatch.setattr(admission, "_HAND_ON_SECONDS", -1)
    end(first)
    assert (machine.woken, places()) == (["a"], {"b-1": True})
    call(sweep.handler, dry_run=False)
    assert machine.woken == ["a", "b"]


def test_a_failed_run_that_woke_nobody_does_when_its_execution_is_over(
    account, caps, machine
) -> None:
    first, _ = begin(account, "a"), begin(account, "b")
    machine.fault = _throttled
    end(first, "failed")
    machine.fault = lambda: None
    call(clean_up.handler, event=_ended(first, "FAILED"))
    assert machine.woken == ["a", "b"]


def test_a_sweep_that_wakes_nobody_says_so_and_does_all_else(account, caps, machine) -> None:
    first, _ = begin(account, "a"), begin(account, "b")
    account.client("stepfunctions").stop_execution(executionArn=first.execution_arn)
    machine.fault = _throttled
    with pytest.raises(SweepIncomplete, match="the places of runs could not be looked after"):
        call(sweep.handler, dry_run=False)
    assert places() == {"b-1": True}


def test_a_function_that_died_after_it_took_the_place_is_called_again(
    account, caps, machine
) -> None:
    """The state tries it anew with another token, and the former one is good for nothing."""
    machine.fault = _die
    with pytest.raises(MemoryError):
        begin(account, "a", token="former")
    machine.fault = lambda: None
    assert places() == {"a-1": True}
    run = RunRef.model_validate(
        {
            name: account.row("a-1")[name]
            for name in RunRef.model_fields
            if name in account.row("a-1")
        }
        | {"waited_seconds": 0.0}
    )
    assert ask(run, "second")["waits"] is None
    assert machine.woken == ["second"]


def _throttled() -> None:
    raise ClientError({"Error": {"Code": "ThrottlingException"}}, "SendTaskSuccess")


def _die() -> None:
    raise MemoryError


def test_a_token_that_was_replaced_meanwhile_is_not_forgotten(account, caps, machine) -> None:
    begin(account, "a")
    waiting = begin(account, "b")
    runs_table.forget_place_token(waiting.run_id, "former")
    assert account.row(waiting.run_id)["place_token"] == "b"


def test_caps_that_an_update_raises_let_the_waiting_go_on(account, caps, machine) -> None:
    for name in "abcd":
        begin(account, name)
    caps(3, 1)
    call(sweep.handler, dry_run=False)
    assert machine.woken == ["a", "b", "c"]
    assert queue().caps == Caps(per_stack=3, per_spec=1)


def test_whoever_changes_the_queue_gives_others_what_one_that_awaits_approval_has_left(
    account, caps, machine
) -> None:
    first, _ = begin(account, "a"), begin(account, "b")
    runs_table.update(first.run_id, task_token="a person's")
    call(sweep.handler, dry_run=False)
    assert machine.woken == ["a", "b"]
    begin(account, "c")
    assert places() == {"a-1": True, "b-1": True, "c-1": False}
    runs_table.update(first.run_id, task_token=None)
    call(sweep.handler, dry_run=False)
    assert [run.awaits_approval for run in queue().runs] == [False, False, False]
    end(first)
    assert places() == {"b-1": True, "c-1": False}


def test_the_sweeper_knows_who_waits_by_the_queue_and_not_by_a_token_that_was_left(
    account, caps, machine
) -> None:
    first, second = begin(account, "a"), begin(account, "b")
    runs_table.update(first.run_id, place_token="answered")
    assert admission.waiting() == {second.run_id}


def test_a_run_that_began_before_there_were_places_ends_and_holds_up_nobody(
    account, caps, machine
) -> None:
    former = account.run(account.drop())
    begin(account, "a")
    end(former)
    assert places() == {"a-1": True}


def test_the_time_in_the_queue_is_none_of_the_runs_own(
    account, caps, machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = begin(account, "a"), begin(account, "b")
    later = now() + timedelta(hours=2)
    monkeypatch.setattr(admission, "now", lambda: later)
    monkeypatch.setattr("lambdas.jobs.spending.now", lambda: later)
    end(first)
    woken = machine.answers["b"]
    assert woken.waited_seconds == pytest.approx(7200, abs=60)
    assert hours_of(woken) == pytest.approx(0.0, abs=0.02)
    row = runs_table.find(second.run_id)
    assert row is not None
    assert row.ref == woken
    assert hours_of(machine.answers["a"]) == pytest.approx(2.0, abs=0.02)


def test_a_queue_that_others_change_at_the_same_time_loses_nobody(
    account, caps, machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_queue.time, "sleep", lambda seconds: None)
    begin(account, "a")
    written, others = run_queue._write, iter("bc")

    def write(after: RunQueue, version: int) -> None:
        if (name := next(others, None)) is not None:
            begin(account, name)
        written(after, version)

    monkeypatch.setattr(run_queue, "_write", write)
    begin(account, "d")
    assert set(places()) == {"a-1", "b-1", "c-1", "d-1"}
    assert machine.woken == ["a"]


def test_a_row_of_the_queue_is_no_run(account, caps, machine) -> None:
    begin(account, "a")
    assert [row.run_id for row in runs_table.all_runs() if row.run_id == "queue/"] == []


def test_an_answer_that_nobody_waits_for_is_no_error(account: Account) -> None:
    class Api:
        def send_task_success(self, **_: str) -> None:
            raise ClientError({"Error": {"Code": "TaskTimedOut"}}, "SendTaskSuccess")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executions, "client", lambda *_: Api())
        executions.answer("old", json.dumps({}))
