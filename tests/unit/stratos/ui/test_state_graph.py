"""The machine as phases, coloured by what an execution has been through."""

from __future__ import annotations

from stratos.ui.execution import Execution
from stratos.ui.state_graph import graph_of, phases_of
from tests.ui_runs import DEFINITION, NOW, WAY, history


def graph(names, status="RUNNING", ended=None):
    return graph_of(Execution(DEFINITION, tuple(history(names, ended)), status), NOW)


def statuses(found):
    return {node.name: node.status for node in found.nodes}


def test_states_belong_to_the_phase_that_they_follow():
    phases = phases_of(DEFINITION)
    assert phases["DiagnoseSynthesize"] == phases["ShouldRetrySynthesize"] == "Synthesize"
    assert phases["WaitForEndpoint"] == phases["CreateModel"] == "Deploy"
    assert "Succeeded" not in phases


def test_a_run_under_way_is_where_it_is_and_has_the_rest_before_it():
    found = graph(WAY[:8])
    assert [name for name, status in statuses(found).items() if status == "done"] == list(WAY[:7])
    assert found.current.name == found.current.inside == "Distill"
    assert statuses(found)["Promote"] == "waiting"


def test_within_a_phase_the_state_is_told():
    current = graph([*WAY[:15], "WaitForEndpoint"]).current
    assert (current.name, current.inside) == ("Deploy", "WaitForEndpoint")


def test_of_a_run_that_went_well_nothing_failed_and_some_was_not_needed():
    found = graph(WAY, "SUCCEEDED", "ExecutionSucceeded")
    assert found.current is None
    assert {name for name, status in statuses(found).items() if status == "skipped"} == {
        "AwaitApproval", "CleanUp",
    }  # fmt: skip
    assert "failed" not in statuses(found).values()


def test_the_phase_that_led_to_clean_up_failed():
    way = [*WAY[:7], "DiagnoseSynthesize", "ShouldRetrySynthesize", "CleanUp", "ReportFailure"]
    found = statuses(graph([*way, "Failed"], "FAILED", "ExecutionFailed"))
    assert found["Synthesize"] == "failed"
    assert found["CleanUp"] == found["Report"] == "done"
    assert found["Distill"] == "skipped"


def test_a_spec_that_is_refused_fails_where_it_is_read():
    found = statuses(graph([*WAY[:2], "ReportRejected", "Failed"], "FAILED", "ExecutionFailed"))
    assert found["ParseConstraints"] == "failed"


def test_what_failed_once_and_then_went_well_is_done():
    way = [*WAY[:7], "DiagnoseSynthesize", "ShouldRetrySynthesize", "Synthesize", "Distill"]
    found = graph(way)
    assert statuses(found)["Synthesize"] == "done"
    assert next(node.visits for node in found.nodes if node.name == "Synthesize") == 1


def test_a_phase_that_is_begun_again_counts_its_visits():
    found = graph([*WAY[:10], "IsGoodEnough", *WAY[5:10]])
    visits = {node.name: node.visits for node in found.nodes}
    assert (visits["Distill"], visits["ProbeModels"], visits["Report"]) == (2, 1, 0)


def test_arrows_are_the_machines_own_ways_and_know_whether_they_were_taken():
    found = graph([*WAY[:10], "IsGoodEnough", "MatchModels"])
    names = [node.name for node in found.nodes]
    arrows = {(names[one.source], names[one.target]): one for one in found.arrows}
    assert arrows["ClaimRun", "ParseConstraints"].kind == "next"
    assert arrows["CheckQuality", "MatchModels"].kind == "back"
    assert arrows["CheckQuality", "MatchModels"].taken
    assert arrows["MeasureEndpoint", "Deploy"].kind == "back"
    assert arrows["TakeTurn", "Deploy"].kind == "next"
    assert arrows["Register", "TakeTurn"].kind == "skip"
    assert not arrows["Register", "TakeTurn"].taken
    assert ("ClaimRun", "CleanUp") not in arrows


def test_a_machine_that_is_forgotten_has_no_graph():
    assert graph_of(Execution({}, (), None), NOW).nodes == ()
