"""What is in service binds the mode of a spec's next run."""

from __future__ import annotations

import pytest

from lambdas.aws.live_mode import live_mode
from lambdas.aws.run_files import RunFiles
from stratos.errors import DeploymentFailed
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import BATCH, right_answer, start
from tests.unit.lambdas.served_regions import Fleet, fleet

__all__ = ["fleet"]


def test_the_spec_s_own_endpoint_binds_whatever_is_to_come(account: Account) -> None:
    start(account).until_promoted()
    following = start(account)
    following.parse()
    assert live_mode(following.run, RunFiles(following.run).spec()) == "realtime"


def test_endpoints_of_several_regions_bind_no_endpoint_that_takes_their_place(fleet: Fleet) -> None:
    fleet.until_promoted()
    following = start(fleet.account)
    following.parse()
    assert live_mode(following.run, RunFiles(following.run).spec()) is None


def test_batches_are_not_planned_for_what_several_regions_serve(fleet: Fleet) -> None:
    fleet.until_promoted()
    following = start(fleet.account, **BATCH)
    with pytest.raises(DeploymentFailed, match=r"mode is batch, but the endpoint .* is realtime"):
        following.until_planned()


def test_a_batch_does_not_take_over_from_regions_that_came_meanwhile(fleet: Fleet) -> None:
    following = start(fleet.account, **BATCH).until_registered()
    following.transform(right_answer)
    following.measure_batch()
    fleet.until_promoted()
    with pytest.raises(DeploymentFailed, match=r"mode is batch, but the endpoint .* is realtime"):
        following.promote()
    assert "batch_model_name" not in fleet.account.row(following.run.run_id)
