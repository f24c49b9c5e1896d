"""Finding the stack."""

from __future__ import annotations

import pytest
from moto import mock_aws

from stratos.cli.stack import Stack
from stratos.errors import (
    StackNotFound,
)


def test_no_stack_says_how_to_get_one(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws(), pytest.raises(StackNotFound, match="stratos local up"):
        Stack.find()
