"""The states that probe the shortlisted models."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.states.training_jobs import TrainingJobStates

_AT_ONCE = 2
"""Probes need a server each, and a new account's quota of accelerated ones is small."""


@dataclass(frozen=True)
class ProbeStates:
    """Every shortlisted model is probed; one that fails drops out, and its reason stays."""

    scope: Construct
    job: TrainingJobStates

    def chain(self) -> sfn.Map:
        """Build the states, and return the one that holds them."""
        probes = sfn.Map(
            self.scope,
            "ProbeModels",
            comment=f"Probe each shortlisted model, {_AT_ONCE} at a time",
            items_path="$.candidates.probes",
            item_selector={
                "run": sfn.JsonPath.object_at("$.run"),
                "job": sfn.JsonPath.object_at("$$.Map.Item.Value"),
            },
            max_concurrency=_AT_ONCE,
            result_path="$.probes",
        )
        dropped = sfn.Pass(
            self.scope,
            "DropCandidate",
            comment="Go on without this model; the reason stays",
            parameters={"step.$": "$.job.step", "failed.$": "$.failure.Cause"},
        )
        probed = sfn.Pass(
            self.scope,
            "KeepCandidate",
            comment="Its result lies in the bucket",
            parameters={"step.$": "$.job.step"},
        )
        return probes.item_processor(
            self.job.chain(
                succeeded=probed, failed=dropped, result={"ResultPath": sfn.JsonPath.DISCARD}
            )
        )
