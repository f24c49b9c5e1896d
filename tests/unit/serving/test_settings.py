"""What the environment tells the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.settings import ServerSettings, SettingsError


def test_limits_are_named_after_stratos_and_the_rest_as_sagemaker_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "SM_MODEL_DIR": "/model",
        "SAGEMAKER_BIND_TO_PORT": "9000",
        "STRATOS_NUM_SLOTS": "4",
        "STRATOS_REFUSALS_AS_ANSWERS": "1",
        "STRATOS_OF_A_LATER_RELEASE": "unknown",
    }.items():
        monkeypatch.setenv(name, value)
    settings = ServerSettings.from_environment()
    assert (settings.model_dir, settings.port) == (Path("/model"), 9000)
    assert (settings.num_slots, settings.refusals_as_answers) == (4, True)


def test_a_limit_that_nobody_set_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SM_MODEL_DIR", "SAGEMAKER_BIND_TO_PORT", "STRATOS_NUM_SLOTS"):
        monkeypatch.delenv(name, raising=False)
    settings = ServerSettings.from_environment()
    assert (settings.model_dir, settings.port) == (Path("/opt/ml/model"), 8080)
    assert settings.num_slots == 32


def test_every_variable_that_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_BIND_TO_PORT", "70000")
    monkeypatch.setenv("STRATOS_NUM_SLOTS", "many")
    with pytest.raises(SettingsError) as refused:
        ServerSettings.from_environment()
    told = str(refused.value).split("; ")
    assert [problem.partition(":")[0] for problem in told] == [
        "SAGEMAKER_BIND_TO_PORT",
        "STRATOS_NUM_SLOTS",
    ]
