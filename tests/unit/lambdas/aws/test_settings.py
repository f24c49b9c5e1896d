"""What the stack tells its functions."""

from __future__ import annotations

import pytest

from lambdas.aws import settings as stack_settings


def test_a_function_without_its_environment_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack_settings.settings.cache_clear()
    monkeypatch.delenv("RUNS_TABLE", raising=False)
    with pytest.raises(ValueError, match="RUNS_TABLE"):
        stack_settings.settings()
