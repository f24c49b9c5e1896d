"""What a run was made of, so that it can be traced and repeated."""

from __future__ import annotations

from collections.abc import Iterator

from stratos.pipeline.summary import ModelSummary, RunSummary
from stratos.report.figures import told_moment


def lineage(run: RunSummary) -> list[tuple[str, str]]:
    """Names and what they were, as far as the run got."""
    return list(_facts(run))


def _facts(run: RunSummary) -> Iterator[tuple[str, str]]:
    yield "run", run.run_id
    yield "began and ended", f"{told_moment(run.started_at)} – {told_moment(run.ended_at)}"
    if run.content_hash is not None:
        yield "hash of spec, dataset and models", run.content_hash
    if run.dataset is not None:
        yield "dataset", ", ".join(run.dataset.formats) or "no file that could be read"
    for role, model in (("teacher", run.teacher), ("student", run.student)):
        if model is not None:
            yield role, _model(model)
    if run.training is not None and (server := run.training.server) is not None:
        spot = ", spot" if server.purchase == "spot" else ""
        yield "trained on", f"{server.count} × {server.instance_type} in {server.region}{spot}"
    if run.served is not None:
        precision = f" in {run.served.precision}" if run.served.precision else ""
        yield "scored through", f"{run.served.scored_through}{precision}"


def _model(model: ModelSummary) -> str:
    revision = model.probe.revision if model.probe else None
    return f"{model.name}, revision {revision}" if revision else model.name
