"""The stack: every part, and who may use which."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack, Tags
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.packaging.assets import Assets
from infra.parts.alarms import Alarms
from infra.parts.approvers import Approvers
from infra.parts.functions import Functions
from infra.parts.hosting import Batches, Endpoints
from infra.parts.notifications import Notifications
from infra.parts.schedules import Schedules
from infra.parts.storage import DataStores
from infra.parts.sweeping import Sweeping
from infra.parts.training import TrainingJobs
from infra.parts.triggers import Triggers
from infra.rights.function_rights import grant_functions
from infra.rights.workflow_rights import grant_workflow
from infra.states.workflow import Workflow, state_machine_arn


class Stratos(Stack):
    """All that runs on AWS."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        assets: Assets,
        log_retention_days: int,
        notification_email: str | None,
        **options: Any,
    ) -> None:
        super().__init__(scope, id, **options)
        log_retention = retention(log_retention_days)
        machine_arn = state_machine_arn(self)
        storage = DataStores(self, "Storage")
        notifications = Notifications(
            self, "Notifications", key=storage.key, notification_email=notification_email
        )
        training_jobs = TrainingJobs(
            self, "TrainingJobs", assets=assets, bucket=storage.bucket, key=storage.key
        )
        endpoints = Endpoints(self, "Endpoints", bucket=storage.bucket, key=storage.key)
        batches = Batches(self, "Batches", bucket=storage.bucket, key=storage.key)
        schedules = Schedules(self, "Schedules", state_machine_arn=machine_arn)
        functions = Functions(
            self,
            "Functions",
            assets=assets,
            key=storage.key,
            log_retention=log_retention,
            dead_letters=notifications.dead_letters,
            environment={
                "RUNS_TABLE": storage.runs_table.table_name,
                "SOURCE_URI": training_jobs.source.s3_object_url,
                "TOPIC_ARN": notifications.topic.topic_arn,
                "MODEL_PACKAGE_GROUP": endpoints.packages.ref,
                "SCHEDULE_GROUP": schedules.group.ref,
                "SCHEDULER_ROLE_ARN": schedules.role.role_arn,
                "STATE_MACHINE_ARN": machine_arn,
                "KMS_KEY_ARN": storage.key.key_arn,
                "BEDROCK_ROLE_ARN": training_jobs.batch_role.role_arn,
            },
        )
        workflow = Workflow(
            self,
            "Workflow",
            functions=functions,
            training_jobs=training_jobs,
            endpoints=endpoints,
            batches=batches,
            key=storage.key,
            log_retention=log_retention,
        )
        Triggers(
            self,
            "Triggers",
            bucket=storage.bucket,
            state_machine=workflow.state_machine,
            clean_up=functions["clean_up"],
            dead_letters=notifications.dead_letters,
        )
        Sweeping(
            self,
            "Sweeping",
            sweep=functions["sweep"],
            dead_letters=notifications.dead_letters,
        )
        approvers = Approvers(
            self,
            "Approvers",
            state_machine_arn=machine_arn,
            runs_table=storage.runs_table,
            key=storage.key,
        )
        Alarms(
            self,
            "Alarms",
            topic=notifications.topic,
            state_machine=workflow.state_machine,
            functions=functions,
            dead_letters=notifications.dead_letters,
        )
        grant_functions(
            functions,
            storage=storage,
            notifications=notifications,
            schedules=schedules,
            endpoints=endpoints,
        )
        grant_workflow(
            workflow.role,
            functions=functions,
            training_jobs=training_jobs,
            endpoints=endpoints,
            batches=batches,
        )
        Tags.of(self).add("stratos:stack", self.stack_name)
        for name, value in {
            "Bucket": storage.bucket.bucket_name,
            "RunsTable": storage.runs_table.table_name,
            "StateMachineArn": workflow.state_machine.state_machine_arn,
            "TopicArn": notifications.topic.topic_arn,
            "ScheduleGroup": schedules.group.ref,
            "ApproversPolicyArn": approvers.policy.managed_policy_arn,
        }.items():
            CfnOutput(self, name, value=value)


def retention(days: int) -> logs.RetentionDays:
    """The log retention of so many days.

    Raises:
        ValueError: CloudWatch Logs keeps logs for certain numbers of days only.
    """
    offered = {
        1: logs.RetentionDays.ONE_DAY,
        7: logs.RetentionDays.ONE_WEEK,
        14: logs.RetentionDays.TWO_WEEKS,
        30: logs.RetentionDays.ONE_MONTH,
        90: logs.RetentionDays.THREE_MONTHS,
        365: logs.RetentionDays.ONE_YEAR,
    }
    if days not in offered:
        raise ValueError(
            f"log_retention_days is {days}; choose one of {', '.join(map(str, offered))}"
        )
    return offered[days]
