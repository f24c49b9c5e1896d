"""Failures of the last seconds."""

from __future__ import annotations

from stratos.client.health import REMEMBERED_SECONDS, Health
from tests.fakes import FakeClock


def test_a_failure_is_remembered_for_a_while():
    clock = FakeClock()
    health = Health(clock.now)
    assert health.is_well("eu-west-1")
    health.failed("eu-west-1")
    assert not health.is_well("us-east-1", "eu-west-1")
    clock.sleep_until(REMEMBERED_SECONDS - 1)
    assert not health.is_well("eu-west-1")
    clock.sleep_until(REMEMBERED_SECONDS)
    assert health.is_well("eu-west-1")


def test_an_answer_ends_what_is_remembered():
    health = Health(FakeClock().now)
    health.failed("eu-west-1", "us-east-1")
    health.answered("eu-west-1")
    assert health.is_well("eu-west-1")
    assert not health.is_well("us-east-1")
