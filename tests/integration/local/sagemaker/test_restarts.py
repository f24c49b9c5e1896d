"""How often a container may be started again."""

from __future__ import annotations

from infra.local.sagemaker.restarts import MOST, WINDOW_SECONDS, Restarts
from tests.fakes import FakeClock


def test_after_so_many_restarts_in_a_window_there_are_no_more_until_the_first_is_old():
    clock = FakeClock()
    restarts = Restarts(clock.now)
    for number in range(MOST):
        clock.sleep_until(float(number))
        assert restarts.take()
    assert not restarts.take()
    clock.sleep_until(WINDOW_SECONDS)
    assert restarts.take()
    assert not restarts.take()
