"""What SageMaker says of how far a job is: the same for training and for transform jobs."""

from __future__ import annotations

from typing import Literal

JobStatus = Literal["InProgress", "Completed", "Failed", "Stopping", "Stopped"]
OVER: frozenset[JobStatus] = frozenset({"Completed", "Failed", "Stopped"})
MAX_REASON_CHARACTERS = 1024
"""Of a FailureReason."""
