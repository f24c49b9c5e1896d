"""Where the time of an execution went."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from stratos.pipeline.phases import phase_seconds


def test_time_goes_to_phases_and_what_follows_a_phase_counts_to_it() -> None:
    start = datetime(2026, 1, 5, tzinfo=UTC)

    def entered(second: int, name: str, kind: str = "TaskStateEntered") -> dict[str, Any]:
        return {
            "type": kind,
            "timestamp": start + timedelta(seconds=second),
            "stateEnteredEventDetails": {"name": name},
        }

    def other(second: int, kind: str) -> dict[str, Any]:
        return {"type": kind, "timestamp": start + timedelta(seconds=second)}

    events = [
        other(0, "ExecutionStarted"),
        entered(0, "ClaimRun"),
        entered(2, "ProbeModels", "MapStateEntered"),
        entered(2, "Probe"),
        entered(3, "Evaluate"),
        other(10, "MapStateExited"),
        entered(10, "Distill"),
        entered(20, "DiagnoseDistill"),
        entered(21, "DistillAgain", "ChoiceStateEntered"),
        entered(22, "Distill"),
        entered(40, "CreateModel"),
        entered(41, "WaitForEndpoint", "WaitStateEntered"),
        entered(50, "Report"),
    ]
    assert phase_seconds(events, start + timedelta(seconds=53)) == {
        "ClaimRun": 2,
        "ProbeModels": 8,
        "Distill": 30,
        "Deploy": 10,
        "Report": 3,
    }
