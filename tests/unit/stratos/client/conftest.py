"""A stack with a home and two worker regions in moto, whose endpoints answer as a test says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.unit.stratos.client.served_regions import ServedRegions


@pytest.fixture
def regions(monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedRegions]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ENDPOINT_URL", "STRATOS_STACK", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield ServedRegions()
