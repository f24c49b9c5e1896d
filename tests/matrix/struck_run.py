"""What came of one run that was struck at some of its states."""

from __future__ import annotations

from dataclasses import dataclass, field

import boto3

from stratos.contracts.run import RunRow
from tests.matrix.faults import Fault

ENDINGS = ("CleanUp", "ReportFailure")
"""States that end a run which has failed. They are struck where there is something to clean up."""
_ENDED_BY = {Fault.ABORTED: "ABORTED", Fault.CLOCK_JUMP: "TIMED_OUT"}
"""Status of an execution that the fault has ended."""
GOES_ON = "the run goes on"
UNHURT = "the state's process did its work all the same"


@dataclass
class StruckRun:
    """What came of one run of a campaign."""

    run_id: str
    fault: Fault
    row: RunRow | None = None
    """None if it ended before it was claimed."""
    event: str = ""
    """That began it, as JSON."""
    struck: dict[str, str] = field(default_factory=dict)
    """State → by what means it was struck, in words; in order."""
    executions: dict[str, str] = field(default_factory=dict)
    """State that was struck → the ARN of the execution that was at it."""
    unhurt: list[str] = field(default_factory=list)
    """Those that were struck and yet did their work, or were over before the strike came."""
    led: bool = False
    """Whether what leads the scenario's runs has befallen it."""
    outcome: str = ""
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def went_well(self) -> bool:
        return self.outcome.startswith(("succeeded", "unchanged")) and not self.wrong

    @property
    def proves(self) -> bool:
        """Whether it has done all that a run does, and shows so that nothing stands in its way."""
        return self.outcome.startswith("succeeded") and not self.wrong

    def look_whether_ended_there(self) -> None:
        """Whether executions have ended by what struck them; else they were over before it."""
        if self.fault not in _ENDED_BY:
            return
        for state, arn in self.executions.items():
            states = boto3.client("stepfunctions", region_name=arn.split(":")[3])
            ended = states.describe_execution(executionArn=arn)["status"]
            if ended != _ENDED_BY[self.fault]:
                self.unhurt.append(state)

    def outcome_at(self, state: str) -> str:
        """What came of it at a state: the last that was struck has ended a run that failed."""
        if state in self.unhurt:
            return UNHURT
        forward = [one for one in self.struck if not one.startswith(("Diagnose", *ENDINGS))]
        ended_here = state == (forward or [*self.struck])[-1] or state not in forward
        return self.outcome if ended_here or self.outcome.startswith("succeeded") else GOES_ON
