"""What the training jobs of a run are called."""

from __future__ import annotations

from stratos.contracts.jobs import JobStep


def step_name(job: JobStep, attempt: int) -> str:
    """The step of a job that is done for each student: `distill-a0` for the first one."""
    return f"{job}-a{attempt}"


def job_name(run_id: str, step: str, attempt: int) -> str:
    """A name of its own for each attempt: SageMaker refuses one it has seen."""
    return f"{run_id}-{step}-{attempt}"


def step_of(run_id: str, name: str) -> str | None:
    """The step in a job's name, or None when the job is not of this run."""
    if not name.startswith(run_id + "-"):
        return None
    return name.removeprefix(run_id + "-").rpartition("-")[0] or None
