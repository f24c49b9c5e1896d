"""What Step Functions does as the role of a state machine."""

from __future__ import annotations

from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from infra.local.host.settings import ACCOUNT_ID
from infra.local.iam.authority import AUTHORITY
from infra.local.iam.requirement import Requirement
from infra.local.iam.sessions import Session, region_of

_SERVICE = "states.amazonaws.com"
_RULE_ACTIONS = ("PutTargets", "PutRule", "DescribeRule")
_DELIVERY_ACTIONS = (
    "CreateLogDelivery",
    "GetLogDelivery",
    "UpdateLogDelivery",
    "DeleteLogDelivery",
    "ListLogDeliveries",
    "PutResourcePolicy",
    "DescribeResourcePolicies",
    "DescribeLogGroups",
)
_TRACE_ACTIONS = ("PutTraceSegments", "PutTelemetryRecords")


def machine_session(role_arn: str, region: str, machine_arn: str | None = None) -> Session:
    """The session in which a machine's tasks call AWS.

    Raises:
        AccessDeniedError: The role does not trust Step Functions.
    """
    machine = machine_arn or _machine_of(role_arn, region)
    name = role_arn.rpartition("/")[2]
    return AUTHORITY.assume(role_arn, _SERVICE, name, machine, region=region)


def require_managed_rule(role_arn: str, region: str, rule: str) -> None:
    """A `.sync` task is told of its job's end by a rule that Step Functions keeps.

    https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html

    Raises:
        AccessDeniedError: The role may not keep it.
    """
    arn = f"arn:aws:events:{region}:{ACCOUNT_ID}:rule/{rule}"
    needed = [Requirement(f"events:{action}", arn) for action in _RULE_ACTIONS]
    AUTHORITY.require(machine_session(role_arn, region), *needed)


def require_observation(role_arn: str, machine_arn: str, *, logged: bool, traced: bool) -> None:
    """The log and the traces of a machine's executions.

    https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html

    Raises:
        AccessDeniedError: The role may not have them delivered.
    """
    actions = [f"logs:{action}" for action in _DELIVERY_ACTIONS if logged]
    actions += [f"xray:{action}" for action in _TRACE_ACTIONS if traced]
    needed = [Requirement(action, "*") for action in actions]
    session = machine_session(role_arn, region_of(machine_arn), machine_arn)
    AUTHORITY.require(session, *needed)


def _machine_of(role_arn: str, region: str) -> str | None:
    """The region's machine that has a role; of several, any."""
    backend = stepfunctions_parser_backends[ACCOUNT_ID][region]
    for machine in list(backend.state_machines):
        if machine.roleArn == role_arn:
            return str(machine.arn)
    return None
