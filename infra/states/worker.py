"""The state machine of a worker region: one job or endpoint of another, until it is answered.

    Begin → FetchInputs → CreateJob → WatchJob → BringHome → Answered
                                       ↑  ↓
                                    WaitForJob        any failure → GiveUp → GaveUp

    WhatIsAsked → FetchModel → BeginStaging … MeasureRegion → Ready      (`infra/states/staging.py`)
                                       any failure → GiveUpEndpoint → GaveUp

Whatever fails, GiveUp stops the job and tells home. An execution that is stopped or times out runs
no state of its own: its status change calls the same function.
"""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Aws, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from infra.parts.functions import Functions
from infra.parts.network import Network
from infra.permissions import WORKER_MACHINE, arn, names_of, trusted
from infra.states.lambda_calls import LambdaCalls
from infra.states.machine import observed_machine
from infra.states.staging import (
    STAGED,
    StagingStates,
    retry_for_another_token,
    retry_without_home,
)
from infra.states.training_jobs import LONGEST_ELSEWHERE, RETRY_THROTTLED, training_job_request

_CREATE_SECONDS = 60
_WORKER, _WATCHED = "$.worker", "$.watched"
_FAILED = "$.failure"
_COPIES, _COPY_ATTEMPTS = ("fetch_inputs", "fetch_model", "bring_home"), 300
"""Each copies for a quarter of an hour, or waits a minute for another job that copies the same."""
_NEEDS_HOME, _HOME_ATTEMPTS = ("fetch_inputs", "bring_home", "give_up"), 44
"""For eleven hours, of the twelve that an execution has beside its job."""
_UNSETTLED_ATTEMPTS = 80
"""Each waits for three minutes: beyond what SageMaker may take over an endpoint."""
_OF_WORKER = {field: f"{_WORKER}.{field}" for field in ("run", "job", "home")}
"""A `stratos.pipeline.worker_jobs.WorkerJob`."""


def worker_machine_arn() -> str:
    """ARN by name: the functions need it, and the state machine needs the functions."""
    return arn("states", WORKER_MACHINE)


class WorkerWorkflow(Construct):
    """The state machine, its role and its log group. The caller grants."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        functions: Functions,
        network: Network,
        key: kms.IKey,
        log_retention: logs.RetentionDays,
    ) -> None:
        super().__init__(scope, id)
        self._lambdas = LambdaCalls(self, functions)
        self._network = network.of_jobs
        self._network_of_models = network.of_models
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=trusted("states", worker_machine_arn()),
            description="What a job or an endpoint of another region may call",
        )
        self.state_machine = observed_machine(
            self,
            names_of(self).worker,
            role=self.role,
            definition=self._definition(),
            timeout=LONGEST_ELSEWHERE,
            key=key,
            log_retention=log_retention,
        )

    def _definition(self) -> sfn.IChainable:
        gave_up = sfn.Succeed(self, "GaveUp", comment="It is ended, and home has been told")
        not_awaited = sfn.Succeed(self, "NotAwaited", comment="Home waits for it no more")
        is_endpoint = sfn.Condition.is_present(STAGED)
        return (
            sfn.Choice(self, "WhatIsAsked", comment="A job, or an endpoint?")
            .when(is_endpoint, self._endpoint(gave_up, not_awaited))
            .otherwise(self._job(gave_up, not_awaited))
        )

    def _endpoint(self, gave_up: sfn.IChainable, not_awaited: sfn.IChainable) -> sfn.IChainable:
        """From a copied model to an endpoint that was measured."""
        of_endpoint = {"run": "$.run", "staged": STAGED, "home": "$.home"}
        fetch = self._call("FetchModel", "fetch_model", of_endpoint, STAGED)
        give_up = self._give_up("GiveUpEndpoint", of_endpoint, gave_up)
        fetch.add_catch(not_awaited, errors=["NoLongerAwaited"], result_path=_FAILED)
        fetch.add_catch(give_up, errors=["States.ALL"], result_path=_FAILED)
        staging = StagingStates(
            scope=self,
            lambdas=self._lambdas,
            network=self._network_of_models,
            home="$.home",
        ).chain(
            ready=sfn.Succeed(self, "Ready", comment="Home decides whether it is put into service"),
            failed=give_up,
        )
        return fetch.next(staging)

    def _job(self, gave_up: sfn.IChainable, not_awaited: sfn.IChainable) -> sfn.IChainable:
        give_up = self._give_up("GiveUp", {"worker": _WORKER}, gave_up)
        begin = sfn.Pass(
            self,
            "Begin",
            comment="Nothing is known of the job yet",
            parameters={
                "worker.$": "$",
                "watched": {
                    "silent_since.$": "States.StringToJson('null')",
                    "checkpoints_copied_at.$": "States.StringToJson('null')",
                    "unseen.$": "States.StringToJson('null')",
                },
            },
        )
        fetch = self._call("FetchInputs", "fetch_inputs", _OF_WORKER, _WORKER)
        create = self._create_job()
        watch = self._call(
            "WatchJob",
            "watch_job",
            {
                "worker": _WORKER,
                "silent_since": f"{_WATCHED}.silent_since",
                "checkpoints_copied_at": f"{_WATCHED}.checkpoints_copied_at",
                "unseen": f"{_WATCHED}.unseen",
            },
            _WATCHED,
        )
        bring = self._call("BringHome", "bring_home", _OF_WORKER, sfn.JsonPath.DISCARD)
        fetch.add_catch(not_awaited, errors=["NoLongerAwaited"], result_path=_FAILED)
        for state in (fetch, create, watch, bring):
            state.add_catch(give_up, errors=["States.ALL"], result_path=_FAILED)
        begin.next(fetch).next(create)
        create.next(watch)
        bring.next(sfn.Succeed(self, "Answered"))
        watch.next(
            sfn.Choice(self, "IsJobOver", comment="Has the job ended?")
            .when(sfn.Condition.boolean_equals(f"{_WATCHED}.over", True), bring)
            .otherwise(
                sfn.Wait(
                    self,
                    "WaitForJob",
                    comment="Until it is looked at again",
                    time=sfn.WaitTime.seconds_path(f"{_WATCHED}.wait_seconds"),
                ).next(watch)
            )
        )
        return begin

    def _create_job(self) -> sfn.CustomState:
        """Without `.sync`: what waits for the job has to say meanwhile that it is there."""
        return sfn.CustomState(
            self,
            "CreateJob",
            state_json={
                "Type": "Task",
                "Comment": f"Training job of {_WORKER}.job",
                "Resource": f"arn:{Aws.PARTITION}:states:::sagemaker:createTrainingJob",
                "TimeoutSeconds": _CREATE_SECONDS,
                "Parameters": training_job_request(
                    self,
                    f"{_WORKER}.job",
                    f"{_WORKER}.run",
                    network=self._network,
                    home=f"{_WORKER}.home.region",
                ),
                "Retry": [RETRY_THROTTLED],
                "ResultPath": sfn.JsonPath.DISCARD,
            },
        )

    def _give_up(
        self, name: str, of_whom: Mapping[str, str], gave_up: sfn.IChainable
    ) -> sfn.IChainable:
        """Home knows how to go on; an execution that failed itself is one that left something."""
        give_up = self._call(name, "give_up", {**of_whom, "failure": _FAILED}, sfn.JsonPath.DISCARD)
        give_up.add_catch(
            sfn.Fail(
                self,
                f"Not{name.replace('Give', 'Given', 1)}",
                comment="It may go on, and home may not have been told",
                error_path=f"{_FAILED}.Error",
                cause_path=f"{_FAILED}.Cause",
            ),
            errors=["States.ALL"],
            result_path=_FAILED,
        )
        return give_up.next(gave_up)

    def _call(
        self, name: str, module: str, payload: Mapping[str, str], result_path: str
    ) -> tasks.LambdaInvoke:
        """A state whose handler may be called again after any error: each goes on where it was."""
        state = self._lambdas.invoke(name, module, payload, result_path)
        if module in _COPIES:
            state.add_retry(
                errors=["CopyUnfinished"],
                interval=Duration.seconds(5),
                max_attempts=_COPY_ATTEMPTS,
                backoff_rate=1.5,
                max_delay=Duration.seconds(60),
            )
        if module == "fetch_model":
            retry_without_home(state)
            retry_for_another_token(state)
        if module in _NEEDS_HOME:
            state.add_retry(
                errors=["HomeUnreachable"],
                interval=Duration.seconds(10),
                max_attempts=_HOME_ATTEMPTS,
                backoff_rate=2,
                max_delay=Duration.minutes(15),
            )
        if module == "give_up":
            state.add_retry(
                errors=["EndpointUnsettled"],
                interval=Duration.seconds(5),
                max_attempts=_UNSETTLED_ATTEMPTS,
                backoff_rate=1,
            )
        if module == "fetch_inputs":
            state.add_retry(errors=["NoLongerAwaited"], max_attempts=0)
        state.add_retry(
            errors=["States.ALL"],
            interval=Duration.seconds(5),
            max_attempts=6,
            backoff_rate=2,
            max_delay=Duration.minutes(2),
            jitter_strategy=sfn.JitterType.FULL,
        )
        return state
