"""The states that make one endpoint beside what is in service, and measure it, in one region.

    StageModel → StageConfig → StageEndpoint → WatchEndpoint ⇄ WaitForStaged → MeasureRegion

They are the same at home and in a worker region, which also tells home how far it has come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from infra.states.lambda_calls import LambdaCalls
from infra.states.sdk_calls import create_model, sdk_call

STAGED = "$.staged"
"""A `stratos.pipeline.region_endpoints.RegionEndpoint`."""
_DEPLOYMENT = f"{STAGED}.deployment"
_WATCHED = "$.watched"


@dataclass(frozen=True)
class StagingStates:
    """Make an endpoint and measure it. Its run is at `$.run`."""

    scope: Construct
    lambdas: LambdaCalls
    network: Mapping[str, Any]
    """Of models, as `infra.parts.network` has it."""
    home: str | None
    """JSONPath of who is told, where that is another region."""

    def chain(self, *, ready: sfn.IChainable, failed: sfn.IChainable | None) -> sfn.IChainable:
        """Build the states and return the first.

        Args:
            ready: What follows an endpoint that was measured.
            failed: What follows anything else; None within a Map that catches.
        """
        begin = sfn.Pass(
            self.scope,
            "BeginStaging",
            comment="The endpoint has not been looked at yet",
            result=sfn.Result.from_object({"looks": 0}),
            result_path=_WATCHED,
        )
        model = create_model(
            self.scope,
            "StageModel",
            _DEPLOYMENT,
            network=self.network,
            failed=failed,
        )
        watch = self._call("WatchEndpoint", "watch_endpoint", _WATCHED, failed, looks="looks")
        measure = self._call("MeasureRegion", "measure_region", "$.measured", failed)
        config, endpoint = self._config(failed), self._endpoint(failed)
        begin.next(model).next(config).next(endpoint).next(watch)
        wait = sfn.Wait(
            self.scope,
            "WaitForStaged",
            comment="Until it is looked at again",
            time=sfn.WaitTime.seconds_path(f"{_WATCHED}.wait_seconds"),
        )
        watch.next(
            sfn.Choice(self.scope, "IsStaged", comment="Does the endpoint serve?")
            .when(sfn.Condition.boolean_equals(f"{_WATCHED}.serving", True), measure)
            .otherwise(wait.next(watch))
        )
        measure.next(ready)
        return begin

    def _config(self, failed: sfn.IChainable | None) -> tasks.CallAwsService:
        return sdk_call(
            self.scope,
            "StageConfig",
            {
                "EndpointConfigName": f"{_DEPLOYMENT}.endpoint_config_name",
                "ProductionVariants": f"States.Array({_DEPLOYMENT}.production_variant)",
                "Tags": f"{_DEPLOYMENT}.tags",
            },
            failed=failed,
            operation="createEndpointConfig",
        )

    def _endpoint(self, failed: sfn.IChainable | None) -> tasks.CallAwsService:
        return sdk_call(
            self.scope,
            "StageEndpoint",
            {
                "EndpointName": f"{_DEPLOYMENT}.endpoint_name",
                "EndpointConfigName": f"{_DEPLOYMENT}.endpoint_config_name",
                "Tags": f"{_DEPLOYMENT}.tags",
            },
            failed=failed,
            operation="createEndpoint",
        )

    def _call(
        self,
        name: str,
        module: str,
        result_path: str,
        failed: sfn.IChainable | None,
        **watched: str,
    ) -> tasks.LambdaInvoke:
        payload = {"run": "$.run", "staged": STAGED}
        payload |= {field: f"{_WATCHED}.{of}" for field, of in watched.items()}
        if self.home is not None:
            payload["home"] = self.home
        state = self.lambdas.invoke(name, module, payload, result_path)
        if self.home is not None:
            retry_without_home(state)
            retry_for_another_token(state)
        if failed is not None:
            state.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
        return state


def retry_without_home(state: sfn.TaskStateBase) -> None:
    """For an hour: what home has not heard of by then, it has given up."""
    state.add_retry(
        errors=["HomeUnreachable"],
        interval=Duration.seconds(10),
        max_attempts=10,
        backoff_rate=2,
        max_delay=Duration.minutes(15),
    )


def retry_for_another_token(state: sfn.TaskStateBase) -> None:
    """For three minutes: where AWS has lost the answer of home's call, home waits for nobody until
    it calls again, and by another token from then on."""
    state.add_retry(
        errors=["NoLongerAwaited"],
        interval=Duration.seconds(5),
        max_attempts=6,
        backoff_rate=2,
        max_delay=Duration.seconds(60),
    )
