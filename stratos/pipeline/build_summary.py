"""`run.json`, built from whatever a run left behind, good or bad."""

from __future__ import annotations

from collections.abc import Iterator

from stratos.contracts.distillation import DistillResult
from stratos.contracts.jobs import EvaluateResult, PrecisionScore, ProbeResult
from stratos.contracts.match import MatchEvidence
from stratos.contracts.plan import Interval, Plan, Server
from stratos.contracts.run import spec_name_in
from stratos.hosting.deployment import BatchDeployment
from stratos.hosting.modes.table import told_measurement
from stratos.hosting.monthly import HOURS_PER_MONTH, worked_off_usd_per_month
from stratos.measuring.gates import FAILED_REQUESTS, LATENCIES, too_few
from stratos.pipeline.evidence import RunEvidence
from stratos.pipeline.saving import monthly_saving
from stratos.pipeline.summary import (
    BatchSummary,
    ConstraintOutcome,
    EndpointSummary,
    ModelSummary,
    RunSummary,
    Saving,
    ServedSummary,
    StrategySummary,
    TrainingSummary,
)
from stratos.spec.default_budget import is_default
from stratos.statistics.wilson import Proportion

_OF_THE_WHOLE_RUN = frozenset(("max_training_hours", "max_budget_usd"))
"""Constraints that hold only once the run is done; until then they can only be missed."""


def build_summary(evidence: RunEvidence) -> RunSummary:
    """The summary of a run that has ended."""
    match, found = evidence.match, _evaluation(evidence)
    saving, unknown = _saving(evidence)
    return RunSummary(
        run_id=evidence.run.run_id,
        spec_name=evidence.spec_name or spec_name_in(evidence.run.run_id),
        status=evidence.status,
        reason=_reason(evidence),
        started_at=evidence.run.started_at,
        ended_at=evidence.ended_at,
        content_hash=evidence.content_hash,
        dataset=evidence.inspection,
        strategy=_strategy(evidence),
        teacher=_teacher(match, found),
        student=_student(evidence, found),
        served=_served(evidence),
        untuned_student=found.untuned_student if found else None,
        baselines=found.baselines if found else {},
        comparisons=found.comparisons if found else (),
        synthesis=evidence.synthesis,
        samples=evidence.samples,
        training=_training(evidence.distillation, evidence.trained_on),
        constraints=tuple(_constraints(evidence)),
        phases=evidence.phases,
        total_usd=evidence.total_usd,
        saving=saving,
        saving_unknown=unknown,
        endpoint=_endpoint(evidence),
        batch=_batch(evidence),
        measurements=evidence.measurements,
        plans=match.matching.plans if match else evidence.plans,
        examples=found.examples if found else (),
        notes=tuple(_notes(evidence)),
    )


def _reason(evidence: RunEvidence) -> str:
    match evidence.status:
        case "succeeded" if evidence.match is not None:
            chosen = evidence.match.plan
            return (
                f"{chosen.student} learned from {chosen.teacher} by "
                f"{evidence.match.matching.strategy} and {_end(evidence)}"
            )
        case "unchanged":
            return "nothing changed since the last run of this spec that succeeded"
        case "stopped":
            return evidence.reason or "the execution was stopped by hand"
        case status:
            return evidence.reason or f"the run {status}; the execution's history has the details"


def _end(evidence: RunEvidence) -> str:
    if isinstance(evidence.deployment, BatchDeployment):
        return "answers batches"
    return "is in service"


def _strategy(evidence: RunEvidence) -> StrategySummary | None:
    if evidence.match is None:
        return None
    return StrategySummary(
        choice=evidence.match.matching.strategy,
        reason=evidence.match.matching.reason,
        forced=evidence.spec is not None and evidence.spec.strategy != "auto",
    )


def _probe(match: MatchEvidence, role: str, model: str) -> ProbeResult | None:
    return next((p for p in match.probes if p.role == role and p.model == model), None)


def _model(name: str, accuracy: Proportion, probe: ProbeResult | None) -> ModelSummary:
    return ModelSummary(
        name=name,
        accuracy=accuracy,
        num_parameters=probe.num_parameters if probe else None,
        tokens_per_second=probe.tokens_per_second if probe else None,
        probe=probe,
    )


def _teacher(match: MatchEvidence | None, found: EvaluateResult | None) -> ModelSummary | None:
    if match is None or found is None:
        return None
    name = match.plan.teacher
    return _model(name, found.teacher, _probe(match, "teacher", name))


def _student(evidence: RunEvidence, found: EvaluateResult | None) -> ModelSummary | None:
    match, distilled = evidence.match, evidence.distillation
    if match is None or found is None:
        return None
    name = match.plan.student
    student = _model(name, found.student, _probe(match, "student", name))
    if distilled is None:
        return student
    return student.model_copy(update={"num_parameters": distilled.num_parameters})


def _evaluation(evidence: RunEvidence) -> EvaluateResult | None:
    """The evaluation with the student as it is served, or was to be."""
    plan, found = _plan(evidence), evidence.evaluation
    return found.served_by(plan.engine) if plan and found else found


def _served(evidence: RunEvidence) -> ServedSummary | None:
    plan, found, match = _plan(evidence), evidence.evaluation, evidence.match
    if plan is None or plan.engine is None or found is None or match is None:
        return None
    shown = found.served_by(plan.engine)
    beside = shown.full_precision
    if beside is None and shown.precision != found.precision and found.precision is not None:
        beside = PrecisionScore(
            precision=found.precision,
            accuracy=found.student,
            comparisons=found.comparisons,
            mean_completion_tokens=found.mean_completion_tokens,
        )
    return ServedSummary(
        scored_through=shown.engine,
        precision=shown.precision,
        engine=plan.engine,
        beside=beside,
        changed=match.precision_changed or _changed_when_measured(evidence),
    )


def _changed_when_measured(evidence: RunEvidence) -> str | None:
    """Why an endpoint was given another precision after it had been measured."""
    last, match = evidence.measurement, evidence.match
    if last is None or match is None or last.plan.engine is None or match.plan.engine is None:
        return None
    if last.plan.engine.precision == match.plan.engine.precision:
        return None
    before = [
        item
        for item in evidence.measurements
        if item.attempt == last.attempt and item.endpoint_config_name != last.endpoint_config_name
    ][-1:]
    return before[0].reason if before else None


def _training(result: DistillResult | None, server: Server | None) -> TrainingSummary | None:
    if result is None:
        return None
    told = TrainingSummary.model_fields.keys() - {"server"}
    return TrainingSummary(server=server, **{name: getattr(result, name) for name in told})


def _endpoint(evidence: RunEvidence) -> EndpointSummary | None:
    """The endpoint, if it is in service; one that missed its gate has been removed."""
    if evidence.deployment is None or evidence.match is None or not evidence.promoted:
        return None
    if isinstance(evidence.deployment, BatchDeployment):
        return None
    last = evidence.measurement
    return EndpointSummary(
        name=evidence.deployment.endpoint_name,
        server=(last.plan if last else evidence.match.plan).serving,
        expires_at=evidence.expires_at,
        load=last.load if last else None,
        usd_per_1000_requests=last.usd_per_1000_requests if last else None,
        hosting=evidence.deployment.hosting,
    )


def _batch(evidence: RunEvidence) -> BatchSummary | None:
    """The model for batches, if it is in service."""
    deployment, last = evidence.deployment, evidence.measurement
    if deployment is None or last is None or last.batch is None or not evidence.promoted:
        return None
    return BatchSummary(
        model_name=deployment.model_name,
        server=last.plan.serving,
        measured=last.batch,
        hosting=deployment.hosting,
    )


def _constraints(evidence: RunEvidence) -> Iterator[ConstraintOutcome]:
    """Each constraint of the spec, with what the plan predicted and what was measured."""
    if evidence.spec is None:
        return
    asked, plan = evidence.spec.constraints, _plan(evidence)
    found, last = _evaluation(evidence), evidence.measurement
    load, cost = (last.load, last.usd_per_1000_requests) if last else (None, None)
    if last is not None and FAILED_REQUESTS in last.missed:
        load = cost = None  # of an endpoint whose requests fail, nothing else is known
    done, monthly = evidence.status == "succeeded", _hosting_usd_per_month(evidence)
    rows = (
        ("min_accuracy", "accuracy", found.student.lo if found else None),
        ("max_p50_latency_ms", "p50_latency_ms", _value(load.p50_ms if load else None)),
        ("max_p95_latency_ms", "p95_latency_ms", _value(load.p95_ms if load else None)),
        ("max_p99_latency_ms", "", _value(load.p99_ms if load else None)),
        ("max_training_hours", "hours_to_deploy", evidence.hours),
        ("max_budget_usd", "usd_to_deploy", evidence.total_usd),
        ("max_hosting_usd_per_month", "usd_per_month", monthly),
        ("max_usd_per_1000_requests", "usd_per_1000_requests", _value(cost)),
    )
    for name, predicted, measured in rows:
        limit = getattr(asked, name)
        if limit is None:
            continue
        outcome = _outcome(name, limit, getattr(plan, predicted, None), measured).model_copy(
            update={"by_default": is_default(evidence.spec, name)}
        )
        if name == "max_usd_per_1000_requests" and cost is not None:
            outcome = outcome.model_copy(update={"passed": cost.lo <= limit})
        if not done and name in _OF_THE_WHOLE_RUN and outcome.passed:
            outcome = outcome.model_copy(update={"passed": None})
        if name in LATENCIES and outcome.passed and load is not None and too_few(load, name):
            outcome = outcome.model_copy(update={"passed": None})
        yield outcome


def _hosting_usd_per_month(evidence: RunEvidence) -> float | None:
    """Of what is in service."""
    deployment, last = evidence.deployment, evidence.measurement
    if deployment is None or evidence.spec is None or not evidence.promoted:
        return None
    if isinstance(deployment, BatchDeployment) and last and last.batch:
        rate, hourly = last.batch.requests_per_second, deployment.transform_job.usd_per_hour
        return worked_off_usd_per_month(evidence.spec.load, hourly, rate)
    return deployment.usd_per_hour * HOURS_PER_MONTH


def _saving(evidence: RunEvidence) -> tuple[Saving | None, str | None]:
    plan = _plan(evidence)
    if plan is None or evidence.spec is None:
        return None, None
    try:
        return monthly_saving(evidence, plan, _hosting_usd_per_month(evidence)), None
    except ValueError as why:
        return None, str(why)


def _value(found: Interval | None) -> float | None:
    return None if found is None else found.value


def _outcome(
    name: str, asked: float, predicted: Interval | None, measured: float | None
) -> ConstraintOutcome:
    passed = None
    if measured is not None:
        passed = measured >= asked if name.startswith("min_") else measured <= asked
    return ConstraintOutcome(
        name=name, asked=asked, predicted=predicted, measured=measured, passed=passed
    )


def _plan(evidence: RunEvidence) -> Plan | None:
    if evidence.measurement is not None:
        return evidence.measurement.plan
    if evidence.match is not None:
        return evidence.match.plan
    return evidence.plans.chosen if evidence.plans else None


def _notes(evidence: RunEvidence) -> Iterator[str]:
    yield from evidence.notes
    if (trained := evidence.distillation) is not None:
        if trained.cut_short is not None:
            yield trained.cut_short
        if trained.contention is not None:
            yield f"{trained.contention}, and nothing is learned from its pace"
    if (found := evidence.inspection) is not None:
        removed = found.num_exact_duplicates + found.num_near_duplicates
        if removed:
            yield f"{removed} duplicate or near-duplicate records were left out"
        if found.num_contradictions:
            yield f"questions with two answers (the first counts): {found.num_contradictions}"
        if found.no_answer:
            kinds = ", ".join(f"{count} {why}" for why, count in found.no_answer.items())
            yield f"replies that are no answer: {kinds}"
        if found.num_shortened:
            yield f"the histories of {found.num_shortened} records were cut"
        if found.num_prompts_in_markup:
            yield (
                f"{found.num_prompts_in_markup} prompts hold marks of a model's markup and were "
                "left as they stand; the student's own template goes around them"
            )
        if found.num_repeated_ids:
            yield (
                f"{found.num_repeated_ids} records had the id of another and were given their own; "
                "if such records belong together, give them one `group`"
            )
        if found.num_bad_lines:
            yield f"{found.num_bad_lines} lines could not be read and were skipped"
        if found.redacted is not None:
            counts = ", ".join(f"{kind} ×{count}" for kind, count in found.redacted.items())
            yield (
                f"personal data became placeholders in {found.num_redacted_records} records "
                f"({counts}); names and other things without a form are not found"
            )
    if (match := evidence.match) is not None:
        for miss in match.plan.misses:
            yield f"the plan was forecast to miss {miss}"
        if match.matching.overturned:
            yield match.matching.overturned
        for step, why in match.dropped.items():
            yield f"{step} failed and dropped its candidate: {why}"
        for student in match.tried:
            yield f"{student.name} was tried first and missed its gate: {student.reason}"
        yield from match.plan.caveats
        yield from _trained_elsewhere(match.plan.training, evidence.trained_on)
    yield from _load_notes(evidence)
    if evidence.spec is not None and evidence.spec.constraints.min_accuracy is not None:
        yield "min_accuracy limits the lower end of the 95% Wilson interval, shown as measured"


def _trained_elsewhere(planned: Server, server: Server | None) -> Iterator[str]:
    """Where the planned server could not be had, for want of capacity or quota."""
    if server is None:
        return
    first, found = (
        f"{one.count} × {one.instance_type}{' (spot)' if one.purchase == 'spot' else ''}"
        for one in (planned, server)
    )
    if found != first:
        yield f"the student was trained on {found}; {first}, which was planned, could not be had"


def _load_notes(evidence: RunEvidence) -> Iterator[str]:
    """Servers that were tried before, and percentiles that cannot be claimed."""
    last = evidence.measurement
    for measurement in evidence.measurements[:-1]:
        told = told_measurement(measurement)
        beside = last is not None and measurement.endpoint_config_name == last.endpoint_config_name
        yield f"also in service: {told}" if beside else f"{told}; another plan was tried"
    if last is None or last.load is None or evidence.spec is None:
        return
    if last.without_capacity:
        types = ", ".join(last.without_capacity)
        yield f"{last.plan.serving.instance_type} serves; {types}, asked for first, had no capacity"
    for name in LATENCIES:
        why = too_few(last.load, name)
        if why and getattr(evidence.spec.constraints, name) is not None:
            yield f"{name} cannot be claimed: {why}"
    if evidence.spec.constraints.max_usd_per_1000_requests is not None:
        yield "max_usd_per_1000_requests limits the lower end of the measured interval"
