"""The states that run a training job, and try it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws, Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from infra.permissions import names_of, run_role
from infra.states.lambda_calls import LambdaCalls
from stratos.contracts.job_start import CONTAINER_ARGUMENTS, CONTAINER_ENTRYPOINT
from stratos.hosting.names import JOB_ROLE
from stratos.hosting.ownership import HOME_TAG, RUN_TAG, STACK_TAG
from stratos.pipeline.worker_jobs import HEARTBEAT_SECONDS

_TIMEOUT_SECONDS = 2 * 24 * 3600
"""A job ends by its own stopping condition; this ends one that waits for a server for ever."""
LONGEST_ELSEWHERE = Duration.seconds(_TIMEOUT_SECONDS + 12 * 3600)
"""A job of another region has its inputs copied there and what it made copied back, with time for a
region that cannot be reached for a while."""

RETRY_THROTTLED: Mapping[str, Any] = {
    "ErrorEquals": ["SageMaker.AmazonSageMakerException", "SageMaker.ThrottlingException"],
    "IntervalSeconds": 5,
    "MaxAttempts": 5,
    "BackoffRate": 2,
    "MaxDelaySeconds": 60,
    "JitterStrategy": "FULL",
}
"""Raised before a job exists, so that its name is still free. A job that failed is diagnosed."""


@dataclass(frozen=True)
class TrainingJobStates:
    """The states around one training job: run it, diagnose a failure, try again or give up.

    `job_path` is where the execution holds the job, as `stratos.pipeline.steps.TrainingJob`;
    another attempt is put in its place.
    """

    scope: Construct
    name: str
    job_path: str
    network: Mapping[str, Any]
    """Of jobs, as `infra.parts.network` has it."""
    lambdas: LambdaCalls
    elsewhere: bool = False
    """Whether jobs may run in other regions."""

    def chain(
        self,
        *,
        succeeded: sfn.IChainable,
        failed: sfn.IChainable,
        result: Mapping[str, Any],
        hyper_parameters: str | None = None,
    ) -> sfn.IChainable:
        """Build the states and return the first.

        Args:
            succeeded: What follows a job that completed.
            failed: What follows a job given up; the reason is in `$.failure.Cause`.
            result: `ResultSelector` and `ResultPath` of the job's description.
            hyper_parameters: Expression for the hyperparameters, where they are not the job's own.
        """
        run = self._here(result, hyper_parameters)
        diagnose = self.lambdas.invoke(
            f"Diagnose{self.name}",
            "diagnose_job",
            {"run": "$.run", "job": self.job_path, "failure": "$.failure"},
            "$.diagnosis",
        )
        again = sfn.Pass(
            self.scope,
            f"Retry{self.name}",
            comment="The next attempt, under a name of its own",
            input_path="$.diagnosis.job",
            result_path=self.job_path,
        )
        explained = sfn.Pass(
            self.scope,
            f"{self.name}Failed",
            comment="The failure in words, in place of the described job",
            parameters={"Error.$": "$.failure.Error", "Cause.$": "$.diagnosis.reason"},
            result_path="$.failure",
        )
        run.add_catch(diagnose, errors=["States.ALL"], result_path="$.failure")
        run.next(succeeded)
        first: sfn.IChainable = run
        if self.elsewhere:
            away = self._away(result, hyper_parameters)
            away.add_catch(diagnose, errors=["States.ALL"], result_path="$.failure")
            away.next(succeeded)
            first = self._where(here=run, away=away)
        diagnose.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
        diagnose.next(
            sfn.Choice(
                self.scope, f"ShouldRetry{self.name}", comment="Is another attempt worth it?"
            )
            .when(sfn.Condition.boolean_equals("$.diagnosis.retry", True), again.next(first))
            .otherwise(explained.next(failed))
        )
        return first

    def _here(self, result: Mapping[str, Any], hyper_parameters: str | None) -> sfn.CustomState:
        """The job in the stack's own region."""
        return sfn.CustomState(
            self.scope,
            self.name,
            state_json={
                "Type": "Task",
                "Comment": f"Training job of {self.job_path}",
                "Resource": f"arn:{Aws.PARTITION}:states:::sagemaker:createTrainingJob.sync",
                "TimeoutSeconds": _TIMEOUT_SECONDS,
                "Parameters": training_job_request(
                    self.scope,
                    self.job_path,
                    "$.run",
                    network=self.network,
                    hyper_parameters=hyper_parameters,
                ),
                "Retry": [RETRY_THROTTLED],
                **result,
            },
        )

    def _where(self, *, here: sfn.IChainable, away: sfn.IChainable) -> sfn.Choice:
        """Run the job in its region; jobs from before there was a choice name none."""
        region = f"{self.job_path}.region"
        named = sfn.Condition.and_(
            sfn.Condition.is_present(region),
            sfn.Condition.not_(sfn.Condition.string_equals(region, "")),
        )
        return (
            sfn.Choice(
                self.scope, f"Is{self.name}Elsewhere", comment="Does it run in another region?"
            )
            .when(named, away)
            .otherwise(here)
        )

    def _away(self, result: Mapping[str, Any], hyper_parameters: str | None) -> tasks.LambdaInvoke:
        """The same in another region, whose answer is what `.sync` would have given."""
        return self.lambdas.ask(
            f"{self.name}Elsewhere",
            "hand_over",
            {
                "run": "$.run",
                "job": self.job_path,
                "hyper_parameters": hyper_parameters or f"{self.job_path}.hyper_parameters",
            },
            result["ResultPath"],
            timeout=sfn.Timeout.duration(LONGEST_ELSEWHERE),
            heartbeat=sfn.Timeout.duration(Duration.seconds(HEARTBEAT_SECONDS)),
            result_selector=result.get("ResultSelector"),
        )


def training_job_request(
    scope: Construct,
    job: str,
    run: str,
    *,
    network: Mapping[str, Any],
    hyper_parameters: str | None = None,
    home: str = "",
) -> dict[str, Any]:
    """Parameters of CreateTrainingJob.

    Args:
        job: JSONPath of the `stratos.pipeline.steps.TrainingJob`.
        run: JSONPath of its run.
        network: Of jobs, as `infra.parts.network` has it.
        hyper_parameters: Expression for the hyperparameters, where they are not the job's own.
        home: JSONPath of the region whose job it is, if that is another.
    """
    return {
        "TrainingJobName.$": f"{job}.name",
        "AlgorithmSpecification": {
            "TrainingImage.$": f"{job}.image_uri",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": list(CONTAINER_ENTRYPOINT),
            "ContainerArguments": list(CONTAINER_ARGUMENTS),
        },
        "HyperParameters.$": hyper_parameters or f"{job}.hyper_parameters",
        "InputDataConfig.$": f"{job}.input_data_config",
        "OutputDataConfig.$": f"{job}.output_data_config",
        "ResourceConfig.$": f"{job}.resource_config",
        "StoppingCondition.$": f"{job}.stopping_condition",
        "CheckpointConfig.$": f"{job}.checkpoint_config",
        "Environment.$": f"{job}.environment",
        "EnableManagedSpotTraining.$": f"{job}.spot",
        "RoleArn.$": run_role(JOB_ROLE, run),
        **network,
        "Tags": [
            {"Key": STACK_TAG, "Value": names_of(scope).stack},
            {"Key": RUN_TAG, "Value.$": f"{run}.run_id"},
            *([{"Key": HOME_TAG, "Value.$": home}] if home else []),
        ],
    }
