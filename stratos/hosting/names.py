"""What one stack calls the resources that it makes, so that no other stack takes them for its own.

Every name begins with the stack's prefix and a hyphen. A prefix holds no hyphen, so that no stack's
names begin like another's: a pattern such as `stratos-*` in a policy reaches one stack only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

VARIANT = "AllTraffic"
"""The one production variant of an endpoint."""
MEASURED = "measured"
"""The batch of held-out questions by which a model without an endpoint is measured."""
DEFAULT_STACK = "Stratos"
"""Also the stack of whatever was made before there could be two."""
STACK_VARIABLE = "STRATOS_STACK"
"""Of the environment: says which stack is meant, where the option `--stack` does not."""
JOB_ROLE, MODEL_ROLE = "job", "model"
"""What the names of a run's roles end in."""
LONGEST_STACK_NAME = 11
"""SageMaker's names have 63 characters. A run's id has 41, a batch's 9, and there are hyphens."""


@dataclass(frozen=True)
class StackNames:
    """The names of one stack's resources.

    Raises:
        ValueError: The stack's name cannot be the beginning of every other name.
    """

    stack: str

    def __post_init__(self) -> None:
        if not re.fullmatch(rf"[A-Za-z][A-Za-z0-9]{{0,{LONGEST_STACK_NAME - 1}}}", self.stack):
            raise ValueError(
                f"a stack cannot be called {self.stack!r}: its resources' names begin with it and "
                f"SageMaker's are limited, so give it 1 to {LONGEST_STACK_NAME} letters and "
                "digits, a letter first, such as StratosDev"
            )

    @property
    def prefix(self) -> str:
        """What every name begins with, before a hyphen; alone, the name of what is there once."""
        return self.stack.lower()

    @property
    def start(self) -> str:
        """What every name of several begins with."""
        return f"{self.prefix}-"

    def function(self, module: str) -> str:
        """Of a handler module, such as `clean_up`."""
        return self.start + module.replace("_", "-")

    def endpoint(self, spec_name: str) -> str:
        """One endpoint a spec: a new run updates it."""
        return self.start + spec_name

    def deployment(self, run_id: str, attempt: int, suffix: str = "") -> str:
        """Of a model, and of its endpoint's configuration."""
        return f"{self.start}{run_id}-a{attempt}{suffix}"

    def batches(self, run_id: str) -> str:
        """What the names of a run's transform jobs begin with."""
        return f"{self.start}{run_id}-"

    def role_path(self, home: str) -> str:
        """Of the roles of runs, by which they are found.

        Args:
            home: The region of the stack: roles are the account's, and stacks of two regions may
                have one name.
        """
        return f"/{self.prefix}/{home}/"

    def job_role(self, run_id: str) -> str:
        """What a run's training jobs run under, and Bedrock in its batches."""
        return f"{self.start}{run_id}-{JOB_ROLE}"

    def model_role(self, run_id: str) -> str:
        """What a run's models are served under."""
        return f"{self.start}{run_id}-{MODEL_ROLE}"

    @property
    def worker(self) -> str:
        """The state machine that runs one job in a worker region, and that region's stack."""
        return f"{self.start}worker"

    def worker_bucket(self, account: str, region: str) -> str:
        """By name: a stack cannot refer to what another region's stack makes."""
        return f"{self.worker}-{account}-{region}"

    @property
    def webhooks_secret(self) -> str:
        """The secret with the addresses that are told of runs.

        Not among those that jobs may read, whose names begin with the prefix and a slash.
        """
        return f"{self.start}webhooks"

    @property
    def reruns(self) -> str:
        """What the names of schedules begin with that run a spec again."""
        return f"{self.start}rerun-"
