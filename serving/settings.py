"""The server's limits, each from an environment variable `STRATOS_<NAME>`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError

_PREFIX = "STRATOS_"
_SAGEMAKER = {"model_dir": "SM_MODEL_DIR", "port": "SAGEMAKER_BIND_TO_PORT"}


class SettingsError(ValueError):
    """An environment variable holds what the server cannot use."""


class ServerSettings(BaseModel):
    """What one server process takes on."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model_dir: Path = Path("/opt/ml/model")
    model_name: str | None = None
    bind_host: str = "0.0.0.0"
    port: Annotated[int, Field(ge=0, lt=65536)] = 8080
    num_slots: PositiveInt = 32
    """Sequences decoded at once."""
    max_waiting: PositiveInt = 128
    """Requests that may queue; one more is refused with 429."""
    max_context: PositiveInt = 8192
    """Longest prompt plus completion in tokens; the model's own limit where that is less."""
    max_new_tokens: PositiveInt = 4096
    """Longest completion a request may ask for."""
    max_payload_bytes: PositiveInt = 6 * 1024 * 1024
    """SageMaker's own limit for a real-time invocation."""
    request_timeout_seconds: PositiveFloat = 55.0
    """SageMaker gives up on an invocation after 60 s; ours ends first and says why."""
    refusals_as_answers: bool = False
    """Answer what is refused for good with 200 and the error: in a batch, one line that cannot be
    answered would else cost the answers to all the others."""
    drain_seconds: PositiveInt = 30
    """How long SIGTERM waits for what is in flight."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> ServerSettings:
        """Read the settings.

        Raises:
            SettingsError: naming each variable that is wrong.
        """
        names = {name: _SAGEMAKER.get(name, _PREFIX + name.upper()) for name in cls.model_fields}
        given = {field: environment[name] for field, name in names.items() if name in environment}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            problems = (f"{names[str(e['loc'][0])]}: {e['msg']}" for e in error.errors())
            raise SettingsError("; ".join(problems)) from error
