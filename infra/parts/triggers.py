"""What starts a run, and what notices that one ended badly."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.permissions import arn, trusted

SPEC_KEYS = "specs/*/spec.yaml"


class Triggers(Construct):
    """A rule for new specs, and one for executions that failed, timed out or were stopped."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        bucket: s3.IBucket,
        state_machine: sfn.IStateMachine,
        clean_up: lambda_.IFunction,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id)
        self.spec_dropped = events.Rule(
            self,
            "SpecDropped",
            description="A spec was dropped into the bucket: start a run",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [bucket.bucket_name]},
                    "object": {"key": [{"wildcard": SPEC_KEYS}]},
                },
            ),
            targets=[
                targets.SfnStateMachine(
                    state_machine,
                    role=_starter(self),
                    dead_letter_queue=dead_letters,
                    retry_attempts=10,
                    max_event_age=Duration.hours(2),
                )
            ],
        )
        self.execution_ended = when_ended_badly(
            self,
            "ExecutionEnded",
            state_machine=state_machine,
            clean_up=clean_up,
            dead_letters=dead_letters,
            description="A run ended badly: leave nothing billable behind",
        )


def when_ended_badly(
    scope: Construct,
    id: str,
    *,
    state_machine: sfn.IStateMachine,
    clean_up: lambda_.IFunction,
    dead_letters: sqs.IQueue,
    description: str,
) -> events.Rule:
    """A rule that calls a function for what an execution left.

    One that is stopped, times out or outgrows its data runs no state of its own.
    """
    return events.Rule(
        scope,
        id,
        description=description,
        event_pattern=events.EventPattern(
            source=["aws.states"],
            detail_type=["Step Functions Execution Status Change"],
            detail={
                "stateMachineArn": [state_machine.state_machine_arn],
                "status": ["FAILED", "TIMED_OUT", "ABORTED"],
            },
        ),
        targets=[
            targets.LambdaFunction(
                clean_up,
                event=events.RuleTargetInput.from_object(
                    {"event": {"detail": events.EventField.from_path("$.detail")}}
                ),
                dead_letter_queue=dead_letters,
                retry_attempts=10,
                max_event_age=Duration.hours(2),
            )
        ],
    )


def _starter(scope: Construct) -> iam.Role:
    """The role under which the rule starts a run."""
    # The rule's name is CloudFormation's, which begins it with the name of the stack.
    rules = arn("events", f"rule/{Stack.of(scope).stack_name}-*")
    return iam.Role(
        scope,
        "SpecDroppedRole",
        description="Starts a run for a spec that was dropped",
        assumed_by=trusted("events", rules),
    )
