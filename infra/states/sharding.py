"""The states of a step that several jobs share: all at once, and what follows a round of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.states.lambda_calls import LambdaCalls
from infra.states.training_jobs import TrainingJobStates


@dataclass(frozen=True)
class ShardStates:
    """A step of one job, or of several in its place.

    Each shard is a child execution, with the retries of any job. One that is given up says why and
    ends well, so that the others go on; what to do about it is decided once all have ended.
    """

    scope: Construct
    name: str
    """Of the state that runs one job: `Synthesize`."""
    path: str
    """Where the execution holds a `stratos.pipeline.sharded.ShardedJob`, or null."""
    job: TrainingJobStates
    """Of one shard, at `$.job`."""
    lambdas: LambdaCalls

    def chain(
        self,
        *,
        alone: sfn.IChainable,
        succeeded: sfn.IChainable,
        failed: sfn.IChainable,
        item: Mapping[str, str] | None = None,
        hyper_parameters: str | None = None,
    ) -> sfn.Choice:
        """Build the states and return the first.

        Args:
            alone: Where one job has the step to itself.
            succeeded: What follows once the results are one.
            failed: What follows a step given up.
            item: Of the execution's data, what every shard needs beside its run and its job.
            hyper_parameters: As for `TrainingJobStates.chain`, of one shard.
        """
        shards = self._map(item or {}, hyper_parameters)
        gather = self.lambdas.invoke(
            f"Gather{self.name}",
            "gather_shards",
            {"run": "$.run", "sharded": self.path, "outcomes": "$.shards"},
            self.path,
        )
        for state in (shards, gather):
            state.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
        shards.next(gather).next(
            sfn.Choice(self.scope, f"More{self.name}", comment="Are some tried once more?")
            .when(sfn.Condition.number_greater_than(f"{self.path}.num_jobs", 0), shards)
            .otherwise(succeeded)
        )
        # Executions from before there was a choice have no such field.
        split = sfn.Condition.and_(
            sfn.Condition.is_present(self.path), sfn.Condition.is_not_null(self.path)
        )
        return (
            sfn.Choice(self.scope, f"Split{self.name}", comment="Is one server enough?")
            .when(split, shards)
            .otherwise(alone)
        )

    def _map(self, item: Mapping[str, str], hyper_parameters: str | None) -> sfn.DistributedMap:
        name = f"{self.name}Shards"
        ended = {"step.$": "$.job.step", "attempt.$": "$.job.attempt"}
        given_up = sfn.Pass(
            self.scope,
            f"Drop{self.name}Shard",
            comment="The others go on; the reason stays",
            parameters={**ended, "failed.$": "$.failure.Cause", "error.$": "$.failure.Error"},
        )
        kept = sfn.Pass(
            self.scope,
            f"Keep{self.name}Shard",
            comment="Its result lies in the bucket",
            parameters=ended,
        )
        shards = sfn.DistributedMap(
            self.scope,
            name,
            comment="One job for each shard, as many at once as there are servers",
            label=name,
            item_reader=sfn.S3JsonItemReader(
                bucket_name_path=sfn.JsonPath.string_at(f"{self.path}.bucket"),
                key=sfn.JsonPath.string_at(f"{self.path}.manifest_key"),
            ),
            item_selector={
                "run": sfn.JsonPath.object_at("$.run"),
                "job": sfn.JsonPath.object_at("$$.Map.Item.Value"),
                **{field: sfn.JsonPath.object_at(path) for field, path in item.items()},
            },
            max_concurrency_path=f"{self.path}.at_once",
            # A child that dies without a word is a shard without a result, which Gather explains.
            tolerated_failure_percentage=100,
            result_path="$.shards",
        )
        first = self.job.chain(
            succeeded=kept,
            failed=given_up,
            result={"ResultPath": sfn.JsonPath.DISCARD},
            hyper_parameters=hyper_parameters,
        )
        return shards.item_processor(
            first,
            mode=sfn.ProcessorMode.DISTRIBUTED,
            execution_type=sfn.ProcessorType.STANDARD,
        )
