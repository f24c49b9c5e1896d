"""The stack of a worker region: what is in it, and that nothing of it is there without one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from infra.app import build_app
from infra.local.cloudformation.template_check import check_template
from infra.parts.functions import ELSEWHERE_HANDLERS
from infra.review.page import FREE_IDLE
from lambdas.aws.worker_settings import WorkerSettings
from stratos.hosting.names import DEFAULT_STACK, StackNames
from tests.infra.conftest import HOME, WORKERS
from tests.infra.policies import ACCOUNT, resolved
from tests.infra.resources import function, of_type, only

NAMES = StackNames(DEFAULT_STACK)


def test_without_worker_regions_home_has_nothing_that_is_about_other_regions(template) -> None:
    assert "hand-over" not in json.dumps(template)
    assert "StageRegions" not in json.dumps(template)
    # The stack may have had regions: records of then still say where clients ask.
    told = [name for name, one in template["Resources"].items() if "served/" in json.dumps(one)]
    assert {name.partition("Role")[0] for name in told} == {"FunctionsPromote", "FunctionsCleanUp"}
    assert "Elsewhere" not in json.dumps(template)
    assert "WORKER_REGIONS" not in json.dumps(template)
    assert "WorkerRegions" not in template["Outputs"]
    assert f"{NAMES.worker}" not in json.dumps(template)


def test_home_has_more_functions_with_worker_regions_each_with_its_role_and_log(
    template, home_of_regions
) -> None:
    def counted(one: dict[str, Any]) -> Counter[str]:
        return Counter(resource["Type"] for resource in one["Resources"].values())

    more = counted(home_of_regions) - counted(template)
    more.pop("AWS::IAM::ManagedPolicy")  # what grew too long for the policy of a role
    assert more == {
        "AWS::CloudWatch::Alarm": 2,  # of what may leave endpoints in other regions
        "AWS::IAM::Role": len(ELSEWHERE_HANDLERS),
        "AWS::IAM::Policy": len(ELSEWHERE_HANDLERS),
        "AWS::Logs::LogGroup": len(ELSEWHERE_HANDLERS),
        "AWS::Lambda::Function": len(ELSEWHERE_HANDLERS),
    }
    assert template["Resources"].keys() < home_of_regions["Resources"].keys()


def test_every_function_of_home_knows_the_worker_regions(home_of_regions) -> None:
    for one in of_type(home_of_regions, "AWS::Lambda::Function").values():
        assert one["Environment"]["Variables"]["WORKER_REGIONS"] == ",".join(WORKERS)


def test_the_command_line_finds_the_worker_regions_in_home_s_outputs(home_of_regions) -> None:
    assert home_of_regions["Outputs"]["WorkerRegions"]["Value"] == ",".join(WORKERS)


def test_each_stack_is_for_its_region_and_has_the_name_that_home_knows(assembly_of_regions) -> None:
    artifacts = json.loads((assembly_of_regions / "manifest.json").read_text())["artifacts"]
    stacks = {k: v for k, v in artifacts.items() if v["type"] == "aws:cloudformation:stack"}
    where = {
        name: (stack["environment"], stack["properties"].get("stackName", name))
        for name, stack in stacks.items()
    }
    assert where == {
        "Stratos": (f"aws://unknown-account/{HOME}", "Stratos"),
        **{f"Stratos-{r}": (f"aws://unknown-account/{r}", NAMES.worker) for r in WORKERS},
    }


def test_what_home_names_in_a_worker_region_is_called_so(worker_template) -> None:
    machine = only(worker_template, "AWS::StepFunctions::StateMachine")["Properties"]
    bucket = only(worker_template, "AWS::S3::Bucket")["Properties"]
    assert machine["StateMachineName"] == NAMES.worker
    account = ACCOUNT["AWS::AccountId"]
    assert resolved(bucket["BucketName"]) == NAMES.worker_bucket(account, WORKERS[0])


def test_every_function_is_told_what_its_settings_read(worker_template) -> None:
    fields = WorkerSettings.model_fields.items()
    needed = {name.upper() for name, field in fields if field.is_required()} - {"AWS_REGION"}
    for one in of_type(worker_template, "AWS::Lambda::Function").values():
        given = one["Environment"]["Variables"]
        assert needed <= {name for name, value in given.items() if value}
        assert given["STACK_NAME"] == DEFAULT_STACK


def test_nothing_has_a_name_that_a_home_stack_of_the_region_would_have(
    template, worker_template
) -> None:
    for kind, field in (
        ("AWS::Lambda::Function", "FunctionName"),
        ("AWS::Logs::LogGroup", "LogGroupName"),
        ("AWS::KMS::Alias", "AliasName"),
        ("AWS::StepFunctions::StateMachine", "StateMachineName"),
    ):
        homes, workers = (
            {one[field] for one in of_type(each, kind).values()}
            for each in (template, worker_template)
        )
        assert workers
        assert homes.isdisjoint(workers)


def test_an_idle_worker_costs_its_key_its_alarms_and_what_is_stored(worker_template) -> None:
    kinds = {resource["Type"] for resource in worker_template["Resources"].values()}
    assert kinds - FREE_IDLE == {
        "AWS::CloudWatch::Alarm",
        "AWS::KMS::Key",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
    }


def test_an_execution_that_is_cut_short_is_given_up_and_the_sweeper_comes_hourly(
    worker_template,
) -> None:
    rules = of_type(worker_template, "AWS::Events::Rule")
    (ended,) = (rule for name, rule in rules.items() if "ExecutionEnded" in name)
    assert set(ended["EventPattern"]["detail"]["status"]) == {"FAILED", "TIMED_OUT", "ABORTED"}
    (target,) = ended["Targets"]
    assert "GiveUp" in target["Arn"]["Fn::GetAtt"][0]
    assert target["InputTransformer"]["InputTemplate"] == '{"event":{"detail":<detail>}}'
    assert {"DeadLetterConfig", "RetryPolicy"} <= set(target)
    (hourly,) = (rule for name, rule in rules.items() if "Hourly" in name)
    assert hourly["ScheduleExpression"] == "rate(1 hour)"
    assert "Sweep" in hourly["Targets"][0]["Arn"]["Fn::GetAtt"][0]
    assert "DeadLetterConfig" in function(worker_template, "stratos-worker-give-up")


def test_subnets_are_given_to_each_region_by_itself(assets, tmp_path) -> None:
    given = {
        "stratos:home_region": HOME,
        "stratos:worker_regions": WORKERS[0],
        "stratos:subnets": "subnet-1",
        "stratos:security_groups": "sg-1",
    }
    build_app(assets, tmp_path, given).synth()
    subnets = [
        json.loads((tmp_path / f"{name}.template.json").read_text())["Parameters"]["SubnetIds"]
        for name in ("Stratos", f"Stratos-{WORKERS[0]}")
    ]
    assert [one["Default"] for one in subnets] == ["subnet-1", ""]


def test_the_embedded_cloud_can_run_both(home_of_regions, worker_template) -> None:
    check_template(home_of_regions)
    check_template(worker_template)


def test_cfn_lint_finds_no_error(assembly_of_regions) -> None:
    templates = sorted(assembly_of_regions.glob("*.template.json"))[:2]  # the third is as another
    linter = Path(sys.executable).with_name("cfn-lint")
    checked = subprocess.run(
        [linter, "--ignore-checks", "W3005", "--", *templates],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
