"""The state machine holds what `stratos.pipeline.steps` and SageMaker's API promise each other."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import boto3
import pytest
from pydantic import BaseModel

from infra.local.cloudformation.template_check import check_template
from infra.states.definition import State, caught_by, next_states, reads
from lambdas.serving import leftovers
from stratos.errors import EndpointUnsettled, StratosError
from stratos.hosting.components import ComponentRollout, component_guardrails
from stratos.hosting.deployment import (
    BatchDeployment,
    ComponentDeployment,
    EndpointDeployment,
)
from stratos.hosting.guardrails import BAKE_SECONDS, Guardrails, guardrails
from stratos.hosting.names import VARIANT
from stratos.hosting.next_server import MAX_SERVERS
from stratos.hosting.scaling import scalable_component, scalable_target
from stratos.hosting.transform_job import TransformJob
from stratos.pipeline import steps
from stratos.spec import LONGEST_APPROVAL_HOURS, Spec
from tests import factories

INPUTS: dict[str, type[BaseModel]] = {
    "claim_run": steps.ClaimInput,
    "parse_constraints": steps.ParseInput,
    "inspect_dataset": steps.InspectInput,
    "plan_candidates": steps.PlanInput,
    "match_models": steps.MatchInput,
    "diagnose_job": steps.DiagnoseInput,
    "check_quality": steps.QualityInput,
    "request_approval": steps.ApprovalInput,
    "record_approval": steps.ApprovalRecord,
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
    "$.match.synthesize": steps.TrainingJob,
    "$.match.distill": steps.TrainingJob,
    "$.match.evaluate": steps.TrainingJob,
}
OUTPUT_AT = {
    "ParseConstraints": "$.parsed",
    "InspectDataset": "$.dataset",
    "PlanCandidates": "$.candidates",
    "ProbeModels": "$.probes",
    "MatchModels": "$.match",
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


def test_a_job_described_at_length_does_not_take_the_place_of_the_data(states):
    for job in ("Probe", "Synthesize", "Evaluate"):
        assert "ResultPath" in states[job]
        assert states[job]["ResultPath"] is None
    assert all(
        "ResultPath" in state for state in states.values() if state["Type"] in ("Task", "Map")
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
    written = {"$", "$.job", "$.alarm", "$.failure"}  # the Maps' items, and what a Catch puts there
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
                {"run": factories.run_ref(), "status": value, "state": {}}
            )
            assert name.startswith("Report")


def test_every_task_is_bounded_in_time(states):
    bounds = {"TimeoutSeconds", "TimeoutSecondsPath"}
    tasks = {name: state for name, state in states.items() if state["Type"] == "Task"}
    assert [name for name, state in tasks.items() if not bounds & set(state)] == []


def test_a_person_is_asked_between_the_registry_and_anything_that_costs(states):
    assert next_states(states["Register"]) == ["NeedsApproval"]
    assert next_states(states["NeedsApproval"]) == ["AwaitApproval", "IsBatch"]
    (asked,) = states["NeedsApproval"]["Choices"]
    assert asked["Variable"] == "$.parsed.approval_timeout_seconds"
    assert next_states(states["AwaitApproval"]) == ["RecordApproval"]
    assert next_states(states["RecordApproval"]) == ["IsBatch"]
    assert next_states(states["IsBatch"]) == ["CreateBatchModel", "TakeTurn"]


def test_a_wait_for_a_person_ends_within_the_spec_and_the_execution_outlasts_it(states, definition):
    waiting = states["AwaitApproval"]
    assert waiting["Resource"].endswith("lambda:invoke.waitForTaskToken")
    assert waiting["Parameters"]["Payload"]["task_token.$"] == "$$.Task.Token"
    assert waiting["TimeoutSecondsPath"] == "$.parsed.approval_timeout_seconds"
    assert list(caught_by(waiting)) == ["States.Timeout", "States.ALL"]
    assert caught_by(waiting)["States.Timeout"] == "ApprovalTimedOut"
    assert "States.Timeout" not in {e for r in waiting["Retry"] for e in r["ErrorEquals"]}
    longest = Spec.model_validate(
        factories.spec_dict(approval="required", approval_timeout_hours=LONGEST_APPROVAL_HOURS)
    ).approval_timeout_seconds
    assert longest is not None
    assert definition["TimeoutSeconds"] - longest == 3 * 24 * 3600


def test_every_failure_after_the_claim_leads_to_clean_up_and_a_report(states):
    final = {"CleanUp", "ReportFailure", "ReportRejected", "ClaimRun"}
    for alarms in ("PutAlarms", "PutComponentAlarms"):
        final |= set(states[alarms]["ItemProcessor"]["States"])  # their Map catches
    final |= {"AskBatch"}  # a job that failed is judged
    for name, state in states.items():
        if state["Type"] in ("Task", "Map") and name not in final:
            assert "States.ALL" in caught_by(state), name
            assert _reaches(states, caught_by(state)["States.ALL"], {"CleanUp", "DropCandidate"})
    assert next_states(states["CleanUp"]) == ["ReportFailure"]
    assert caught_by(states["CleanUp"]) == {"States.ALL": "ReportFailure"}
    assert caught_by(states["ReportFailure"]) == {"States.ALL": "Failed"}


@pytest.mark.parametrize("state", ["CleanUp", "TakeEndpointBack"])
def test_cleaning_up_waits_longer_than_sagemaker_may_take_over_an_update(states, state):
    (patient,) = [
        r for r in states[state]["Retry"] if r["ErrorEquals"] == [EndpointUnsettled.__name__]
    ]
    slowest = guardrails(
        "e", "c", "v", num_instances=2, startup_seconds=100_000, max_p95_latency_ms=None
    ).deployment_config["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"]
    assert patient["MaxAttempts"] * leftovers.PATIENCE_SECONDS > slowest


def test_nothing_is_made_for_an_endpoint_before_it_is_this_runs_turn(states):
    turn = states["TakeTurn"]
    assert next_states(turn) == ["IsAsynchronous"]
    (patient,) = [r for r in turn["Retry"] if r["ErrorEquals"] == ["EndpointBusy"]]
    # Another run may try every server it has, each over its whole rollout.
    whole_rollout = 2 * BAKE_SECONDS + 900
    assert patient["MaxAttempts"] * patient["MaxDelaySeconds"] > MAX_SERVERS * whole_rollout


def test_the_model_moves_to_its_next_server_within_the_same_turn(states):
    assert next_states(states["NextServer"]) == ["IsAsynchronous"]
    measured = {"MeasureEndpoint", "MeasureBatch"}
    assert "TakeTurn" not in _all_ways(states, "NextServer", until=measured)


def test_an_update_waits_for_scaling_that_began_before_it(states):
    assert next_states(states["IsEndpointLive"]) == ["StopScaling", "CreateEndpoint"]
    for update in ("UpdateEndpoint", "UpdateUnguarded"):
        assert ["SageMaker.SageMakerException"] in [
            retry["ErrorEquals"] for retry in states[update]["Retry"]
        ]


def test_nothing_scales_an_endpoint_while_it_is_updated_and_measured(states):
    stop = states["StopScaling"]
    assert next_states(stop) == ["IsGuarded"]
    assert caught_by(stop)["ApplicationAutoScaling.ObjectNotFoundException"] == "IsGuarded"
    named = scalable_target("{}", VARIANT)
    assert stop["Parameters"] == {
        "ResourceId.$": f"States.Format('{named['ResourceId']}', "
        "$.quality.deployment.endpoint_name)",
        "ServiceNamespace": named["ServiceNamespace"],
        "ScalableDimension": named["ScalableDimension"],
    }


def test_alarms_are_put_before_an_update_and_deleted_after_it(states):
    assert next_states(states["IsGuarded"]) == ["PutAlarms", "UpdateUnguarded"]
    assert next_states(states["PutAlarms"]) == ["UpdateEndpoint"]
    assert states["PutAlarms"]["ItemsPath"] == "$.quality.deployment.guardrails.alarms"
    assert "DeploymentConfig.$" in states["UpdateEndpoint"]["Parameters"]
    assert "DeploymentConfig.$" not in states["UpdateUnguarded"]["Parameters"]
    assert next_states(states["WasWatched"]) == ["DeleteAlarms", "MeasureEndpoint"]
    assert next_states(states["DeleteAlarms"]) == ["MeasureEndpoint"]


def test_an_update_waits_longer_than_sagemaker_may_take_over_it(states):
    (limit,) = (
        choice["NumericGreaterThan"]
        for choice in states["IsEndpointServing"]["Choices"]
        if "NumericGreaterThan" in choice
    )
    slowest = guardrails(
        "e", "c", "v", num_instances=2, startup_seconds=7200, max_p95_latency_ms=None
    ).deployment_config["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"]
    assert limit * (limit + 1) / 2 > slowest


def test_errors_caught_by_name_exist(states):
    known = {cls.__name__ for cls in _all_errors(StratosError)}
    named = {error for state in states.values() for error in caught_by(state)} - {"States.ALL"}
    ours = {"DuplicateEvent", "SpecRejected", "DatasetRejected"}
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
        "LatencyGateError",
        "DeploymentFailed",
    }
    assert raised - {""} <= known


def test_a_refused_spec_is_reported_as_such_and_not_cleaned_up(states):
    assert caught_by(states["ParseConstraints"])["SpecRejected"] == "ReportRejected"
    assert caught_by(states["InspectDataset"])["DatasetRejected"] == "ReportRejected"
    assert states["ReportRejected"]["Parameters"]["status"] == "rejected"
    assert next_states(states["ReportRejected"]) == ["Rejected"]
    assert states["Rejected"]["ErrorPath"] == "$.failure.Error"


@pytest.mark.parametrize("job", ["Probe", "Synthesize", "Distill", "Evaluate"])
def test_a_failed_job_is_diagnosed_and_its_next_attempt_takes_its_place(states, job):
    assert caught_by(states[job]) == {"States.ALL": f"Diagnose{job}"}
    assert next_states(states[f"Diagnose{job}"]) == [f"ShouldRetry{job}"]
    assert next_states(states[f"ShouldRetry{job}"]) == [f"Retry{job}", f"{job}Failed"]
    again = states[f"Retry{job}"]
    assert again["InputPath"] == "$.diagnosis.job"
    assert again["ResultPath"] == states[f"Diagnose{job}"]["Parameters"]["job.$"]
    assert next_states(again) == [job]


@pytest.mark.parametrize("job", ["Probe", "Synthesize", "Distill", "Evaluate"])
def test_a_job_that_failed_is_never_started_again_under_its_name(states, job):
    retried = {error for retry in states[job]["Retry"] for error in retry["ErrorEquals"]}
    assert retried.isdisjoint({"States.ALL", "States.TaskFailed", "States.Timeout"})
    assert states[job]["Parameters"]["TrainingJobName.$"].endswith(".name")


def test_every_sagemaker_request_is_one_that_sagemaker_knows(states):
    models = {
        service: boto3.client(service, region_name="us-east-1").meta.service_model
        for service in ("sagemaker", "cloudwatch", "application-autoscaling")
    }
    checked = set()
    for name, state in states.items():
        resource = str(state.get("Resource", ""))
        found = re.search(
            r":(sagemaker|cloudwatch|applicationautoscaling):(\w+?)(\.sync)?$", resource
        )
        if not found:
            continue
        operation = found[2][0].upper() + found[2][1:]
        service = {"applicationautoscaling": "application-autoscaling"}.get(found[1], found[1])
        shape = models[service].operation_model(operation).input_shape
        given = {field.removesuffix(".$") for field in state["Parameters"]}
        assert given <= set(shape.members), name
        assert set(shape.required_members) <= given, name
        checked.add(found[2])
    assert checked == {
        "createTrainingJob",
        "createTransformJob",
        "createModelPackage",
        "createModel",
        "createEndpointConfig",
        "createEndpoint",
        "updateEndpoint",
        "describeEndpoint",
        "putMetricAlarm",
        "deleteAlarms",
        "deregisterScalableTarget",
        "createInferenceComponent",
        "updateInferenceComponent",
    }


def test_evaluation_is_told_which_model_was_distilled(states):
    selected = states["Distill"]["ResultSelector"]["hyper_parameters"]
    assert selected == {"student_artifact.$": "$.ModelArtifacts.S3ModelArtifacts"}
    merged = states["Evaluate"]["Parameters"]["HyperParameters.$"]
    assert merged == (
        "States.JsonMerge($.match.evaluate.hyper_parameters, $.distilled.hyper_parameters, false)"
    )


def test_an_endpoint_counts_as_serving_only_with_its_new_configuration(states):
    serving = states["IsEndpointServing"]["Choices"][0]
    assert serving["Next"] == "WasWatched"
    assert {condition["Variable"] for condition in serving["And"]} == {
        "$.endpoint.EndpointStatus",
        "$.endpoint.EndpointConfigName",
    }
    following = [choice["Next"] for choice in states["IsEndpointServing"]["Choices"]]
    assert following[1:] == [
        "WaitLonger",  # too soon: the description may be older than the update
        "EndpointFailed",
        "RolledBack",
        "EndpointNeverReady",
    ]


def test_a_rollback_needs_no_reason(states):
    choices = {choice["Next"]: choice for choice in states["IsEndpointServing"]["Choices"]}
    assert "InService" in {condition["StringEquals"] for condition in choices["RolledBack"]["Or"]}
    assert "FailureReason" not in json.dumps(states["RolledBack"])
    assert states["EndpointFailed"]["Parameters"]["Cause.$"] == "$.endpoint.FailureReason"


def test_a_queue_is_configured_only_where_requests_wait_in_one(states):
    assert next_states(states["IsAsynchronous"]) == [
        "CreateAsyncModel",
        "CreateBatchModel",
        "CreateComponentModel",
        "CreateModel",
    ]
    assert next_states(states["CreateAsyncModel"]) == ["CreateAsyncEndpointConfig"]
    roles = {
        states[n]["Parameters"]["ExecutionRoleArn"] for n in ("CreateModel", "CreateAsyncModel")
    }
    assert len(roles) == 2
    queued = states["CreateAsyncEndpointConfig"]["Parameters"]
    assert queued["AsyncInferenceConfig.$"] == "$.quality.deployment.async_inference_config"


def test_an_endpoint_of_components_is_made_before_its_component(states):
    assert next_states(states["IsComponentLive"]) == [
        "StopComponentScaling",
        "CreateInferenceComponent",
        "CreateComponentConfig",
    ]
    way = ["CreateComponentConfig", "CreateComponentEndpoint", "AwaitEndpoint"]
    way += ["CreateInferenceComponent", "AwaitNewComponent", "MeasureEndpoint"]
    for state, following in pairwise(way):
        assert next_states(states[state]) == [following]
    config = states["CreateComponentConfig"]["Parameters"]
    assert (
        config["ExecutionRoleArn"]
        == states["CreateComponentModel"]["Parameters"]["ExecutionRoleArn"]
    )
    assert states["AwaitEndpoint"]["Parameters"]["awaits"] == "endpoint"
    assert states["AwaitNewComponent"]["Parameters"]["awaits"] == "model"


def test_a_component_is_updated_with_its_copies_running_under_alarms_and_no_scaling(states):
    way = ["StopComponentScaling", "WakeComponent", "PutComponentAlarms"]
    way += ["UpdateInferenceComponent", "SettleComponent", "AwaitComponent"]
    way += ["DeleteComponentAlarms", "MeasureEndpoint"]
    for state, following in pairwise(way):
        assert next_states(states[state]) == [following]
    stop = states["StopComponentScaling"]
    assert caught_by(stop)["ApplicationAutoScaling.ObjectNotFoundException"] == "WakeComponent"
    named = scalable_component("{}")
    assert named["ResourceId"] in stop["Parameters"]["ResourceId.$"]
    assert stop["Parameters"]["ScalableDimension"] == named["ScalableDimension"]
    update = states["UpdateInferenceComponent"]
    assert "DeploymentConfig.$" in update["Parameters"]
    assert ["SageMaker.SageMakerException"] in [r["ErrorEquals"] for r in update["Retry"]]
    assert states["WakeComponent"]["Parameters"]["awaits"] == "copies"


def test_a_component_is_waited_for_longer_than_sagemaker_may_take_over_it(states):
    slowest = component_guardrails(
        "c", "n", copies=8, startup_seconds=7200, max_p95_latency_ms=None
    ).deployment_config["RollingUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"]
    for state in ("AwaitEndpoint", "AwaitNewComponent", "WakeComponent", "AwaitComponent"):
        (patient,) = [
            r for r in states[state]["Retry"] if r["ErrorEquals"] == ["ComponentNotReady"]
        ]
        assert patient["MaxAttempts"] * patient["MaxDelaySeconds"] > slowest + 600
    assert "ComponentNotReady" in {cls.__name__ for cls in _all_errors(StratosError)}


def test_an_endpoint_that_misses_its_load_is_tried_on_the_next_server_and_measured(states):
    passed, server, student = states["IsFastEnough"]["Choices"]
    assert (passed["Variable"], passed["Next"]) == ("$.measured.passed", "Promote")
    assert (server["Variable"], server["Next"]) == ("$.measured.deployment", "NextServer")
    assert states["NextServer"]["InputPath"] == "$.measured.deployment"
    assert next_states(states["NextServer"]) == ["IsAsynchronous"]
    assert _reaches(states, "CreateModel", {"MeasureEndpoint", "CleanUp"})
    assert (student["Variable"], student["Next"]) == ("$.measured.next_attempt", "TakeEndpointBack")


def test_a_model_without_an_endpoint_is_measured_by_a_batch(states):
    assert next_states(states["CreateBatchModel"]) == ["AskBatch"]
    ask = states["AskBatch"]
    assert ask["Resource"].endswith("states:::sagemaker:createTransformJob.sync")
    assert next_states(ask) == ["MeasureBatch"]
    assert next_states(states["MeasureBatch"]) == ["IsFastEnough"]
    retried = {error for retry in ask["Retry"] for error in retry["ErrorEquals"]}
    assert retried.isdisjoint({"States.ALL", "States.TaskFailed", "States.Timeout"})
    measured = {"MeasureBatch"}
    assert _all_ways(states, "CreateBatchModel", until=measured) == {"CreateBatchModel", "AskBatch"}


def test_a_batch_that_failed_is_judged_by_what_was_caught(states):
    assert caught_by(states["AskBatch"]) == {"States.ALL": "MeasureBatch"}
    (catch,) = states["AskBatch"]["Catch"]
    assert catch["ResultPath"] == states["MeasureBatch"]["Parameters"]["transformed.$"]


def test_an_endpoint_is_taken_back_before_another_student_is_trained(states):
    assert next_states(states["TakeEndpointBack"]) == ["NextStudent"]
    assert "failure.$" not in states["TakeEndpointBack"]["Parameters"]
    assert states["NextStudent"]["InputPath"] == "$.measured.next_attempt"
    assert next_states(states["NextStudent"]) == ["MatchModels"]


def test_a_load_that_no_plan_holds_is_rolled_back_and_explained(states):
    assert states["IsFastEnough"]["Default"] == "LoadMissed"
    assert states["LoadMissed"]["Parameters"]["Cause.$"] == "$.measured.reason"
    assert next_states(states["LoadMissed"]) == ["CleanUp"]


def test_a_rerun_of_a_deleted_spec_ends_with_what_to_do(states):
    assert caught_by(states["ClaimRun"])["SpecRejected"] == "SpecGone"
    assert states["SpecGone"]["Type"] == "Fail"
    assert states["SpecGone"]["CausePath"] == "$.failure.Cause"


def test_the_embedded_cloud_can_run_the_template(template):
    check_template(template)


def _asks(state: State) -> bool:
    """Whether a state waits for somebody's answer."""
    return str(state.get("Resource", "")).endswith(".waitForTaskToken")


def _all_errors(root: type[Exception]) -> set[type[Exception]]:
    return {root}.union(*(_all_errors(child) for child in root.__subclasses__()))


def _all_ways(states: Mapping[str, State], start: str, *, until: set[str]) -> set[str]:
    """Every state that may come between one and some others."""
    pending, seen = [start], set(until)
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending += next_states(states[name])
    return seen - until


def _reaches(states: Mapping[str, State], start: str, goals: set[str]) -> bool:
    """Whether every way on from a state meets a goal, retries of jobs aside."""
    pending, seen = [start], set()
    while pending:
        name = pending.pop()
        if name in goals or name in seen or name.startswith("Retry"):
            continue
        seen.add(name)
        following = next_states(states[name])
        if not following:
            return False
        pending += following
    return True
