"""cdk-nag's findings that stay in stacks of several regions, each with its reason."""

from __future__ import annotations

from dataclasses import replace

from infra.parts.functions import ELSEWHERE_HANDLERS, WORKER_HANDLERS
from infra.rights.accepted_findings import FINDINGS, AcceptedFinding, wildcard

_SHARED = ("TrainingJobs/Role", "Network/Rights")
"""Parts that a worker region has as home has them, and so their findings."""
_WORKER = tuple(f"Functions/{item.id}" for item in WORKER_HANDLERS)
_WORKER_ROLES = tuple(f"{function}Role" for function in _WORKER)
_FETCHES, *_BRING = _CARRY = tuple(
    f"Functions/{name}Role" for name in ("FetchInputs", "WatchJob", "BringHome")
)
_WATCHES = _BRING[0]
_GIVES_UP, _SWEEPS, _MACHINE = (
    "Functions/GiveUpRole",
    "Functions/SweepRegionRole",
    "Workflow/Role",
)
_CLEAN_UP, _SWEEP = "Functions/CleanUpRole", "Functions/SweepRole"
"""Of home."""

_JOB_NAMES = "Named after the run; held by the tags stratos:run and stratos:stack, too."
_EXECUTIONS = "The wildcard stands for the executions of the one state machine."
_ANY_KEY = "Object keys hold the names of specs and runs, which are not known beforehand."
_HOME_BUCKET = (
    "CloudFormation ends the name of home's bucket in an id; it must be this account's, and keys "
    "hold the names of specs and runs."
)


def home_findings(regions: tuple[str, ...]) -> tuple[AcceptedFinding, ...]:
    """Of home, with worker regions or without."""
    if not regions:
        return FINDINGS
    new = tuple(f"Functions/{item.id}" for item in ELSEWHERE_HANDLERS)
    return (
        *FINDINGS,
        AcceptedFinding("AwsSolutions-L1", new, _of("AwsSolutions-L1").reason),
        wildcard("*", tuple(f"{name}Role" for name in new), "X-Ray's write actions take none."),
        wildcard("<{bucket}.Arn>/runs/*/elsewhere/*", ("Functions/HandOverRole",), _ANY_KEY),
        *(
            wildcard(
                f"arn:<AWS::Partition>:sagemaker:{region}:<AWS::AccountId>:training-job/*",
                (_CLEAN_UP, _SWEEP),
                _JOB_NAMES,
            )
            for region in regions
        ),
        *(
            wildcard(
                f"arn:<AWS::Partition>:states:{region}:<AWS::AccountId>:execution:"
                "{prefix}-worker:*",
                ("Functions/HandOverRole", _CLEAN_UP),
                _EXECUTIONS,
            )
            for region in regions
        ),
    )


def worker_findings(home: str) -> tuple[AcceptedFinding, ...]:
    """Of a worker region.

    Args:
        home: The region that it works for.
    """
    here, there = "<AWS::Region>:<AWS::AccountId>", f"{home}:<AWS::AccountId>"
    return (
        *_shared(home),
        AcceptedFinding(
            "AwsSolutions-S1",
            ("Storage/Bucket",),
            "What lies in it is copies; who read or wrote one is CloudTrail's to record.",
        ),
        AcceptedFinding("AwsSolutions-L1", _WORKER, _of("AwsSolutions-L1").reason),
        wildcard(
            "*",
            (*_WORKER_ROLES, _MACHINE),
            "X-Ray's write actions and Step Functions' log delivery actions take no resource, nor "
            "does SageMaker's list of jobs.",
        ),
        *_copies(),
        wildcard(
            f"arn:<AWS::Partition>:kms:{there}:key/*",
            (*_CARRY, _GIVES_UP),
            "The id of home's key is not known here; the statement is held to its alias.",
        ),
        wildcard(
            f"arn:<AWS::Partition>:sagemaker:{here}:training-job/*",
            (*_BRING, _GIVES_UP, _SWEEPS, _MACHINE),
            _JOB_NAMES,
        ),
        wildcard(
            f"arn:<AWS::Partition>:states:{there}:stateMachine:{{prefix}}/*",
            (*_CARRY, _GIVES_UP),
            "The items of home's Distributed Maps wait in machines named after its own.",
        ),
        wildcard(
            f"arn:<AWS::Partition>:states:{here}:execution:{{prefix}}-worker:*",
            (_SWEEPS,),
            _EXECUTIONS,
        ),
        wildcard(
            f"arn:<AWS::Partition>:states:{there}:execution:{{prefix}}:*", (_SWEEPS,), _EXECUTIONS
        ),
    )


def _copies() -> tuple[AcceptedFinding, ...]:
    """Of those who copy between home's bucket and the worker's."""
    home = "arn:<AWS::Partition>:s3:::{prefix}-storagebucket*"
    return (
        wildcard("<{bucket}.Arn>/*", (_FETCHES,), "Copies have the keys that they have at home."),
        *(
            wildcard(f"<{{bucket}}.Arn>/{prefix}/*", roles, _ANY_KEY)
            for prefix, roles in (
                ("checkpoints", tuple(_BRING)),
                ("copies", tuple(_BRING)),
                ("runs", _CARRY),
                ("specs", (_FETCHES,)),
            )
        ),
        *(
            wildcard(f"{home}{keys}", roles, _HOME_BUCKET)
            for keys, roles in (
                ("", (*_CARRY, _GIVES_UP)),
                ("/checkpoints/*", _CARRY),
                ("/runs/*", _CARRY),
                ("/specs/*", (_FETCHES,)),
                ("/runs/*/transfers/*", (_FETCHES, _WATCHES)),
                ("/runs/*/elsewhere/*", (_FETCHES, _WATCHES, _GIVES_UP)),
                ("/runs/*/jobs/*/progress.json", (_WATCHES,)),
            )
        ),
    )


def _shared(home: str) -> tuple[AcceptedFinding, ...]:
    """What is accepted of parts that a worker has, too; secrets and Bedrock are home's."""
    found = []
    for finding in FINDINGS:
        rule = finding.rule
        if "model-invocation-job" in rule:
            continue
        if any(service in rule for service in (":bedrock:<", ":secretsmanager:")):
            rule = rule.replace("<AWS::Region>", home)
        if paths := tuple(path for path in finding.paths if path in _SHARED):
            found.append(replace(finding, rule=rule, paths=paths))
    return tuple(found)


def _of(rule: str) -> AcceptedFinding:
    (finding,) = (finding for finding in FINDINGS if finding.rule == rule)
    return finding
