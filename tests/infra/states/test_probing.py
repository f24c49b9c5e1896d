"""The states that probe the shortlisted models."""

from __future__ import annotations

from infra.states.definition_reader import caught_by, next_states


def test_a_model_whose_probe_fails_drops_out_with_its_reason(states):
    probes = states["ProbeModels"]
    assert probes["ItemsPath"] == "$.candidates.probes"
    assert probes["MaxConcurrency"] == 2
    assert caught_by(states["Probe"]) == {"States.ALL": "DiagnoseProbe"}
    assert next_states(states["Probe"]) == ["KeepCandidate"]
    dropped = states["DropCandidate"]
    assert dropped["Parameters"] == {"step.$": "$.job.step", "failed.$": "$.failure.Cause"}
    for last in ("DropCandidate", "KeepCandidate"):
        assert states[last]["End"] is True
