"""Resource types CloudFormation manages in the embedded cloud, each through its public API.

moto's own CloudFormation models miss properties our template relies on (versioning, notifications,
lifecycle), lack updates, or write past the seams. The handlers here go through boto3 instead, so
that a stack's resources are exactly what the same API calls would have made.
"""

from infra.local.cloudformation.resources import (
    compute,
    identity,
    inference,
    messaging,
    observation,
    storage,
    workflow,
)
from infra.local.cloudformation.resources.handler import ResourceHandler

HANDLERS: dict[str, ResourceHandler] = {
    handler.type: handler
    for module in (compute, identity, inference, messaging, observation, storage, workflow)
    for handler in module.HANDLERS
}
"""Handlers by CloudFormation type, e.g. `AWS::S3::Bucket`."""

__all__ = ["HANDLERS", "ResourceHandler"]
