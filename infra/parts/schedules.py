"""Reruns and endpoint expiry: the group their schedules live in, and the role they act under."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.permissions import (
    ENDPOINTS,
    arn,
    names_of,
    scale_endpoints,
    trusted,
    use_alarms,
    use_tracking_alarms,
)


class Schedules(Construct):
    """The group that Promote puts schedules in, and the role EventBridge Scheduler assumes.

    A rerun starts the state machine; an expiry deletes one endpoint.
    """

    def __init__(self, scope: Construct, id: str, *, state_machine_arn: str) -> None:
        super().__init__(scope, id)
        names = names_of(self)
        self.group = scheduler.CfnScheduleGroup(self, "Group", name=names.prefix)
        self.role = iam.Role(
            self,
            "Role",
            description="Reruns specs and deletes expired endpoints",
            assumed_by=trusted("scheduler", arn("scheduler", f"schedule-group/{names.prefix}")),
        )
        self.role.add_to_policy(
            iam.PolicyStatement(
                sid="Rerun", actions=["states:StartExecution"], resources=[state_machine_arn]
            )
        )
        self.role.add_to_policy(
            iam.PolicyStatement(
                sid="Expire",
                actions=["sagemaker:DeleteEndpoint"],
                resources=[arn("sagemaker", ENDPOINTS)],
            )
        )
        # An endpoint with a component takes more than one call to delete: the sweeper does it.
        self.role.add_to_policy(
            iam.PolicyStatement(
                # By name: the function needs this role and this role needs the function.
                sid="Sweep",
                actions=["lambda:InvokeFunction"],
                resources=[arn("lambda", f"function:{names.function('sweep')}")],
            )
        )
        # The scaling of an endpoint is removed with it.
        self.role.add_to_policy(scale_endpoints("DeregisterScalableTarget"))
        self.role.add_to_policy(use_alarms("DeleteAlarms"))
        self.role.add_to_policy(use_tracking_alarms("DescribeAlarms", "DeleteAlarms"))
