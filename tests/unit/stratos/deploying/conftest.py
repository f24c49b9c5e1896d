"""An account to deploy into, and a synthesized folder with two small stacks."""

from __future__ import annotations

import pytest

from tests.deployable import account_in_moto, write_folder
from tests.fake_cloudformation import FakeCloudFormation


@pytest.fixture
def cloudformation():
    return FakeCloudFormation()


@pytest.fixture
def account(monkeypatch, cloudformation):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with account_in_moto(cloudformation) as found:
        yield found


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path)
