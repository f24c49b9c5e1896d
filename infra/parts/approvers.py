"""The policy of the people who may approve a model."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct


class Approvers(Construct):
    """The policy to attach to whoever may approve: `stratos approve` and `stratos reject`.

    Nothing in the stack holds it. Reading the token takes the runs table and its key; answering to
    it takes Step Functions' own permission.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        state_machine_arn: str,
        runs_table: dynamodb.ITable,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, id)
        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            description="May approve or reject models that Stratos distilled",
            statements=[
                iam.PolicyStatement(
                    actions=["states:SendTaskSuccess", "states:SendTaskFailure"],
                    resources=[state_machine_arn],
                ),
                iam.PolicyStatement(
                    actions=["dynamodb:GetItem", "dynamodb:Scan"],
                    resources=[runs_table.table_arn],
                ),
                iam.PolicyStatement(actions=["kms:Decrypt"], resources=[key.key_arn]),
                iam.PolicyStatement(
                    actions=["cloudformation:DescribeStacks"], resources=[Stack.of(self).stack_id]
                ),
            ],
        )
