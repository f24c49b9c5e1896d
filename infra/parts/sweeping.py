"""The sweeper's clock: every hour, resources that belong to no run are removed."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

PERIOD = Duration.hours(1)


class Sweeping(Construct):
    """The rule that calls the sweeper."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        sweep: lambda_.IFunction,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id)
        self.rule = events.Rule(
            self,
            "Hourly",
            description="Remove what no run owns any more",
            schedule=events.Schedule.rate(PERIOD),
            targets=[
                targets.LambdaFunction(
                    sweep,
                    event=events.RuleTargetInput.from_object({"dry_run": False}),
                    dead_letter_queue=dead_letters,
                    # The next hour's sweep makes up for one that was lost.
                    retry_attempts=2,
                    max_event_age=PERIOD,
                )
            ],
        )
