"""Where the time of an execution went, from its history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

PHASE_OF_STATE = {
    "ClaimRun": "ClaimRun",
    "ParseConstraints": "ParseConstraints",
    "AwaitPlace": "AwaitPlace",
    "InspectDataset": "InspectDataset",
    "PlanCandidates": "PlanCandidates",
    "ProbeModels": "ProbeModels",
    "MatchModels": "MatchModels",
    "Synthesize": "Synthesize",
    "SynthesizeElsewhere": "Synthesize",
    "SynthesizeShards": "Synthesize",
    "Distill": "Distill",
    "DistillElsewhere": "Distill",
    "Evaluate": "Evaluate",
    "EvaluateElsewhere": "Evaluate",
    "EvaluateShards": "Evaluate",
    "CheckQuality": "CheckQuality",
    "Register": "Register",
    "AwaitApproval": "AwaitApproval",
    "TakeTurn": "TakeTurn",
    "StageRegions": "TakeTurn",
    "StageEverywhere": "Deploy",
    "JudgeRegions": "MeasureEndpoint",
    "PromoteRegions": "Promote",
    "CreateModel": "Deploy",
    "CreateServerlessModel": "Deploy",
    "CreateAsyncModel": "Deploy",
    "CreateComponentModel": "Deploy",
    "MeasureEndpoint": "MeasureEndpoint",
    "CreateBatchModel": "Deploy",
    "AskBatch": "MeasureBatch",
    "MeasureBatch": "MeasureBatch",
    "Promote": "Promote",
    "CleanUp": "CleanUp",
    "TakeEndpointBack": "CleanUp",
    "TakeRegionsBack": "CleanUp",
    "TakeServersBack": "CleanUp",
    "Report": "Report",
    "ReportFailure": "Report",
    "ReportRejected": "Report",
    "ReportUnchanged": "Report",
}
"""The states that begin a phase. Any other state belongs to the phase before it: a diagnosis to its
job, waiting for the endpoint to Deploy."""

PHASE_OF_JOB = {
    "inspect": "InspectDataset",
    "probe": "ProbeModels",
    "synthesize": "Synthesize",
    "distill": "Distill",
    "evaluate": "Evaluate",
    "stage": "Deploy",
}
_MAP_ENDS = ("MapStateExited", "MapStateSucceeded", "MapStateFailed", "MapStateAborted")


def phase_seconds(events: Iterable[Mapping[str, Any]], now: datetime) -> dict[str, float]:
    """Seconds of each phase, in order of their beginning.

    Args:
        events: The history as GetExecutionHistory gives it, the oldest first.
        now: Taken for the end of the phase that is still going on.
    """
    seconds: dict[str, float] = {}
    phase: str | None = None
    since = now
    in_map = False
    for event in events:
        if event["type"] in _MAP_ENDS:
            in_map = False
        if not event["type"].endswith("StateEntered") or in_map:
            continue
        in_map = event["type"] == "MapStateEntered"
        name = event["stateEnteredEventDetails"]["name"]
        following = PHASE_OF_STATE.get(name, phase or name)
        if phase is not None:
            seconds[phase] += (event["timestamp"] - since).total_seconds()
        phase, since = following, event["timestamp"]
        seconds.setdefault(phase, 0.0)
    if phase is not None:
        seconds[phase] += (now - since).total_seconds()
    return {name: max(0.0, spent) for name, spent in seconds.items()}
