"""Quotas of instances as Service Quotas tells them, each region its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from regions import HOME, WORKER, two_regions

from infra.local.host.capacity import Capacity
from infra.local.requests.service_quotas import ServiceQuotas
from stratos.catalog.quotas import Quota, fetch_quotas, parse_quotas


def test_a_quota_that_was_set_to_0_is_told_by_its_region_alone(tmp_path: Path) -> None:
    with two_regions(tmp_path, ServiceQuotas()) as cloud:
        Capacity(cloud.settings, WORKER).forbid(["ml.local.cpu1"], ("training", "hosting"))
        found = {
            region: parse_quotas(fetch_quotas(cloud.in_region(region)("service-quotas")))
            for region in (HOME, WORKER)
        }
        assert found == {HOME: {}, WORKER: {"ml.local.cpu1": Quota(training=0, hosting=0)}}
        quotas = cloud.in_region(WORKER)("service-quotas")
        with pytest.raises(ClientError, match="NoSuchResource"):
            quotas.list_service_quotas(ServiceCode="ec2")
