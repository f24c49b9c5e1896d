"""The state machine holds what `stratos.pipeline.steps` promises its handlers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from infra.local.cloudformation.template_check import check_template
from infra.states.definition_reader import State, caught_by, next_states, reads
from stratos.errors import StratosError
from stratos.hosting.components import ComponentRollout
from stratos.hosting.deployment import (
    BatchDeployment,
    ComponentDeployment,
    EndpointDeployment,
)
from stratos.hosting.guardrails import Guardrails
from stratos.hosting.transform_job import TransformJob
from stratos.pipeline import approvals, sharded, steps
from tests import factories
from tests.infra.ways import all_errors, reaches

INPUTS: dict[str, type[BaseModel]] = {
    "claim_run": steps.ClaimInput,
    "parse_constraints": steps.ParseInput,
    "await_place": steps.PlaceInput,
    "inspect_dataset": steps.InspectInput,
    "prepare_inspection": steps.InspectInput,
    "plan_candidates": steps.PlanInput,
    "match_models": steps.MatchInput,
    "diagnose_job": steps.DiagnoseInput,
    "gather_shards": sharded.GatherInput,
    "check_quality": steps.QualityInput,
    "request_approval": approvals.ApprovalInput,
    "record_approval": approvals.ApprovalRecord,
    "take_turn": steps.TurnInput,
    "await_component": steps.ComponentInput,
    "measure_endpoint": steps.MeasureInput,
    "measure_batch": steps.MeasureBatchInput,
    "promote": steps.PromoteInput,
    "report": steps.ReportInput,
    "clean_up": steps.CleanUpInput,
}


MODEL_AT: dict[str, Any] = {
    "$.run": steps.RunRef,
    "$.parsed": steps.Parsed,
    "$.dataset": steps.Dataset,
    "$.candidates": steps.Candidates,
    "$.match": steps.Match,
    "$.quality": steps.Quality,
    "$.quality.deployment": (EndpointDeployment, ComponentDeployment, BatchDeployment),
    "$.quality.deployment.transform_job": TransformJob,
    "$.quality.deployment.component": ComponentRollout,
    "$.quality.deployment.guardrails": Guardrails,
    "$.diagnosis": steps.Diagnosis,
    "$.measured": steps.Measured,
    "$.promoted": steps.Promoted,
    "$.job": steps.TrainingJob,
    "$.inspection": steps.TrainingJob,
    "$.match.synthesize": steps.TrainingJob,
    "$.match.distill": steps.TrainingJob,
    "$.match.evaluate": steps.TrainingJob,
    "$.match.synthesis_shards": sharded.ShardedJob,
    "$.match.evaluation_shards": sharded.ShardedJob,
}


OUTPUT_AT = {
    "ParseConstraints": "$.parsed",
    "AwaitPlace": "$.run",
    "InspectDataset": "$.dataset",
    "PrepareInspection": "$.inspection",
    "PlanCandidates": "$.candidates",
    "ProbeModels": "$.probes",
    "MatchModels": "$.match",
    "SynthesizeShards": "$.shards",
    "GatherSynthesize": "$.match.synthesis_shards",
    "EvaluateShards": "$.shards",
    "GatherEvaluate": "$.match.evaluation_shards",
    "Distill": "$.distilled",
    "CheckQuality": "$.quality",
    "DescribeEndpoint": "$.endpoint",
    "AwaitApproval": "$.approval",
    "TakeTurn": "$.quality.deployment",
    "MeasureEndpoint": "$.measured",
    "AskBatch": "$.transformed",
    "MeasureBatch": "$.measured",
    "NextServer": "$.quality.deployment",
    "NextStudent": "$.attempt",
}


def lambda_states(
    states: dict[str, State], module_of: dict[str, str]
) -> list[tuple[str, State, str]]:
    called = {
        name: state["Parameters"]["FunctionName"] if _asks(state) else state.get("Resource")
        for name, state in states.items()
    }
    return [
        (name, states[name], module_of[function])
        for name, function in called.items()
        if function in module_of
    ]


def payload_of(state: State) -> dict[str, Any]:
    parameters: dict[str, Any] = state["Parameters"]
    return dict(parameters["Payload"]) if _asks(state) else parameters


def test_every_payload_has_the_fields_its_handler_reads(states, module_of):
    called = set()
    for name, state, module in lambda_states(states, module_of):
        model = INPUTS[module]
        given = {field.removesuffix(".$") for field in payload_of(state)}
        needed = {field for field, info in model.model_fields.items() if info.is_required()}
        assert needed <= given <= set(model.model_fields), name
        called.add(module)
    assert called == set(INPUTS)


def test_every_output_lands_where_the_steps_say(states):
    assert {name: states[name]["ResultPath"] for name in OUTPUT_AT} == OUTPUT_AT
    assert (states["ClaimRun"]["ResultSelector"], states["ClaimRun"]["ResultPath"]) == (
        {"run.$": "$"},
        "$",
    )


def test_every_path_into_a_model_names_one_of_its_fields(states):
    for name, state in states.items():
        for path in reads(state):
            parent, _, field = path.rpartition(".")
            if parent in MODEL_AT:
                models = MODEL_AT[parent]
                kinds = models if isinstance(models, tuple) else (models,)
                fields = {field for kind in kinds for field in kind.model_fields}
                assert field in fields, f"{name} reads {path}"


def test_nothing_is_read_before_some_state_wrote_it(states):
    written = {"$", "$.job", "$.alarm", "$.model", "$.tags"}  # the Maps' items
    written.add("$.failure")  # what a Catch puts there
    written |= {"$.run"}
    written |= {state["ResultPath"] for state in states.values() if state.get("ResultPath")}
    for name, state in states.items():
        for path in reads(state):
            first = ".".join(path.split(".")[:2])
            assert first in written, f"{name} reads {path}"


def test_report_statuses_are_the_ones_a_report_takes(states, module_of):
    for name, state, module in lambda_states(states, module_of):
        if module == "report":
            value = state["Parameters"]["status"]
            steps.ReportInput.model_validate(
                {"run": factories.run_ref().model_dump(mode="json"), "status": value, "state": {}}
            )
            assert name.startswith("Report")


def test_every_task_is_bounded_in_time(states):
    bounds = {"TimeoutSeconds", "TimeoutSecondsPath"}
    tasks = {name: state for name, state in states.items() if state["Type"] == "Task"}
    assert [name for name, state in tasks.items() if not bounds & set(state)] == []


def test_every_failure_after_the_claim_leads_to_clean_up_and_a_report(states):
    final = {"CleanUp", "ReportFailure", "ReportRejected", "ClaimRun"}
    for every in ("PutAlarms", "PutComponentAlarms", "CreatePoolModels"):
        final |= set(states[every]["ItemProcessor"]["States"])  # their Map catches
    final |= {"AskBatch"}  # a job that failed is judged
    # An item of a Map ends with its reason, and what follows the Map decides.
    given_up = {"DropCandidate", "DropSynthesizeShard", "DropEvaluateShard"}
    for name, state in states.items():
        if state["Type"] in ("Task", "Map") and name not in final:
            assert "States.ALL" in caught_by(state), name
            assert reaches(states, caught_by(state)["States.ALL"], {"CleanUp", *given_up})
    assert next_states(states["CleanUp"]) == ["ReportFailure"]
    assert caught_by(states["CleanUp"]) == {"States.ALL": "ReportFailure"}
    assert caught_by(states["ReportFailure"]) == {"States.ALL": "Failed"}


def test_errors_caught_by_name_exist(states):
    known = {cls.__name__ for cls in all_errors(StratosError)}
    named = {error for state in states.values() for error in caught_by(state)} - {"States.ALL"}
    ours = {"DuplicateEvent", "SpecRejected", "DatasetRejected", "DatasetTooLarge"}
    assert named == ours | {
        "ApplicationAutoScaling.ObjectNotFoundException",
        "States.Timeout",
    }
    assert ours <= known
    raised = {
        value
        for state in states.values()
        for key in ("Parameters", "ResultSelector")
        if isinstance(value := state.get(key, {}).get("Error"), str)
    }
    assert states["AskBatch"]["ResultSelector"] == {"Error": "", "Cause": ""}  # as if caught
    assert raised - {""} == {
        "QualityGateError",
        "ApprovalTimedOut",
        "QueueTimedOut",
        "LatencyGateError",
        "DeploymentFailed",
    }
    assert raised - {""} <= known


def test_a_refused_spec_is_reported_as_such_and_not_cleaned_up(states):
    assert caught_by(states["ParseConstraints"])["SpecRejected"] == "ReportRejected"
    for error in ("DatasetRejected", "SpecRejected"):
        for name in ("InspectDataset", "PrepareInspection"):
            assert caught_by(states[name])[error] == "ReportRejected"
    assert states["ReportRejected"]["Parameters"]["status"] == "rejected"
    assert next_states(states["ReportRejected"]) == ["Rejected"]
    assert states["Rejected"]["ErrorPath"] == "$.failure.Error"


def test_a_rerun_of_a_deleted_spec_ends_with_what_to_do(states):
    assert caught_by(states["ClaimRun"])["SpecRejected"] == "SpecGone"
    assert states["SpecGone"]["Type"] == "Fail"
    assert states["SpecGone"]["CausePath"] == "$.failure.Cause"


def test_the_embedded_cloud_can_run_the_template(template):
    check_template(template)


def _asks(state: State) -> bool:
    """Whether a state waits for somebody's answer."""
    return str(state.get("Resource", "")).endswith(".waitForTaskToken")
