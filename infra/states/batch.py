"""The states that measure a model by a batch of questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.states.deployment import DEPLOYMENT
from infra.states.sdk_calls import create_model
from infra.states.training_jobs import RETRY_THROTTLED
from stratos.hosting.transform_job import BATCH_STRATEGY

JOB = f"{DEPLOYMENT}.transform_job"
TRANSFORMED = "$.transformed"
_TIMEOUT_SECONDS = 6 * 3600
"""Transform jobs have no limit of their own. The batch has 2,000 lines at most."""


@dataclass(frozen=True)
class BatchStates:
    """Create the model and ask it the held-out questions in one batch; there is no endpoint."""

    scope: Construct
    network: Mapping[str, Any]

    def chain(self, *, measured: sfn.IChainable, failed: sfn.IChainable) -> sfn.IChainable:
        """Build the states and return the first.

        Args:
            measured: What follows a job that is over, however it ended: `$.transformed` holds what
                was caught, with nothing in it where the job completed.
            failed: What follows anything else; the error is in `$.failure`.
        """
        create = create_model(
            self.scope,
            "CreateBatchModel",
            DEPLOYMENT,
            network=self.network,
            failed=failed,
        )
        ask = sfn.CustomState(
            self.scope,
            "AskBatch",
            state_json={
                "Type": "Task",
                "Comment": f"Transform job of {JOB}",
                "Resource": f"arn:{Aws.PARTITION}:states:::sagemaker:createTransformJob.sync",
                "TimeoutSeconds": _TIMEOUT_SECONDS,
                "Parameters": self._request(),
                "Retry": [RETRY_THROTTLED],
                "ResultSelector": {"Error": "", "Cause": ""},
                "ResultPath": TRANSFORMED,
            },
        )
        ask.add_catch(measured, errors=["States.ALL"], result_path=TRANSFORMED)
        create.next(ask)
        ask.next(measured)
        return create

    def _request(self) -> dict[str, Any]:
        return {
            "TransformJobName.$": f"{JOB}.name",
            "ModelName.$": f"{JOB}.model_name",
            "BatchStrategy": BATCH_STRATEGY,
            "TransformInput.$": f"{JOB}.transform_input",
            "TransformOutput.$": f"{JOB}.transform_output",
            "TransformResources.$": f"{JOB}.transform_resources",
            "ModelClientConfig.$": f"{JOB}.model_client_config",
            "MaxConcurrentTransforms.$": f"{JOB}.max_concurrent_transforms",
            "MaxPayloadInMB.$": f"{JOB}.max_payload_in_mb",
            "Environment.$": f"{JOB}.environment",
            "Tags.$": f"{JOB}.tags",
        }
