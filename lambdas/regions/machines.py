"""A worker region's state machine, as home sees it: started, stopped, looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws.clients import client, error_code, is_unreachable
from lambdas.aws.settings import settings
from stratos.contracts.run import RunRef
from stratos.errors import HandedOverBefore, RegionUnreachable
from stratos.pipeline.region_endpoints import WorkerEndpoint
from stratos.pipeline.worker_jobs import Home, WorkerJob

_REFUSED = ("StateMachineDoesNotExist", "AccessDeniedException", "ExecutionLimitExceeded")


def home_of(run: RunRef, task_token: str) -> Home:
    """Where a worker's answers go that works for a run of this stack."""
    return Home(
        region=settings().aws_region,
        bucket=run.bucket,
        kms_key_arn=settings().kms_key_arn,
        task_token=task_token,
    )


@dataclass(frozen=True)
class WorkerMachine:
    """The machine of one region."""

    region: str

    @property
    def arn(self) -> str:
        here = settings().state_machine_arn.split(":")
        return ":".join([*here[:3], self.region, here[4], here[5], settings().names.worker])

    def execution_arn(self, name: str) -> str:
        machine = self.arn.split(":")
        return ":".join([*machine[:5], "execution", machine[6], name])

    def start(self, name: str, worker: WorkerJob | WorkerEndpoint) -> str:
        """Start the execution that is named as the job or the endpoint, and return its ARN.

        The same message may come twice: it is one execution. So may one of an endpoint that has
        another token, which the execution finds at home. Any other under this name holds a token
        for which nobody waits; it is stopped.

        Raises:
            HandedOverBefore: there was one of another message.
            RegionUnreachable: the region does not answer or does not take the job.
        """
        text = worker.model_dump_json()
        try:
            started = self._states.start_execution(stateMachineArn=self.arn, name=name, input=text)
        except (BotoCoreError, ClientError) as error:
            if error_code(error) != "ExecutionAlreadyExists":
                self._raise_refusal(name, error)
        else:
            return str(started["executionArn"])
        try:
            return self._same(name, worker, text)
        except (BotoCoreError, ClientError) as error:
            self._raise_refusal(name, error)

    def stop(self, name: str, why: str) -> bool:
        """Stop an execution. Returns whether there was one that went on."""
        arn = self.execution_arn(name)
        if not self.is_running(name):
            return False
        self._states.stop_execution(executionArn=arn, error="NoLongerAwaited", cause=why[:32_000])
        return True

    def is_running(self, name: str) -> bool:
        try:
            arn = self.execution_arn(name)
            found = self._states.describe_execution(executionArn=arn)
        except ClientError as error:
            if error_code(error) == "ExecutionDoesNotExist":
                return False
            raise
        return bool(found["status"] == "RUNNING")

    def _same(self, name: str, worker: WorkerJob | WorkerEndpoint, text: str) -> str:
        arn = self.execution_arn(name)
        found = self._states.describe_execution(executionArn=arn)
        before = str(found.get("input", ""))
        if before == text or (found["status"] == "RUNNING" and _learns_token(before, worker)):
            return arn
        self.stop(name, "it was handed over anew")
        raise HandedOverBefore(
            f"{self.region} had an execution {name} of an earlier call, which was stopped; it "
            "needs another name"
        )

    def _raise_refusal(self, name: str, error: Exception) -> NoReturn:
        if is_unreachable(error) or error_code(error) in _REFUSED:
            raise RegionUnreachable(f"{self.region} did not take {name}: {error}") from error
        raise error

    @property
    def _states(self) -> Any:
        return client("stepfunctions", self.region)


def _learns_token(before: str, worker: WorkerJob | WorkerEndpoint) -> bool:
    """Whether a message is of the same endpoint, whose execution finds another token at home."""
    if not isinstance(worker, WorkerEndpoint):
        return False
    return (
        WorkerEndpoint.model_validate_json(before).model_copy(update={"home": worker.home})
        == worker
    )
