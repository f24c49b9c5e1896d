"""What a plan leaves behind before any money is spent."""

from __future__ import annotations

import pytest

from stratos.contracts.bucket import RunKeys
from stratos.errors import DeploymentFailed
from tests import factories
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import start


def test_the_checker_is_kept_as_it_was_when_the_run_began(account: Account) -> None:
    pipeline = start(account).until_planned()
    kept = account.read(RunKeys(pipeline.run.run_id).checker + "checker.py")
    assert kept == factories.spec_folder()["checks.py"]


def test_a_spec_that_names_another_kind_than_its_endpoint_has_is_refused_before_it_costs(
    account: Account,
) -> None:
    start(account).until_deployed().promote()
    second = start(account, hosting={"mode": "serverless"})
    second.parse()
    second.inspect()
    with pytest.raises(DeploymentFailed, match="keeps its kind"):
        second.plan()
