"""cdk-nag's findings that stay in stacks of several regions, each with its reason."""

from __future__ import annotations

from dataclasses import replace

from infra.parts.functions import ELSEWHERE_HANDLERS, WORKER_HANDLERS
from infra.rights.accepted_findings import FINDINGS, AcceptedFinding, wildcard
from infra.rights.accepted_of_runs import run_role_findings

_SHARED = ("TrainingJobs/Role", "Endpoints/Role", "Network/Rights")
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
_FETCHES_MODEL, _WATCHES_ENDPOINT, _MEASURES = (
    f"Functions/{name}Role" for name in ("FetchModel", "WatchEndpoint", "MeasureRegion")
)
_CLEAN_UP, _SWEEP = "Functions/CleanUpRole", "Functions/SweepRole"
"""Of home."""

_JOB_NAMES = "Named after the run; held by the tags stratos:run and stratos:stack, too."
_NAMED = "Named after the spec or the run, which are not known beforehand."
_EXECUTIONS = "The wildcard stands for the executions of the one state machine."
_ANY_KEY = "Object keys hold the names of specs and runs, which are not known beforehand."
_HOME_BUCKET = (
    "CloudFormation ends the name of home's bucket in an id; it must be this account's, and keys "
    "hold the names of specs and runs."
)


def home_findings(regions: tuple[str, ...]) -> tuple[AcceptedFinding, ...]:
    """Of home, with worker regions or without."""
    own = (*FINDINGS, *run_role_findings(regions))
    if not regions:
        return own
    new = tuple(f"Functions/{item.id}" for item in ELSEWHERE_HANDLERS)
    return (
        *own,
        wildcard(
            "arn:<AWS::Partition>:iam::<AWS::AccountId>:role/{prefix}/<AWS::Region>/*",
            ("Functions/HandOverRole", "Functions/HandOverEndpointRole"),
            "The roles of runs, which alone are in the stack's path.",
        ),
        AcceptedFinding("AwsSolutions-L1", new, _of("AwsSolutions-L1").reason),
        wildcard("*", tuple(f"{name}Role" for name in new), "X-Ray's write actions take none."),
        wildcard("<{bucket}.Arn>/runs/*/elsewhere/*", ("Functions/HandOverRole",), _ANY_KEY),
        wildcard("<{bucket}.Arn>/runs/*/tokens/*", ("Functions/HandOverEndpointRole",), _ANY_KEY),
        *_of_fleets(),
        *(finding for region in regions for finding in _of_fleets_in(region)),
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
                ("Functions/HandOverRole", "Functions/HandOverEndpointRole", _CLEAN_UP, _SWEEP),
                _EXECUTIONS,
            )
            for region in regions
        ),
    )


def _of_fleets() -> tuple[AcceptedFinding, ...]:
    """Of home's own part in models that several regions serve."""
    stages, measures, judges, promotes, retires = (
        f"Functions/{name}Role"
        for name in (
            "StageRegions",
            "MeasureRegion",
            "JudgeRegions",
            "PromoteRegions",
            "RetireFormer",
        )
    )
    watches = "Functions/WatchEndpointRole"
    here = "<AWS::Region>:<AWS::AccountId>"
    scales = (measures, retires)
    in_sagemaker = f"arn:<AWS::Partition>:sagemaker:{here}"
    return (
        wildcard("<{bucket}.Arn>/catalog/*", (stages, judges), _ANY_KEY),
        wildcard("<{bucket}.Arn>/runs/*/loads/*", (measures,), _ANY_KEY),
        wildcard(
            "<{bucket}.Arn>/runs/*",
            (stages, measures, judges, promotes, retires, _SWEEP),
            _ANY_KEY,
        ),
        wildcard("<{bucket}.Arn>/served/*", (promotes, _SWEEP), _ANY_KEY),
        *_scaled(here, scales),
        *_logs(here, (measures,)),
        wildcard(f"{in_sagemaker}:endpoint-config/{{prefix}}-*", scales, _NAMED),
        wildcard(f"{in_sagemaker}:endpoint/{{prefix}}-*", (*scales, promotes, watches), _NAMED),
        wildcard(f"{in_sagemaker}:inference-component/{{prefix}}-*", scales, _NAMED),
        wildcard(f"{in_sagemaker}:model/{{prefix}}-*", (retires,), _NAMED),
        wildcard(f"{in_sagemaker}:model-package/{{prefix}}/*", (promotes,), _NAMED),
        wildcard(f"{in_sagemaker}:training-job/*", (judges,), _JOB_NAMES),
        wildcard(
            f"arn:<AWS::Partition>:states:{here}:execution:{{prefix}}:*", (judges,), _EXECUTIONS
        ),
        wildcard(
            f"arn:<AWS::Partition>:scheduler:{here}:schedule/{{prefix}}/*",
            (promotes, retires),
            _NAMED,
        ),
    )


def _of_fleets_in(region: str) -> tuple[AcceptedFinding, ...]:
    """Of what home may do in a worker region for models that it serves."""
    promotes, retires = "Functions/PromoteRegionsRole", "Functions/RetireFormerRole"
    there, ends = f"{region}:<AWS::AccountId>", (_CLEAN_UP, _SWEEP, retires)
    tells = ("Functions/PromoteRole", promotes, _SWEEP)
    in_sagemaker = f"arn:<AWS::Partition>:sagemaker:{there}"
    return (
        *_scaled(there, ends),
        wildcard(f"{in_sagemaker}:endpoint-config/{{prefix}}-*", ends, _NAMED),
        wildcard(f"{in_sagemaker}:endpoint/{{prefix}}-*", (*ends, promotes), _NAMED),
        wildcard(f"{in_sagemaker}:model/{{prefix}}-*", ends, _NAMED),
        wildcard(
            f"arn:<AWS::Partition>:kms:{there}:key/*",
            tells,
            "The id of the worker's key is not known here; the statement is held to its alias.",
        ),
        wildcard(
            f"arn:<AWS::Partition>:s3:::{{prefix}}-worker-<AWS::AccountId>-{region}/served/*",
            tells,
            _ANY_KEY,
        ),
    )


def _scaled(where: str, paths: tuple[str, ...]) -> tuple[AcceptedFinding, ...]:
    """Of setting or ending what scales endpoints.

    Args:
        where: Region and account.
    """
    alarms = f"arn:<AWS::Partition>:cloudwatch:{where}:alarm:"
    return (
        wildcard(
            f"arn:<AWS::Partition>:application-autoscaling:{where}:scalable-target/*",
            paths,
            "A target's ARN ends in an id that AWS makes up.",
        ),
        *(
            wildcard(f"{alarms}{name}{{prefix}}-*", paths, _NAMED)
            for name in ("", "TargetTracking-endpoint/", "TargetTracking-inference-component/")
        ),
    )


def _logs(where: str, paths: tuple[str, ...]) -> tuple[AcceptedFinding, ...]:
    """Of reading what containers of endpoints wrote."""
    return tuple(
        wildcard(
            f"arn:<AWS::Partition>:logs:{where}:log-group:/aws/sagemaker/{kind}/{{prefix}}-*:*",
            paths,
            _NAMED,
        )
        for kind in ("Endpoints", "InferenceComponents")
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
        *_of_endpoints(),
        wildcard(
            f"arn:<AWS::Partition>:kms:{there}:key/*",
            (*_CARRY, _GIVES_UP, _FETCHES_MODEL, _WATCHES_ENDPOINT, _MEASURES, _SWEEPS),
            "The id of home's key is not known here; the statement is held to its alias.",
        ),
        wildcard(
            f"arn:<AWS::Partition>:sagemaker:{here}:training-job/*",
            (*_BRING, _GIVES_UP, _SWEEPS, _MACHINE),
            _JOB_NAMES,
        ),
        wildcard(
            f"arn:<AWS::Partition>:iam::<AWS::AccountId>:role/{{prefix}}/{home}/*",
            (_MACHINE,),
            "The roles of home's runs, which alone are in the path of its name.",
        ),
        wildcard(
            f"arn:<AWS::Partition>:states:{there}:stateMachine:{{prefix}}/*",
            (*_CARRY, _GIVES_UP, _FETCHES_MODEL, _WATCHES_ENDPOINT, _MEASURES),
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


def _of_endpoints() -> tuple[AcceptedFinding, ...]:
    """Of those who make, measure and end endpoints in a worker region."""
    here = "<AWS::Region>:<AWS::AccountId>"
    in_sagemaker = f"arn:<AWS::Partition>:sagemaker:{here}"
    ends, makes = (_GIVES_UP, _SWEEPS), (_GIVES_UP, _SWEEPS, _MACHINE)
    return (
        *_scaled(here, (*ends, _MEASURES)),
        *_logs(here, (_MEASURES,)),
        wildcard(f"{in_sagemaker}:endpoint-config/{{prefix}}-*", (*makes, _MEASURES), _NAMED),
        wildcard(
            f"{in_sagemaker}:endpoint/{{prefix}}-*",
            (*makes, _MEASURES, _WATCHES_ENDPOINT),
            _NAMED,
        ),
        wildcard(f"{in_sagemaker}:inference-component/{{prefix}}-*", (_MEASURES,), _NAMED),
        wildcard(f"{in_sagemaker}:model/{{prefix}}-*", makes, _NAMED),
        wildcard("<{bucket}.Arn>/served/*", (_SWEEPS,), _ANY_KEY),
        wildcard("<{bucket}.Arn>/runs/*/loads/*", (_MEASURES,), _ANY_KEY),
    )


def _copies() -> tuple[AcceptedFinding, ...]:
    """Of those who copy between home's bucket and the worker's."""
    home = "arn:<AWS::Partition>:s3:::{prefix}-storagebucket*"
    return (
        wildcard(
            "<{bucket}.Arn>/*",
            (_FETCHES, _FETCHES_MODEL),
            "Copies have the keys that they have at home.",
        ),
        *(
            wildcard(f"<{{bucket}}.Arn>/{prefix}/*", roles, _ANY_KEY)
            for prefix, roles in (
                ("checkpoints", tuple(_BRING)),
                ("copies", tuple(_BRING)),
                ("runs", (*_CARRY, _GIVES_UP, _MEASURES, _SWEEPS)),
                ("specs", (_FETCHES,)),
            )
        ),
        *(
            wildcard(f"{home}{keys}", roles, _HOME_BUCKET)
            for keys, roles in (
                ("", (*_CARRY, _GIVES_UP, _FETCHES_MODEL, _SWEEPS)),
                ("/checkpoints/*", _CARRY),
                ("/runs/*", (*_CARRY, _FETCHES_MODEL)),
                ("/runs/*/loads/*", (_MEASURES,)),
                ("/runs/*/tokens/*", (_WATCHES_ENDPOINT, _MEASURES, _GIVES_UP)),
                ("/served/*", (_SWEEPS,)),
                ("/specs/*", (_FETCHES,)),
                ("/runs/*/transfers/*", (_FETCHES, _FETCHES_MODEL, _WATCHES)),
                ("/runs/*/elsewhere/*", (_FETCHES, _WATCHES, _GIVES_UP)),
                ("/runs/*/jobs/*/progress.json", (_WATCHES,)),
            )
        ),
    )


_AT_HOME_ONLY = ("model-invocation-job", "InferenceComponents", ":alarm:")
"""In rules of such parts: batches of Bedrock, components, and alarms of updates."""


def _shared(home: str) -> tuple[AcceptedFinding, ...]:
    """What is accepted of parts that a worker has, too; secrets, Bedrock and MLflow are home's."""
    found = []
    for finding in FINDINGS:
        rule = finding.rule
        if any(home in rule for home in _AT_HOME_ONLY):
            continue
        if any(service in rule for service in (":bedrock:<", ":secretsmanager:", ":mlflow-")):
            rule = rule.replace("<AWS::Region>", home)
        if paths := tuple(path for path in finding.paths if path in _SHARED):
            found.append(replace(finding, rule=rule, paths=paths))
    return tuple(found)


def _of(rule: str) -> AcceptedFinding:
    (finding,) = (finding for finding in FINDINGS if finding.rule == rule)
    return finding
