"""The stack of a worker region: it runs jobs and serves models for the stack of another region."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Environment, Stack, Tags
from constructs import Construct

from infra.packaging.assets import Assets
from infra.parts.alarms import WorkerAlarms
from infra.parts.functions import WORKER_HANDLERS, Functions
from infra.parts.hosting import WorkerEndpoints
from infra.parts.network import Network, NetworkDefaults
from infra.parts.notifications import Notifications
from infra.parts.sweeping import Sweeping
from infra.parts.training import WorkerTrainingJobs
from infra.parts.triggers import when_ended_badly
from infra.parts.worker_storage import WorkerStorage
from infra.permissions import HOME_STACK, REGION_OF_HOME
from infra.rights.worker_rights import HomeStores, grant_worker_functions, grant_worker_workflow
from infra.stack import retention_of_logs
from infra.states.worker import WorkerWorkflow, worker_machine_arn
from stratos.hosting.names import StackNames
from stratos.hosting.ownership import STACK_TAG


class Worker(Stack):
    """What runs in one region for a stack whose home is another.

    Its names are those of the stack that it works for.
    """

    def __init__(
        self,
        scope: Construct,
        names: StackNames,
        *,
        region: str,
        home: str,
        assets: Assets,
        checkpoint_days: int,
        encrypts_traffic: bool,
        log_retention_days: int,
        notification_email: str | None,
        **options: Any,
    ) -> None:
        super().__init__(
            scope,
            f"{names.stack}-{region}",
            stack_name=names.worker,
            env=Environment(region=region),
            **options,
        )
        self.node.set_context(HOME_STACK, names.stack)
        self.node.set_context(REGION_OF_HOME, home)
        self._home = home
        self._storage = WorkerStorage(
            self, "Storage", region=region, checkpoint_days=checkpoint_days
        )
        in_storage: Any = {"bucket": self._storage.bucket, "key": self._storage.key}
        self._notifications = Notifications(
            self, "Notifications", key=self._storage.key, notification_email=notification_email
        )
        log_retention = retention_of_logs(log_retention_days)
        logged: Any = {"key": self._storage.key, "log_retention": log_retention}
        self._training_jobs = WorkerTrainingJobs(self, "TrainingJobs", home=home, **in_storage)
        self._functions = Functions(
            self,
            "Functions",
            assets=assets,
            dead_letters=self._notifications.dead_letters,
            environment=self._environment(),
            handlers=WORKER_HANDLERS,
            place="worker_",
            **logged,
        )
        self._endpoints = WorkerEndpoints(self, "Endpoints", **in_storage)
        network = self._join(encrypts_traffic=encrypts_traffic)
        self._workflow = WorkerWorkflow(
            self,
            "Workflow",
            functions=self._functions,
            network=network,
            **logged,
        )
        self._react()
        self._grant()
        Tags.of(self).add(STACK_TAG, names.stack)
        self._tell(names)

    def _environment(self) -> dict[str, str]:
        """What every function is told of the other parts."""
        return {
            "BUCKET": self._storage.bucket.bucket_name,
            "KMS_KEY_ARN": self._storage.key.key_arn,
            "STATE_MACHINE_ARN": worker_machine_arn(),
        }

    def _join(self, *, encrypts_traffic: bool) -> Network:
        """The region's subnets, which its parameters give: those in `cdk.json` are home's."""
        network = Network(
            self,
            "Network",
            defaults=NetworkDefaults(
                subnets="", security_groups="", encrypts_traffic=encrypts_traffic
            ),
        )
        network.let_join(self._training_jobs.role, self._endpoints.role)
        return network

    def _react(self) -> None:
        """What happens by itself: when an execution was cut short, every hour, and on failures."""
        dead_letters = self._notifications.dead_letters
        state_machine = self._workflow.state_machine
        when_ended_badly(
            self,
            "ExecutionEnded",
            state_machine=state_machine,
            clean_up=self._functions["give_up"],
            dead_letters=dead_letters,
            description="An execution was cut short: end its job or endpoint, and tell home",
        )
        Sweeping(self, "Sweeping", sweep=self._functions["sweep_region"], dead_letters=dead_letters)
        WorkerAlarms(
            self,
            "Alarms",
            topic=self._notifications.topic,
            state_machine=state_machine,
            functions=self._functions,
            dead_letters=dead_letters,
        )

    def _grant(self) -> None:
        grant_worker_functions(
            self._functions, home=HomeStores.of(self, self._home), storage=self._storage
        )
        grant_worker_workflow(
            self._workflow.role,
            functions=self._functions,
            training_jobs=self._training_jobs,
            endpoints=self._endpoints,
        )

    def _tell(self, names: StackNames) -> None:
        for name, value in {
            "StackName": names.stack,
            "WorkerBucket": self._storage.bucket.bucket_name,
            "WorkerStateMachineArn": self._workflow.state_machine.state_machine_arn,
        }.items():
            CfnOutput(self, name, value=value)
