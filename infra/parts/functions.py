"""The functions behind the Lambda states: one handler module each, under a role of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from aws_cdk import Duration, RemovalPolicy, Size
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.packaging.assets import Assets
from infra.permissions import names_of, trace, trusted_lambda, write_logs

NAMESPACE = "Stratos"
"""Of the metrics that functions write to their logs; the stack is the dimension `service`."""


@dataclass(frozen=True)
class Handler:
    """A handler module of `lambdas/` and what it runs on."""

    module: str
    memory_mib: int = 512
    """A full vCPU comes with 1,769 MiB."""
    timeout_seconds: int = 60
    storage_mib: int = 512
    package: Literal["steps", "dataset", "planning"] = "steps"
    """The archive of `infra.packaging.assets` whose dependencies it needs."""

    @property
    def id(self) -> str:
        return "".join(part.title() for part in self.module.split("_"))


HANDLERS = (
    Handler("claim_run"),
    # A tokenizer.json of 262,000 pieces takes 224 MiB to read.
    Handler("parse_constraints", memory_mib=1769, timeout_seconds=120),
    Handler("await_place"),
    # Single-threaded: more memory would bring cores that it does not use.
    Handler(
        "inspect_dataset",
        memory_mib=3008,
        timeout_seconds=900,
        storage_mib=10240,
        package="dataset",
    ),
    Handler("prepare_inspection", timeout_seconds=120),
    Handler("plan_candidates", memory_mib=1769, timeout_seconds=300, package="planning"),
    Handler("match_models", memory_mib=1769, timeout_seconds=300, package="planning"),
    Handler("diagnose_job", timeout_seconds=120),
    # Reads and writes all records once, a few MiB at a time: more memory is more bandwidth.
    Handler("gather_shards", memory_mib=1769, timeout_seconds=900),
    Handler("check_quality", timeout_seconds=120),
    Handler("request_approval"),
    Handler("record_approval"),
    Handler("take_turn"),
    Handler("await_component"),
    Handler("measure_endpoint", memory_mib=1769, timeout_seconds=900),
    Handler("measure_batch", timeout_seconds=300),
    Handler("promote"),
    Handler("report", memory_mib=1024, timeout_seconds=180),
    # Waits for an endpoint to settle before it can be rolled back.
    Handler("clean_up", memory_mib=1024, timeout_seconds=900),
    Handler("sweep", timeout_seconds=900),
    Handler("tell_webhooks", timeout_seconds=120),
)

# Four calls of a region that hangs, each tried four times for 15 seconds, end before it does.
ELSEWHERE_HANDLERS = (
    Handler("hand_over", timeout_seconds=300),
    Handler("stage_regions"),
    Handler("hand_over_endpoint", timeout_seconds=300),
    Handler("watch_endpoint"),
    Handler("measure_region", memory_mib=1769, timeout_seconds=900),
    Handler("judge_regions"),
    Handler("promote_regions", timeout_seconds=900),
    Handler("retire_former", timeout_seconds=900),
)
"""More at home, if it has worker regions."""
_TELLS_REGIONS = {"promote": 300}
"""Seconds of functions that then have more to do."""
ALL_HANDLERS = (
    *(
        replace(
            handler, timeout_seconds=_TELLS_REGIONS.get(handler.module, handler.timeout_seconds)
        )
        for handler in HANDLERS
    ),
    *ELSEWHERE_HANDLERS,
)
WORKER_HANDLERS = (
    # S3 copies from bucket to bucket: what is copied does not come through the function.
    Handler("fetch_inputs", timeout_seconds=900),
    Handler("watch_job", timeout_seconds=900),
    Handler("bring_home", timeout_seconds=900),
    Handler("fetch_model", timeout_seconds=900),
    # A call of a home that hangs is tried four times for 15 seconds.
    Handler("watch_endpoint", timeout_seconds=120),
    Handler("measure_region", memory_mib=1769, timeout_seconds=900),
    Handler("give_up", timeout_seconds=300),
    Handler("sweep_region", timeout_seconds=900),
)
"""Of a worker region."""
_BY_EVENT = ("clean_up", "give_up", "tell_webhooks")


class Functions(Construct):
    """Every function, by module name, with its role and log group. The caller grants."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        assets: Assets,
        key: kms.IKey,
        environment: Mapping[str, str],
        log_retention: logs.RetentionDays,
        dead_letters: sqs.IQueue,
        handlers: Sequence[Handler] = HANDLERS,
        place: Literal["", "worker_"] = "",
    ) -> None:
        """Make them.

        Args:
            place: What their names have before the module, so that a region may be home and work
                for a stack of another region.
        """
        super().__init__(scope, id)
        self._names = names_of(self)
        self._place = place
        self.handlers = {handler.module: handler for handler in handlers}
        self._key = key
        self._dead_letters = dead_letters
        self._log_retention = log_retention
        self._environment = {
            "STACK_NAME": self._names.stack,
            "POWERTOOLS_SERVICE_NAME": self._names.prefix,
            "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
            "LOG_LEVEL": "INFO",
            **environment,
        }
        code = {
            "steps": lambda_.Code.from_asset(str(assets.steps)),
            "dataset": lambda_.Code.from_asset(str(assets.dataset)),
            "planning": lambda_.Code.from_asset(str(assets.planning)),
        }
        self.by_module = {
            handler.module: self._function(handler, code[handler.package]) for handler in handlers
        }

    def __getitem__(self, module: str) -> lambda_.Function:
        return self.by_module[module]

    def grant(self, module: str, *statements: iam.PolicyStatement) -> None:
        """Let one function do something."""
        for statement in statements:
            self.by_module[module].add_to_role_policy(statement)

    def _function(self, handler: Handler, code: lambda_.Code) -> lambda_.Function:
        name = self._names.function(self._place + handler.module)
        log_group = logs.LogGroup(
            self,
            f"{handler.id}Logs",
            log_group_name=f"/aws/lambda/{name}",
            encryption_key=self._key,
            retention=self._log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        role = iam.Role(
            self,
            f"{handler.id}Role",
            assumed_by=trusted_lambda(),
            description=f"What {name} may do",
        )
        role.add_to_policy(write_logs(log_group))
        role.add_to_policy(trace())
        by_event = handler.module in _BY_EVENT
        return lambda_.Function(
            self,
            handler.id,
            function_name=name,
            runtime=lambda_.Runtime.PYTHON_3_11,
            architecture=lambda_.Architecture.X86_64,
            code=code,
            handler=f"lambdas.handlers.{handler.module}.handler",
            memory_size=handler.memory_mib,
            timeout=Duration.seconds(handler.timeout_seconds),
            ephemeral_storage_size=Size.mebibytes(handler.storage_mib),
            environment=self._environment,
            role=role,
            log_group=log_group,
            tracing=lambda_.Tracing.ACTIVE,
            # For calls by an event; the state machine repeats its own. An event that failed every
            # time goes to the dead-letter queue, which has an alarm.
            retry_attempts=2 if by_event else None,
            dead_letter_queue=self._dead_letters if by_event else None,
        )
