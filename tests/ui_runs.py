"""Runs as a stack has them, for tests of what shows them: finished, under way, failed, waiting.

Names and answers look as if somebody wanted to break a page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from stratos.cli.stack import Stack
from stratos.contracts.bucket import PROGRESS_FILE, RunKeys
from stratos.contracts.jobs import EvaluatedExample, Progress
from stratos.contracts.records import SampledAttempt, TrainingRecord
from stratos.frozen import FrozenModel
from stratos.pipeline.summary import RunSummary
from tests import factories
from tests.summaries import inspection, plan_set, probe, succeeded_run
from tests.unit.stratos.cli.stack_contents import put, put_endpoint, put_run

FINISHED, OTHER = "mahjong-waits-0123abcd", "mahjong-waits-76543210"
RUNNING, FAILED, WAITING = "inbox-11112222", "router-33334444", "tiles-55556666"
ENDPOINT = "stratos-mahjong-waits"
HOSTILE = "<script>document.title='broken'</script><img src=x onerror=alert(1)>"
LONG = "an_answer_without_a_single_break_" * 9
BEGAN = datetime(2026, 11, 24, 8, tzinfo=UTC)
NOW = BEGAN + timedelta(minutes=3)
"""When they are looked at."""


def _task(following: str, failing: str = "CleanUp", **more: Any) -> dict[str, Any]:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": failing}]
    return {"Type": "Task", "Resource": "r", "Next": following, "Catch": catch} | more


def _choice(default: str, *others: str) -> dict[str, Any]:
    choices = [{"Variable": "$.x", "BooleanEquals": True, "Next": one} for one in others]
    return {"Type": "Choice", "Choices": choices, "Default": default}


DEFINITION: dict[str, Any] = {
    "StartAt": "ClaimRun",
    "States": {
        "ClaimRun": _task("ParseConstraints"),
        "ParseConstraints": _task("InspectDataset", "ReportRejected"),
        "InspectDataset": _task("PlanCandidates", "ReportRejected"),
        "PlanCandidates": _task("ProbeModels"),
        "ProbeModels": _task(
            "MatchModels",
            Type="Map",
            ItemProcessor={"StartAt": "Probe", "States": {"Probe": {"Type": "Task", "End": True}}},
        ),
        "MatchModels": _task("Synthesize"),
        "Synthesize": _task("Distill", "DiagnoseSynthesize"),
        "DiagnoseSynthesize": _task("ShouldRetrySynthesize"),
        "ShouldRetrySynthesize": _choice("CleanUp", "Synthesize"),
        "Distill": _task("Evaluate"),
        "Evaluate": _task("CheckQuality"),
        "CheckQuality": _task("IsGoodEnough"),
        "IsGoodEnough": _choice("CleanUp", "Register", "MatchModels"),
        "Register": _task("NeedsApproval"),
        "NeedsApproval": _choice("TakeTurn", "AwaitApproval"),
        "AwaitApproval": _task("TakeTurn"),
        "TakeTurn": _task("CreateModel"),
        "CreateModel": _task("WaitForEndpoint"),
        "WaitForEndpoint": {"Type": "Wait", "Seconds": 1, "Next": "MeasureEndpoint"},
        "MeasureEndpoint": _task("IsFastEnough"),
        "IsFastEnough": _choice("CleanUp", "Promote", "CreateModel"),
        "Promote": _task("Report"),
        "Report": _task("Succeeded"),
        "CleanUp": _task("ReportFailure", "ReportFailure"),
        "ReportFailure": _task("Failed", "Failed"),
        "ReportRejected": _task("Failed", "Failed"),
        "Succeeded": {"Type": "Succeed"},
        "Failed": {"Type": "Fail"},
    },
}
"""What is drawn of a state machine, in few states."""
WAY_TO_DEPLOYMENT = (
    "ClaimRun", "ParseConstraints", "InspectDataset", "PlanCandidates", "ProbeModels",
    "MatchModels", "Synthesize", "Distill", "Evaluate", "CheckQuality", "IsGoodEnough", "Register",
    "NeedsApproval",
)  # fmt: skip
WAY = (
    *WAY_TO_DEPLOYMENT, "TakeTurn", "CreateModel", "WaitForEndpoint", "MeasureEndpoint",
    "IsFastEnough", "Promote", "Report", "Succeeded",
)  # fmt: skip


def history(names: Sequence[str], ended: str | None = None) -> list[dict[str, Any]]:
    """Events of an execution that entered states, 13 s apart, as GetExecutionHistory has them.

    Args:
        ended: The last event, such as `ExecutionFailed`; None while it runs.
    """
    events: list[dict[str, Any]] = [{"type": "ExecutionStarted", "timestamp": BEGAN}]
    at = BEGAN
    for name in names:
        kind = DEFINITION["States"].get(name, {}).get("Type", "Task")
        details = {"name": name}
        entered = {"type": f"{kind}StateEntered", "stateEnteredEventDetails": details}
        events.append(entered | {"timestamp": at})
        at += timedelta(seconds=13)
        if kind == "Map":
            events.append({"type": "MapStateExited", "timestamp": at})
    if ended is not None:
        events.append({"type": ended, "timestamp": at})
    return events


class FakeStates:
    """`stepfunctions` that knows executions by their ARN, and what was decided on them."""

    def __init__(self) -> None:
        self.executions: dict[str, tuple[str, list[dict[str, Any]]]] = {}
        self.decided: list[dict[str, Any]] = []

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        return {"status": self._known(executionArn)[0]}

    def describe_state_machine_for_execution(
        self,
        executionArn: str,  # noqa: N803
    ) -> dict[str, Any]:
        self._known(executionArn)
        return {"definition": json.dumps(DEFINITION)}

    def get_paginator(self, operation: str) -> FakeStates:
        assert operation == "get_execution_history"
        return self

    def paginate(self, executionArn: str, **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        events = self._known(executionArn)[1]
        yield {"events": events[:5]}
        yield {"events": events[5:]}

    def send_task_success(self, **answer: Any) -> None:
        self.decided.append(answer)

    def send_task_failure(self, **answer: Any) -> None:
        self.decided.append(answer)

    def _known(self, arn: str) -> tuple[str, list[dict[str, Any]]]:
        if arn not in self.executions:
            told = {"Error": {"Code": "ExecutionDoesNotExist", "Message": arn}}
            raise ClientError(told, "DescribeExecution")
        return self.executions[arn]


def fill(stack: Stack) -> FakeStates:
    """Put runs of every kind into a stack; returns what stands for its Step Functions."""
    states = FakeStates()
    vars(stack)["states"] = states
    _finished(stack, states)
    _running(stack, states)
    _failed(stack, states)
    _waiting(stack, states)
    return states


def _run(
    stack: Stack, states: FakeStates, run_id: str, way: Sequence[str], status: str, **columns: Any
) -> None:
    arn = f"arn:aws:states:us-east-1:123456789012:execution:s:{run_id}"
    ends = {"running": ("RUNNING", None), "succeeded": ("SUCCEEDED", "ExecutionSucceeded")}
    now, event = ends.get(status, ("FAILED", "ExecutionFailed"))
    states.executions[arn] = (now, history(way, event))
    name = run_id.rpartition("-")[0]
    given = {"spec_name": name, "execution_arn": arn, "status": status, "started_at": str(BEGAN)}
    put_run(stack, run_id, **given | columns)


def _finished(stack: Stack, states: FakeStates) -> None:
    put_endpoint(stack, ENDPOINT, FINISHED)
    live = {
        "endpoint_name": ENDPOINT,
        "usd_per_hour": Decimal("0.1"),
        "live_since": str(BEGAN),
        "ended_at": str(BEGAN + timedelta(minutes=4)),
    }
    _run(stack, states, FINISHED, WAY, "succeeded", **live)
    examples = (
        EvaluatedExample(
            question=f"Hand: m56 {HOSTILE}", gold="m4 m7", completion="#### m4 m7", correct=True,
            teacher_completion=f"I do not know. {LONG}", teacher_correct=False,
        ),
        EvaluatedExample(
            question="Hand: p23", gold=LONG, completion=HOSTILE, correct=False,
            teacher_completion="#### p1 p4", teacher_correct=True,
        ),
        EvaluatedExample(question="Hand: s1", gold="s1", completion="", correct=False),
    )  # fmt: skip
    summary = succeeded_run(run_id=FINISHED, examples=examples)
    _put(stack, RunKeys(FINISHED).summary, summary)
    put(stack, RunKeys(FINISHED).report, b"<!doctype html><title>r</title><h1>Report</h1>")
    kept = [_kept(number) for number in range(12)]
    rejected = [sample.model_copy(update={"reason": HOSTILE}) for sample in summary.samples]
    folder = RunKeys(FINISHED).records_of(0)
    put(stack, folder + "records.jsonl", _lines(kept))
    put(stack, folder + "rejected.jsonl", _lines(rejected))
    ended = {"ended_at": str(BEGAN + timedelta(minutes=3))}
    _run(stack, states, OTHER, WAY, "succeeded", **ended)
    worse = summary.model_copy(update={"run_id": OTHER, "total_usd": 0.5, "endpoint": None})
    _put(stack, RunKeys(OTHER).summary, worse)


def _running(stack: Stack, states: FakeStates) -> None:
    _run(stack, states, RUNNING, WAY_TO_DEPLOYMENT[:8], "running")
    keys = RunKeys(RUNNING)
    _put(stack, keys.spec, factories.spec())
    _put(stack, keys.plans, plan_set())
    _put(stack, keys.dataset + "inspection.json", inspection())
    _put(stack, keys.job_result("probe-t0"), probe("teacher", 20))
    progress = Progress(
        step="distill",
        label="student",
        done=120,
        total=400,
        unit="steps",
        seconds=36,
        tokens_per_second=10_412,
        loss=0.731,
        seconds_left=84,
    )
    _put(stack, keys.job("distill-a0") + PROGRESS_FILE, progress)


def _failed(stack: Stack, states: FakeStates) -> None:
    way = (*WAY_TO_DEPLOYMENT[:7], "DiagnoseSynthesize", "ShouldRetrySynthesize", "CleanUp")
    ended = {"ended_at": str(BEGAN + timedelta(minutes=2))}
    _run(stack, states, FAILED, (*way, "ReportFailure", "Failed"), "failed", **ended)
    summary = RunSummary(
        run_id=FAILED,
        spec_name=f"router {HOSTILE}",
        status="failed",
        reason=f"TooFewVerifiedRecords: synthesis kept 3 records of 300; {LONG}",
        started_at=BEGAN,
        ended_at=BEGAN + timedelta(minutes=2),
    )
    _put(stack, RunKeys(FAILED).summary, summary)


def _waiting(stack: Stack, states: FakeStates) -> None:
    columns = {
        "task_token": "the-token",
        "awaiting_approval_since": str(BEGAN),
        "approve_by": str(BEGAN + timedelta(days=7)),
    }
    _run(stack, states, WAITING, (*WAY_TO_DEPLOYMENT, "AwaitApproval"), "running", **columns)


def _kept(number: int) -> TrainingRecord:
    question = {"role": "user", "content": f"question {number} {HOSTILE}"}
    return TrainingRecord.model_validate(
        {
            "id": f"k{number}",
            "messages": (question,),
            "completion": f"{LONG} {number}",
            "answer": str(number),
            "strategy": "alignment",
        }
    )


def _put(stack: Stack, key: str, value: FrozenModel) -> None:
    put(stack, key, value.model_dump_json().encode())


def _lines(rows: Sequence[SampledAttempt | TrainingRecord]) -> bytes:
    return "".join(row.model_dump_json(exclude_none=True) + "\n" for row in rows).encode()
