"""What a run that has no report yet has come to so far, from the files in its bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from stratos.cli.run_costs import RunCosts
from stratos.cli.runs import read_object
from stratos.cli.stack import Stack
from stratos.contracts.bucket import RunKeys
from stratos.contracts.distillation import DistillResult
from stratos.contracts.jobs import EvaluateResult, ProbeResult, SynthesizeResult
from stratos.contracts.match import MatchEvidence
from stratos.contracts.measurements import Measurements
from stratos.contracts.plan import PlanSet
from stratos.contracts.run import RunRow
from stratos.dataset.inspection import Inspection
from stratos.hosting.deployment import DEPLOYMENT, Deployment
from stratos.pipeline.build_summary import build_summary
from stratos.pipeline.evidence import RunEvidence
from stratos.pipeline.phases import phase_seconds
from stratos.pipeline.summary import Phase, RunSummary
from stratos.spec import Spec

Read = TypeVar("Read", bound=BaseModel)
Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class _Files:
    stack: Stack
    run_id: str

    @property
    def keys(self) -> RunKeys:
        return RunKeys(self.run_id)

    def find(self, key: str, model: type[Read]) -> Read | None:
        return self._found(key, model.model_validate_json)

    def deployment(self) -> Deployment | None:
        return self._found(self.keys.deployment, DEPLOYMENT.validate_json)

    def _found(self, key: str, parse: Callable[[str], Parsed]) -> Parsed | None:
        text = read_object(self.stack, key)
        return None if text is None else parse(text)

    def result(self, step: str, attempt: int, model: type[Read]) -> Read | None:
        return self.find(self.keys.job_result(f"{step}-a{attempt}"), model)

    def steps(self) -> list[str]:
        """The jobs of the run, by their folders."""
        pages = self.stack.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.stack.bucket, Prefix=self.keys.jobs, Delimiter="/"
        )
        folders = (item["Prefix"] for page in pages for item in page.get("CommonPrefixes", ()))
        return [folder.removeprefix(self.keys.jobs).rstrip("/") for folder in folders]


def find_probes(stack: Stack, run_id: str) -> tuple[ProbeResult, ...]:
    """What the probed models did, the chosen ones among them; empty before the first has ended."""
    files = _Files(stack, run_id)
    match = files.find(files.keys.match, MatchEvidence)
    if match is not None:
        return match.probes
    steps = (step for step in files.steps() if step.startswith("probe-"))
    results = (files.find(files.keys.job_result(step), ProbeResult) for step in steps)
    return tuple(found for found in results if found is not None)


def summary_so_far(
    stack: Stack, row: RunRow, events: Iterable[Mapping[str, Any]], now: datetime
) -> RunSummary:
    """The summary as it would be if the run ended now; money is what `stratos watch` tells."""
    files = _Files(stack, row.run_id)
    match = files.find(files.keys.match, MatchEvidence)
    attempt = match.attempt if match else 0
    deployment = files.deployment()
    measured = (files.find(files.keys.measurements, Measurements) or Measurements()).measured
    ended_at = row.ended_at or now
    costs = RunCosts(stack, row.run_id, lambda: ended_at).by_phase() or {}
    evidence = RunEvidence(
        run=row.ref,
        status="running",
        ended_at=ended_at,
        hours=((ended_at - row.started_at).total_seconds() - row.waited_seconds) / 3600,
        reason="under way" if not row.finished else f"the run is {row.status}; it has no report",
        content_hash=row.content_hash,
        spec_name=row.spec_name,
        spec=files.find(files.keys.spec, Spec),
        inspection=files.find(files.keys.dataset + "inspection.json", Inspection),
        plans=files.find(files.keys.plans, PlanSet),
        match=match,
        synthesis=files.result("synthesize", attempt, SynthesizeResult),
        distillation=files.result("distill", attempt, DistillResult),
        evaluation=files.result("evaluate", attempt, EvaluateResult),
        deployment=deployment,
        measurements=measured,
        promoted=row.in_charge,
        expires_at=row.expires_at,
        phases=_phases(phase_seconds(events, ended_at), costs),
    )
    return build_summary(evidence)


def _phases(seconds: Mapping[str, float], costs: Mapping[str, float]) -> tuple[Phase, ...]:
    unseen = {name: 0.0 for name in costs if name not in seconds}
    return tuple(
        Phase(name=name, seconds=spent, cost_usd=costs.get(name, 0.0))
        for name, spent in {**seconds, **unseen}.items()
    )
