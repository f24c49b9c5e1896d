"""What a worker tells home between its copies."""

from __future__ import annotations

import pytest

from lambdas.regions.answers import Pulse, answer, heartbeat
from stratos.errors import HomeUnreachable, NoLongerAwaited
from stratos.pipeline.worker_jobs import BroughtHome
from tests.unit.lambdas.running_job import SILENT
from tests.unit.lambdas.two_regions import TwoRegions, worker_job


def test_a_pulse_is_felt_now_and_then(regions: TwoRegions) -> None:
    pulse = Pulse(worker_job().home)
    pulse()
    pulse()
    assert [what for what, _ in regions.home.told] == ["heartbeat"]


def test_copies_that_go_on_at_the_same_time_end_with_the_one_that_nobody_awaits(
    regions: TwoRegions,
) -> None:
    regions.home.waits = False
    pulse = Pulse(worker_job().home)
    for _ in range(3):
        with pytest.raises(NoLongerAwaited):
            pulse()


def test_a_silent_home_is_asked_once_for_all_copies_of_a_call(regions: TwoRegions) -> None:
    regions.home.error = SILENT
    pulse = Pulse(worker_job().home)
    with pytest.raises(HomeUnreachable):
        pulse()
    regions.home.error = None
    with pytest.raises(HomeUnreachable):
        pulse()
    assert regions.home.told == []


def test_home_is_told_by_the_token_that_it_waits_by_since_it_called_again(
    regions: TwoRegions,
) -> None:
    home = worker_job().home.model_copy(update={"token_key": "runs/r/tokens/e/eu-west-1"})
    regions.home.token = "second"
    with pytest.raises(NoLongerAwaited):  # it has not called again yet
        heartbeat(home)
    regions.put("runs/r/tokens/e/eu-west-1", b"second")
    heartbeat(home)
    assert answer(home, BroughtHome(answered=True))
    assert {told["taskToken"] for _, told in regions.home.told} == {"second"}
    assert not answer(home, BroughtHome(answered=True))
