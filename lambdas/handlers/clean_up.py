"""CleanUp: nothing billable is left that the spec did not ask for."""

from __future__ import annotations

from typing import Any

from lambdas import admission
from lambdas.aws import notices, registry, runs_table
from lambdas.end_of_run import close_run
from lambdas.serving import served_records, staged_leftovers
from lambdas.serving.leftovers import Removed, remove_leftovers
from lambdas.step import step
from stratos.contracts.run import RunRef, RunStatus
from stratos.pipeline.failures import cut_short, explain, explain_and_advise
from stratos.pipeline.steps import CleanedUp, CleanUpInput, JobFailure

_STATUS: dict[str, RunStatus] = {"ABORTED": "stopped", "FAILED": "failed", "TIMED_OUT": "failed"}


@step
def handler(payload: CleanUpInput) -> CleanedUp:
    """Clean up after a missed gate or a failure, or after an execution that ended in any way."""
    if payload.event is not None:
        return _after_execution(payload.event["detail"])
    if payload.run is None:
        raise ValueError("give `run`, or an execution status change as `event`")
    if payload.servers_missed:
        removed = Removed()
        stopped, deleted = removed.stopped_jobs, removed.deleted
        staged_leftovers.remove(payload.run, stopped, deleted, goes_on=True)
        return _cleaned_up(payload.run, removed, payload.servers_missed)
    if payload.failure is None:  # another of the run's models may still be promoted
        served_records.finish_if_committed(payload.run)
    else:
        served_records.give_up(payload.run)
    why = explain(payload.failure) if payload.failure else payload.missed
    registry.reject_unless_promoted(payload.run, why)
    removed = remove_leftovers(payload.run, goes_on=payload.failure is None)
    return _cleaned_up(payload.run, removed, why)


def _after_execution(detail: dict[str, Any]) -> CleanedUp:
    """Clean up, and write the report that an execution cut short could not write itself."""
    row = runs_table.find_by_execution(detail["executionArn"])
    failure = cut_short(detail)
    why = explain(failure)
    if row is None:
        _tell_of_none(detail, failure)
        return _cleaned_up(None, Removed(), "the execution claimed no run; nothing to clean up")
    try:
        served_records.give_up(row.ref)
        registry.reject_unless_promoted(row.ref, why)
        removed = remove_leftovers(row.ref)
    finally:  # the run has ended, even if leftovers remain
        if row.status == "running":
            state = {"failure": failure.model_dump()}
            close_run(row.ref, _STATUS.get(detail["status"], "failed"), state)
        else:  # its report may not have managed to
            admission.hand_on(row.run_id)
    return _cleaned_up(row.ref, removed, why)


def _tell_of_none(detail: dict[str, Any], failure: JobFailure) -> None:
    """Announce an execution that ended before it had a run, and so has no report."""
    notices.send(
        "Stratos: a run did not begin",
        f"{explain_and_advise(failure)}\n\n"
        f"execution: {detail['executionArn']}\nits input: {detail.get('input')}",
    )


def _cleaned_up(run: RunRef | None, removed: Removed, why: str) -> CleanedUp:
    return CleanedUp(
        run=run,
        stopped_jobs=removed.stopped_jobs,
        deleted=removed.deleted,
        restored_endpoint=removed.restored,
        reason=why,
    )
