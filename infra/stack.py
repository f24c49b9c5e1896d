"""The stack: every part, and who may use which."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Environment, Stack, Tags
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.packaging.assets import Assets
from infra.parts.alarms import Alarms
from infra.parts.approvers import Approvers
from infra.parts.functions import ALL_HANDLERS, HANDLERS, Functions
from infra.parts.hosting import Batches, Endpoints
from infra.parts.network import Network, NetworkDefaults
from infra.parts.notifications import Notifications
from infra.parts.run_limits import RunLimits
from infra.parts.run_roles import RunRoles
from infra.parts.schedules import Schedules
from infra.parts.storage import DataStores, Retention
from infra.parts.sweeping import Sweeping
from infra.parts.training import TrainingJobs
from infra.parts.triggers import Triggers
from infra.permissions import names_of
from infra.regions import Regions
from infra.rights.elsewhere_rights import grant_elsewhere
from infra.rights.function_rights import grant_functions
from infra.rights.workflow_rights import grant_workflow
from infra.states.workflow import Workflow, state_machine_arn
from stratos.hosting.ownership import STACK_TAG


class Stratos(Stack):
    """All that runs on AWS."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        assets: Assets,
        log_retention_days: int,
        network: NetworkDefaults,
        notification_email: str | None,
        retention: Retention,
        run_limits: RunLimits,
        several_instance_types: bool,
        regions: Regions | None = None,
        **options: Any,
    ) -> None:
        self._regions = regions or Regions()
        super().__init__(scope, id, env=environment_of(self._regions.home), **options)
        self._storage = DataStores(self, "Storage", retention=retention)
        self._notifications = Notifications(
            self, "Notifications", key=self._storage.key, notification_email=notification_email
        )
        in_storage: Any = {"bucket": self._storage.bucket, "key": self._storage.key}
        log_retention = retention_of_logs(log_retention_days)
        logged: Any = {"key": self._storage.key, "log_retention": log_retention}
        self._training_jobs = TrainingJobs(self, "TrainingJobs", assets=assets, **in_storage)
        self._endpoints = Endpoints(self, "Endpoints", **in_storage)
        self._batches = Batches(self, "Batches", **in_storage)
        self._network = self._join(Network(self, "Network", defaults=network))
        self._run_roles = self._roles_of_runs()
        self._schedules = Schedules(self, "Schedules", state_machine_arn=self._machine_arn)
        self._functions = Functions(
            self,
            "Functions",
            assets=assets,
            dead_letters=self._notifications.dead_letters,
            environment=self._environment(network, run_limits, several_instance_types),
            handlers=ALL_HANDLERS if self._regions.workers else HANDLERS,
            **logged,
        )
        workflow = Workflow(
            self,
            "Workflow",
            functions=self._functions,
            network=self._network,
            **logged,
        )
        self._react(workflow.state_machine)
        approvers = Approvers(
            self,
            "Approvers",
            state_machine_arn=self._machine_arn,
            runs_table=self._storage.runs_table,
            key=self._storage.key,
        )
        self._watch(workflow.state_machine)
        self._grant(workflow.role)
        Tags.of(self).add(STACK_TAG, self.stack_name)
        self._tell(workflow.state_machine, approvers)

    @property
    def _machine_arn(self) -> str:
        return state_machine_arn(self)

    def _join(self, network: Network) -> Network:
        """Let every container into the subnets that may be given."""
        network.let_join(
            self._training_jobs.role,
            self._endpoints.role,
            self._endpoints.queue_role,
            self._batches.role,
        )
        return network

    def _roles_of_runs(self) -> RunRoles:
        return RunRoles(
            self,
            "RunRoles",
            bucket=self._storage.bucket,
            key=self._storage.key,
            archives=self._training_jobs.source.bucket,
            regions=self._regions.workers,
        )

    def _environment(
        self, network: NetworkDefaults, run_limits: RunLimits, several_instance_types: bool
    ) -> dict[str, str]:
        """What every function is told of the other parts."""
        roles = self._run_roles
        told = {
            "RUNS_TABLE": self._storage.runs_table.table_name,
            "SOURCE_URI": self._training_jobs.source.s3_object_url,
            "PACKAGES_URI": self._training_jobs.packages.s3_object_url,
            "SOURCE_SHA256": self._training_jobs.source_sha256,
            "PACKAGES_SHA256": self._training_jobs.packages_sha256,
            "TOPIC_ARN": self._notifications.topic.topic_arn,
            "MODEL_PACKAGE_GROUP": names_of(self).prefix,
            "SCHEDULE_GROUP": self._schedules.group.ref,
            "SCHEDULER_ROLE_ARN": self._schedules.role.role_arn,
            "STATE_MACHINE_ARN": self._machine_arn,
            "KMS_KEY_ARN": self._storage.key.key_arn,
            "SEVERAL_INSTANCE_TYPES": str(several_instance_types).lower(),
            "BEDROCK_ROLE_ARN": self._training_jobs.batch_role.role_arn,
            "JOB_POLICIES": self._network.attached(roles.jobs, roles.joining),
            "MODEL_POLICIES": self._network.attached(roles.models, roles.joining),
            **run_limits.environment,
        }
        if network.private_hosts:
            told["PRIVATE_HOSTS"] = ",".join(network.private_hosts)
        if self._regions.workers:
            told["WORKER_REGIONS"] = ",".join(self._regions.workers)
        return told

    def _react(self, state_machine: sfn.IStateMachine) -> None:
        """What happens by itself: on a new spec, a bad end or a notice, and every hour."""
        Triggers(
            self,
            "Triggers",
            bucket=self._storage.bucket,
            state_machine=state_machine,
            clean_up=self._functions["clean_up"],
            dead_letters=self._notifications.dead_letters,
        )
        self._notifications.let_call(self._functions["tell_webhooks"])
        Sweeping(
            self,
            "Sweeping",
            sweep=self._functions["sweep"],
            dead_letters=self._notifications.dead_letters,
        )

    def _watch(self, state_machine: sfn.IStateMachine) -> None:
        Alarms(
            self,
            "Alarms",
            topic=self._notifications.topic,
            state_machine=state_machine,
            functions=self._functions,
            dead_letters=self._notifications.dead_letters,
        )

    def _grant(self, workflow_role: iam.Role) -> None:
        run_policies = self._run_roles.policies
        grant_functions(
            self._functions,
            storage=self._storage,
            notifications=self._notifications,
            schedules=self._schedules,
            run_policies=run_policies,
        )
        grant_elsewhere(
            self._functions,
            storage=self._storage,
            schedules=self._schedules,
            regions=self._regions.workers,
            run_policies=run_policies,
        )
        grant_workflow(
            workflow_role,
            functions=self._functions,
            training_jobs=self._training_jobs,
            endpoints=self._endpoints,
            batches=self._batches,
            bucket=self._storage.bucket,
            key=self._storage.key,
        )

    def _tell(self, state_machine: sfn.IStateMachine, approvers: Approvers) -> None:
        """The outputs, which `stratos.client.stack` looks for."""
        for name, value in {
            "StackName": self.stack_name,
            "Bucket": self._storage.bucket.bucket_name,
            "RunsTable": self._storage.runs_table.table_name,
            "StateMachineArn": state_machine.state_machine_arn,
            "TopicArn": self._notifications.topic.topic_arn,
            "ScheduleGroup": self._schedules.group.ref,
            "ApproversPolicyArn": approvers.policy.managed_policy_arn,
        }.items():
            CfnOutput(self, name, value=value)
        if self._regions.workers:
            CfnOutput(self, "WorkerRegions", value=",".join(self._regions.workers))


def environment_of(region: str) -> Environment | None:
    """Of a stack that is for one region, or for whichever it is deployed in."""
    return Environment(region=region) if region else None


def retention_of_logs(days: int) -> logs.RetentionDays:
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
