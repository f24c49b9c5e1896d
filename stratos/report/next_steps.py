"""What one can do with a finished run: a command and what it does, in the order of use."""

from __future__ import annotations

from collections.abc import Iterator

from stratos.moment import written
from stratos.pipeline.summary import RunSummary


def next_steps(run: RunSummary) -> tuple[tuple[str, str], ...]:
    """Commands to paste, each with what it is for; empty where only the spec can be mended."""
    return tuple(_steps(run))


def _steps(run: RunSummary) -> Iterator[tuple[str, str]]:
    if run.endpoint:
        yield f'stratos invoke {run.run_id} "…"', f"asks endpoint {run.endpoint.name}"
    if run.batch:
        yield f"stratos batch {run.run_id} FILE", "asks its model a file of questions"
    if run.training:
        yield (
            f"stratos pull {run.run_id}",
            "brings the model home: safetensors, GGUF, adapter, and how to load each",
        )
        if run.synthesis:
            yield f"stratos samples {run.run_id}", "shows what it learned from"
    if run.endpoint:
        until = run.endpoint.expires_at
        ends = "it costs money until then" if until is None else f"else it ends {written(until)}"
        yield f"stratos delete {run.run_id}", f"ends the endpoint; {ends}"
    elif run.batch:
        yield f"stratos delete {run.run_id}", "deletes the model; while nothing is asked it is free"
