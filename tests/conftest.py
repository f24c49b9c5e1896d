"""What holds for every test."""

from __future__ import annotations

import os

import boto3
import pytest
from hypothesis import settings

# What is printed is the same wherever the tests run; the commands read it when they are imported.
os.environ["COLUMNS"] = "120"

# A deadline would fail a test because the machine is slow.
settings.register_profile("stratos", deadline=None)
settings.load_profile("stratos")


@pytest.fixture(autouse=True)
def _credentials_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3's own session keeps the first credentials that it read: those of another test."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
