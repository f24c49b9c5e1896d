"""A spec as it was uploaded: read with its defaults, or refused with every problem."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from lambdas.aws.settings import settings
from stratos.contracts.bucket import RunKeys
from stratos.errors import SpecRejected
from stratos.problems import Rejection
from tests import factories
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import Pipeline, start


def test_a_good_spec_is_written_with_its_defaults(account: Account) -> None:
    pipeline = start(account, schedule="rate(7 days)")
    parsed = pipeline.parse()
    assert (parsed["name"], parsed["schedule"]) == ("tiles", "rate(7 days)")
    written = json.loads(account.read(RunKeys(pipeline.run.run_id).spec))
    assert written["training"]["optimizer"] == "adamw"
    assert account.row(pipeline.run.run_id)["spec_name"] == "tiles"


def test_the_time_zone_of_a_schedule_is_passed_on(account: Account) -> None:
    zoned = {"schedule": "cron(0 9 ? * MON *)", "schedule_timezone": "Europe/Berlin"}
    assert start(account, **zoned).parse()["schedule_timezone"] == "Europe/Berlin"
    assert start(account, schedule="rate(7 days)").parse()["schedule_timezone"] == "UTC"


def test_a_schedule_that_scheduler_would_refuse_is_refused_with_the_spec(account: Account) -> None:
    pipeline = start(account, schedule="cron(0 9 * * MON *)")
    with pytest.raises(SpecRejected, match=r"Write cron\(0 9 \? \* MON \*\)"):
        pipeline.parse()
    rejection = Rejection.model_validate_json(account.read("specs/tiles/rejection.json"))
    assert [problem.path for problem in rejection.problems] == ["schedule"]


def test_a_bad_spec_leaves_every_problem_in_rejection_json(account: Account) -> None:
    task = factories.spec_dict()["task"] | {"dataset": "absent.jsonl", "checkr": "checks.py"}
    pipeline = start(account, task=task, constraints={"min_accuracy": 1.2})
    with pytest.raises(SpecRejected):
        pipeline.parse()
    rejection = Rejection.model_validate_json(account.read("specs/tiles/rejection.json"))
    assert {problem.path for problem in rejection.problems} == {
        "task.dataset",
        "task.checkr",
        "constraints.min_accuracy",
    }
    assert all(problem.line for problem in rejection.problems)
    assert rejection.spec_version_id == pipeline.run.spec_version_id
    assert account.keys("runs/") == []


def test_a_spec_that_is_not_named_like_its_folder_is_refused(account: Account) -> None:
    pipeline = start(account, name="other")
    with pytest.raises(SpecRejected, match=r"'other' lies in the folder 'tiles'.*specs/other/"):
        pipeline.parse()
    rejection = Rejection.model_validate_json(account.read("specs/tiles/rejection.json"))
    assert [(problem.path, problem.line) for problem in rejection.problems] == [("name", 2)]


def test_a_secret_that_the_stacks_jobs_may_not_read_is_refused(account: Account) -> None:
    model = {"kind": "openai", "base_url": "https://a.example", "model": "m"}
    model |= {"api_key_secret": "openai"}
    judge = {"kind": "judge", "criteria": "polite", "model": model}
    asked = {
        "task": factories.spec_dict()["task"] | {"verifier": judge},
        "training": {
            "kd_weight": 0,
            "tracking": {"tracking_uri": "https://mlflow.example.com", "token_secret": "mlflow"},
        },
        "teachers": [dict(model)],
        "students": [{"hub": "meta-llama/Llama-3.2-1B-Instruct", "hub_token_secret": "hub"}],
    }
    with pytest.raises(SpecRejected, match=r"begin with stratos/\. Name it stratos/openai, say"):
        start(account, **asked).parse()
    rejection = Rejection.model_validate_json(account.read("specs/tiles/rejection.json"))
    assert {problem.path for problem in rejection.problems} == {
        "task.verifier.model.api_key_secret",
        "teachers[0].api_key_secret",
        "students[0].hub_token_secret",
        "training.tracking.token_secret",
    }


def test_a_managed_mlflow_of_another_account_is_refused(account: Account) -> None:
    arn = "arn:aws:sagemaker:us-east-1:{}:mlflow-app/app-1"
    other, own = (
        {"tracking": {"tracking_uri": arn.format(number)}}
        for number in ("210987654321", "123456789012")
    )
    with pytest.raises(SpecRejected, match=r"tracking_uri: this MLflow .* of account 210987654321"):
        start(account, training=other).parse()
    assert start(account, training=own).parse()["name"] == "tiles"


@pytest.mark.parametrize(
    "secret",
    [
        "stratos/openai",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:stratos/openai-AbCdEf",
    ],
)
def test_a_secret_below_the_stacks_prefix_is_taken(account: Account, secret: str) -> None:
    keep_secret("stratos/openai", "b.example a.example")
    secret = secret.replace("-AbCdEf", arn_of("stratos/openai")[-7:])
    assert start(account, **with_key("https://a.example", secret)).parse()["name"] == "tiles"


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        (None, "names no host, and would be sent to a.example"),
        ("b.example", r"is for b\.example \(its tag stratos:hosts\), and would be sent to a"),
    ],
)
def test_a_secret_for_other_hosts_is_refused_before_anything_starts(
    account: Account, hosts: str | None, told: str
) -> None:
    keep_secret("stratos/openai", hosts)
    with pytest.raises(SpecRejected, match=f"{told}.*aws secretsmanager tag-resource"):
        start(account, **with_key("https://a.example", "stratos/openai")).parse()
    rejection = Rejection.model_validate_json(account.read("specs/tiles/rejection.json"))
    assert [problem.path for problem in rejection.problems] == ["teachers[0].api_key_secret"]


def test_a_secret_that_is_not_there_is_told_with_how_to_make_it(account: Account) -> None:
    with pytest.raises(SpecRejected, match=r"no secret 'stratos/none'.*Value=a\.example"):
        start(account, **with_key("https://a.example", "stratos/none")).parse()


@pytest.mark.parametrize("url", ["http://a.example", "https://10.0.0.7/v1", "https://[fe80::1]/v1"])
def test_an_address_within_a_network_is_asked_only_where_the_stack_names_it(
    account: Account, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    teacher = {"kind": "openai", "base_url": url, "model": "m"}
    asked = {"training": {"kd_weight": 0}, "teachers": [teacher]}
    with pytest.raises(SpecRejected, match="stratos:private_hosts"):
        start(account, **asked).parse()
    monkeypatch.setenv("PRIVATE_HOSTS", "a.example,10.0.0.7,fe80::1")
    settings.cache_clear()
    assert start(account, **asked).parse()["name"] == "tiles"


@pytest.mark.parametrize("url", ["https://[x/v1", "https://x'$(id)'.example/v1"])
def test_an_address_that_is_none_is_told_once(account: Account, url: str) -> None:
    with pytest.raises(SpecRejected, match=r"is no URL|is no host") as refused:
        start(account, **with_key(url, "stratos/none")).parse()
    assert [one.path for one in refused.value.problems] == ["teachers[0].base_url"]


def with_key(base_url: str, secret: str) -> dict[str, Any]:
    teacher = {"kind": "openai", "base_url": base_url, "model": "m", "api_key_secret": secret}
    return {"training": {"kd_weight": 0}, "teachers": [teacher]}


def keep_secret(name: str, hosts: str | None) -> None:
    tags = [] if hosts is None else [{"Key": "stratos:hosts", "Value": hosts}]
    boto3.client("secretsmanager").create_secret(Name=name, SecretString="key", Tags=tags)


def arn_of(name: str) -> str:
    return str(boto3.client("secretsmanager").describe_secret(SecretId=name)["ARN"])


@pytest.mark.parametrize(
    ("regions", "told"),
    [
        (["eu-west-1"], r"allows only eu-west-1; upload the folder to a stack in eu-west-1"),
        (["eu-west-1", "us-east-1"], r"trains and deploys there alone and cannot use eu-west-1"),
    ],
)
def test_a_region_that_is_not_the_stacks_is_refused(
    account: Account, regions: list[str], told: str
) -> None:
    pipeline = start(account, constraints={"regions": regions})
    with pytest.raises(SpecRejected, match=f"a stack in us-east-1 .*{told}"):
        pipeline.parse()
    rejection = Rejection.model_validate_json(account.read("specs/tiles/rejection.json"))
    assert [problem.path for problem in rejection.problems] == ["constraints.regions"]


def test_a_spec_may_name_the_stacks_own_region(account: Account) -> None:
    assert start(account, constraints={"regions": ["us-east-1"]}).parse()["name"] == "tiles"


def test_a_worker_region_is_one_that_a_spec_may_name(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_REGIONS", "eu-west-1")
    settings.cache_clear()
    allowed = {"regions": ["us-east-1", "eu-west-1"]}
    assert start(account, constraints=allowed).parse()["name"] == "tiles"


def test_a_spec_that_names_no_budget_gets_the_stacks_which_changes_no_input(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start(account, constraints={"min_accuracy": 0.3}).until_deployed()
    first.promote()
    first.report()
    monkeypatch.setenv("DEFAULT_MAX_BUDGET_USD", "80")
    settings.cache_clear()
    rerun = first.run.model_copy(update={"run_id": "tiles-rerun", "rerun": True})
    again = Pipeline(account, rerun)
    again.parse()
    limits = json.loads(account.read(RunKeys("tiles-rerun").spec))["constraints"]
    assert (limits["max_budget_usd"], limits["budget_by_default"]) == (80.0, True)
    assert again.inspect()["unchanged"] is True
