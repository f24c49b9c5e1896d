"""The page for whoever reviews the stack before it is deployed, from the synthesized template."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.review.data_at_rest import data_at_rest
from infra.review.resource_policies import resource_policies
from infra.review.template_text import conditions_of, listed, plain, text
from infra.rights.reasons import OF_ROLES, REASONS

REVIEW_PAGE = "review.md"

_INTRODUCTION = """\
# For a review

What the stack may do in an account, [who is let in](#resource-policies), how
[data is kept](#data-at-rest), [what it costs](#what-it-costs-while-nobody-uses-it) while nobody
uses it, and [what leaves the account](#what-leaves-the-account). The names are those of the default
stack, `Stratos`; those of another begin with its own
[prefix](deploy.md#several-stacks-in-one-account). What a stack of
[several regions](deploy.md#several-regions) has besides is on a
[page of its own](review-regions.md).

This page is generated from the synthesized template by `python -m infra.docs`. The reasons stand in
`infra/rights/reasons.py`; what AWS cannot narrow further is listed with its reason in
`infra/rights/accepted_findings.py`.
"""

_PAID_IDLE: Mapping[str, str] = {
    "AWS::KMS::Key": "$1 a month, and $1 more after each of the first two rotations, which are "
    "yearly ([price](https://aws.amazon.com/kms/pricing/))",
    "AWS::CloudWatch::Alarm": "$0.10 a month for each metric that it watches, of which RunsFailed "
    "has three, and JobsLeft of a worker region two; an account has ten free "
    "([price](https://aws.amazon.com/cloudwatch/pricing/))",
    "AWS::CloudWatch::Dashboard": "$3 a month; an account has three free "
    "([price](https://aws.amazon.com/cloudwatch/pricing/))",
    "AWS::S3::Bucket": "what is stored, $0.023 a GB and month "
    "([price](https://aws.amazon.com/s3/pricing/))",
    "AWS::DynamoDB::Table": "what is stored, $0.25 a GB and month, and $0.20 for its backups; a "
    "row has a few KB ([price](https://aws.amazon.com/dynamodb/pricing/))",
    "AWS::Logs::LogGroup": "what is stored, $0.03 a GB and month, until its retention is over "
    "([price](https://aws.amazon.com/cloudwatch/pricing/))",
    "AWS::Lambda::Function": "none; the sweeper runs for seconds each hour, below a cent a month "
    "([price](https://aws.amazon.com/lambda/pricing/))",
}
"""Prices of us-east-1."""
FREE_IDLE = frozenset(
    {
        "AWS::Events::Rule",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::KMS::Alias",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::Permission",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
        "AWS::SageMaker::ModelPackageGroup",
        "AWS::Scheduler::ScheduleGroup",
        "AWS::StepFunctions::StateMachine",
    }
)

_LEAVES = """\
## What leaves the account

| What | To whom | When | How to keep it in |
|---|---|---|---|
| Questions of the dataset, and what is made up from them | Amazon Bedrock, in any region that an \
inference profile routes to | the spec names a teacher of `kind: bedrock` | a teacher of \
`kind: weights`, or a model without a cross-region profile |
| The same, with a key from Secrets Manager | the `base_url` of the spec, over the internet | the \
spec names a teacher of `kind: openai` | subnets without a way to the internet |
| The name of a model | huggingface.co, from which its weights come | the spec names weights by \
`hub:` | weights by `path:` |
| How a run ended, its figures and its reasons | the addresses that are subscribed to the topic, \
by e-mail, and webhooks, over the internet | a run ends or waits for approval, an alarm is raised \
| subscribe nobody: `stratos notify list` |

Nothing else does. Code and packages come with the stack, images from AWS's registry in the region,
and nothing in the stack reports usage to anybody. The CDK's command line, on the machine of whoever
deploys, reports its use to AWS unless it is told not to; this project's `cdk.json` [tells
it](deploy.md#what-the-deployer-needs). A spec's `checker.py` runs in a process that has no
network, no files and no credentials: see [whom to trust](deploy.md#whom-to-trust).
"""


_RUN_ROLES = "deploy.md#roles-of-a-run"


def review_page(template: Mapping[str, Any], handlers: Path) -> str:
    """`docs/review.md`.

    Args:
        handlers: The folder with the modules of the functions, whose first lines say what for.

    Raises:
        ValueError: A grant or a statement has no reason, or a resource type no cost; it says where
            to add them.
    """
    sections = (
        rights(template, handlers),
        resource_policies(template),
        data_at_rest(template),
        idle_costs(template),
    )
    return "\n".join((_INTRODUCTION, *sections, _LEAVES))


def granted(template: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Role and action of every grant, roles without their hash."""
    for role, statement in statements_of(template):
        for action in listed(statement["Action"]):
            yield plain(role), action


def rights(template: Mapping[str, Any], handlers: Path) -> str:
    """The section "Who may do what"."""
    purposes = _purposes(template, handlers)
    sections = ["## Who may do what\n"]
    for name, resource in template["Resources"].items():
        if resource["Type"] not in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy"):
            continue
        role, properties = plain(name), resource["Properties"]
        if "Roles" in properties:  # statements that a role's own policy had no room for
            continue
        purpose = purposes.get(role, properties.get("Description", ""))
        rows = [right(role, s) for owner, s in statements_of(template) if owner == name]
        sections.append(
            f"### {role}\n\n{purpose.rstrip('.')}. {_assumed(role, properties)}\n\n"
            "| May | On | If | Why |\n|---|---|---|---|\n" + "".join(rows)
        )
    return "\n".join(sections)


def _purposes(template: Mapping[str, Any], handlers: Path) -> dict[str, str]:
    """Role of a function → what its module says of itself."""
    found = {}
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            module = resource["Properties"]["Handler"].split(".")[-2]
            source = (handlers / f"{module}.py").read_text(encoding="utf-8")
            said = (ast.get_docstring(ast.parse(source)) or "").splitlines()[0].partition(": ")[2]
            role = plain(resource["Properties"]["Role"]["Fn::GetAtt"][0])
            found[role] = said[:1].upper() + said[1:]
    return found


def _assumed(role: str, properties: Mapping[str, Any]) -> str:
    if role.startswith("RunRoles"):
        return f"A policy of [roles that each run gets]({_RUN_ROLES})."
    if "AssumeRolePolicyDocument" not in properties:
        return "A policy that nothing in the stack holds: attach it to people."
    (trust,) = properties["AssumeRolePolicyDocument"]["Statement"]
    tests = " and ".join(conditions_of(trust.get("Condition", {})))
    return f"Assumed by `{trust['Principal']['Service']}`{f', if {tests}' if tests else ''}."


def statements_of(template: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Logical id of a role, or of a policy for people, and each of its statements."""
    for name, resource in template["Resources"].items():
        if resource["Type"] not in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
            continue
        properties = resource["Properties"]
        for owner in [role["Ref"] for role in properties.get("Roles", ())] or [name]:
            for statement in properties["PolicyDocument"]["Statement"]:
                condition = resource.get("Condition")
                yield owner, dict(statement) | ({"only": condition} if condition else {})


def right(role: str, statement: Mapping[str, Any]) -> str:
    """The row of a statement: what, on what, if, and why."""
    actions = sorted(listed(statement["Action"]))
    tests = conditions_of(statement.get("Condition", {}))
    if "only" in statement:
        tests.append("the stack is given a VPC")
    cells = (
        "<br>".join(f"`{action}`" for action in actions),
        "<br>".join(f"`{text(item)}`" for item in listed(statement["Resource"])),
        "<br>".join(tests),
        _why(role, actions),
    )
    return "| " + " | ".join(cells) + " |\n"


def _why(role: str, actions: list[str]) -> str:
    """The reasons, each once."""
    return ". ".join(dict.fromkeys(_reason(role, action) for action in actions))


def _reason(role: str, action: str) -> str:
    reason = OF_ROLES.get((role, action), REASONS.get(action))
    if reason is None:
        raise ValueError(f"{role} may {action}, and infra/rights/reasons.py does not say why")
    return reason


def idle_costs(template: Mapping[str, Any]) -> str:
    """The section "What it costs while nobody uses it"."""
    counted = Counter(resource["Type"] for resource in template["Resources"].values())
    if unknown := sorted(counted.keys() - _PAID_IDLE.keys() - FREE_IDLE):
        raise ValueError(
            f"infra/review/page.py does not say what an idle {', '.join(unknown)} costs"
        )
    paid = {kind: cost for kind, cost in _PAID_IDLE.items() if counted[kind]}
    rows = [f"| `{kind}` | {counted[kind]} | {cost} |\n" for kind, cost in paid.items()]
    free = ", ".join(f"`{kind}`" for kind in sorted(counted.keys() & FREE_IDLE))
    return (
        "## What it costs while nobody uses it\n\nPrices of us-east-1, before free tiers.\n\n"
        f"| Resource | How many | Cost |\n|---|---|---|\n{''.join(rows)}\n"
        f"These cost nothing while idle: {free}.\n\n"
        "No instance runs but for a job, a batch or an endpoint. **An endpoint in service is billed"
        " until its time is over**, at the price that its plan names; `stratos runs` lists them."
        " A VPC that is given, its endpoints and its NAT are billed to whoever made them.\n"
    )
