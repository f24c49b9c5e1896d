"""What holds for every test."""

from __future__ import annotations

import boto3
import pytest
from hypothesis import settings

# A deadline would fail a test because the machine is slow.
settings.register_profile("stratos", deadline=None)
settings.load_profile("stratos")


@pytest.fixture(autouse=True)
def _a_wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a test says nothing else: what is printed is the same wherever the tests run."""
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture(autouse=True)
def _credentials_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3's own session keeps the first credentials that it read: those of another test."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
