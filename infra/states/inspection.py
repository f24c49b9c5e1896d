"""The states that split a dataset."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

from infra.states.lambda_calls import LambdaCalls
from infra.states.training_jobs import TrainingJobStates


@dataclass(frozen=True)
class InspectionStates:
    """A function splits the dataset; where that is too much, a job, whose result it takes."""

    lambdas: LambdaCalls
    job: TrainingJobStates

    def chain(self, *, rejected: sfn.IChainable, failed: sfn.IChainable) -> tasks.LambdaInvoke:
        """Build the states, and return the first, which is also the last.

        Args:
            rejected: What follows a dataset that cannot be used.
        """
        inspect = self.lambdas.invoke(
            "InspectDataset", "inspect_dataset", {"run": "$.run", "roles": "own"}, "$.dataset"
        )
        prepare = self.lambdas.invoke(
            "PrepareInspection",
            "prepare_inspection",
            {"run": "$.run", "roles": "own"},
            "$.inspection",
        )
        inspect.add_catch(prepare, errors=["DatasetTooLarge"], result_path=sfn.JsonPath.DISCARD)
        for state in (inspect, prepare):
            state.add_catch(
                rejected, errors=["DatasetRejected", "SpecRejected"], result_path="$.failure"
            )
            state.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
        prepare.next(
            self.job.chain(
                succeeded=inspect, failed=failed, result={"ResultPath": sfn.JsonPath.DISCARD}
            )
        )
        return inspect
