"""A state machine with its log and traces, as every one of ours has them."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct


def observed_machine(
    scope: Construct,
    name: str,
    *,
    role: iam.Role,
    definition: sfn.IChainable,
    timeout: Duration,
    key: kms.IKey,
    log_retention: logs.RetentionDays,
) -> sfn.StateMachine:
    """The machine and its log group. `infra.rights` grants the role all that it may do."""
    log_group = logs.LogGroup(
        scope,
        "Logs",
        log_group_name=f"/aws/vendedlogs/states/{name}",
        encryption_key=key,
        retention=log_retention,
        removal_policy=RemovalPolicy.DESTROY,
    )
    machine = sfn.StateMachine(
        scope,
        "StateMachine",
        state_machine_name=name,
        # The CDK would grant invocation of every version of a function, and SDK calls on "*".
        role=role.without_policy_updates(),
        definition_body=sfn.DefinitionBody.from_chainable(definition),
        timeout=timeout,
        tracing_enabled=True,
        # Not the data of the states: it quotes the user's dataset in its errors. The console
        # shows it to who may read the execution.
        logs=sfn.LogOptions(
            destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=False
        ),
    )
    # What a Distributed Map needs: granted as everything else.
    machine.node.try_remove_child("DistributedMapPolicy")
    machine.node.add_dependency(role)
    return machine
