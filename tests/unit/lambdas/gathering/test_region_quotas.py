"""Quotas of worker regions, asked of all at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from lambdas.gathering import region_quotas as module
from lambdas.gathering.region_quotas import LONGEST_SECONDS, region_quotas
from stratos.catalog.quotas import Quota
from tests.fakes import FakeClock

DENIED = ClientError({"Error": {"Code": "AccessDeniedException"}}, "ListServiceQuotas")
SILENT = ConnectTimeoutError(endpoint_url="https://servicequotas.sa-east-1.amazonaws.com")


class _Region:
    """Service Quotas with two pages, or an error."""

    def __init__(self, error: Exception | None, paused: Callable[[], None]) -> None:
        self._error, self._paused = error, paused

    def list_service_quotas(self, **request: Any) -> Mapping[str, Any]:
        self._paused()
        if self._error is not None:
            raise self._error
        second = "NextToken" in request
        use, left = ("endpoint", {}) if second else ("training job", {"NextToken": "2"})
        return {"Quotas": [{"QuotaName": f"ml.g9.xlarge for {use} usage", "Value": 0.0}]} | left


@pytest.fixture
def regions(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let regions answer, or raise."""

    def answer(paused: Callable[[], None] = lambda: None, **errors: Exception | None) -> None:
        made = {name.replace("_", "-"): _Region(error, paused) for name, error in errors.items()}
        monkeypatch.setattr(module, "client", lambda service, region: made[region])

    return answer


def test_each_region_says_its_own_and_one_that_does_not_answer_is_named(
    regions: Callable[..., None],
) -> None:
    regions(eu_west_1=None, sa_east_1=SILENT, ap_south_1=DENIED)
    found = region_quotas(["eu-west-1", "sa-east-1", "ap-south-1"])
    none = Quota(training=0, hosting=0)
    assert found.known == {"eu-west-1": {"ml.g9.xlarge": none}, "ap-south-1": {}}
    assert found.unreached.keys() == {"sa-east-1"}
    assert "Connect timeout" in found.unreached["sa-east-1"]


def test_a_region_that_takes_too_long_is_left_out(regions: Callable[..., None]) -> None:
    clock = FakeClock()
    regions(paused=lambda: clock.sleep_until(clock.now() + LONGEST_SECONDS / 2 + 1), eu_west_1=None)
    found = region_quotas(["eu-west-1"], clock.now)
    assert (found.known, list(found.unreached)) == ({}, ["eu-west-1"])
    assert "longer than 30 s" in found.unreached["eu-west-1"]


def test_without_worker_regions_nobody_is_asked(regions: Callable[..., None]) -> None:
    regions()
    assert region_quotas([]) == module.RegionQuotas()
