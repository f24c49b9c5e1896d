"""Every secret of a spec is looked at, and all that is wrong is told at once."""

from __future__ import annotations

import shlex

import boto3
import pytest

from lambdas.gathering.secret_hosts import require_secrets
from stratos.errors import SpecRejected
from stratos.spec import Spec
from tests import factories
from tests.unit.lambdas.conftest import Account


def spec_with(*secrets: str) -> Spec:
    service = {"kind": "openai", "base_url": "https://a.example/v1", "model": "m"}
    teachers = [service | {"model": f"m{n}", "api_key_secret": s} for n, s in enumerate(secrets)]
    asked = {"training": {"kd_weight": 0}, "teachers": teachers}
    return Spec.model_validate(factories.spec_dict() | asked)


def test_all_that_is_wrong_with_a_specs_secrets_is_told_at_once(account: Account) -> None:
    secrets = boto3.client("secretsmanager")
    for name, hosts in {"mine": "a.example", "theirs": "b.example"}.items():
        tags = [{"Key": "stratos:hosts", "Value": hosts}]
        secrets.create_secret(Name=f"stratos/{name}", SecretString="key", Tags=tags)
    require_secrets(spec_with("stratos/mine"))
    with pytest.raises(SpecRejected) as refused:
        require_secrets(spec_with("stratos/none", "stratos/mine", "stratos/theirs"))
    assert [problem.path for problem in refused.value.problems] == [
        "teachers[0].api_key_secret",
        "teachers[2].api_key_secret",
    ]


def test_the_command_that_makes_a_secret_runs_nothing_that_its_name_holds(account: Account) -> None:
    with pytest.raises(SpecRejected) as refused:
        require_secrets(spec_with("stratos/$(id);'x"))
    command = shlex.split(refused.value.problems[0].message.partition("make it: ")[2])
    assert command[:5] == ["aws", "secretsmanager", "create-secret", "--name", "stratos/$(id);'x"]
    assert command[-1] == "Key=stratos:hosts,Value=a.example"


def test_a_spec_without_secrets_asks_nobody(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambdas.gathering.secret_hosts.tags_of", pytest.fail)
    require_secrets(spec_with())
