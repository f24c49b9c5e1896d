"""The server's limits, each from an environment variable `STRATOS_<NAME>`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

_PREFIX = "STRATOS_"


class SettingsError(ValueError):
    """An environment variable holds what the server cannot use."""


class ServerSettings(BaseSettings):
    """What one server process takes on."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="forbid")

    model_dir: Path = Field(default=Path("/opt/ml/model"), validation_alias="SM_MODEL_DIR")
    model_name: str | None = None
    bind_host: str = "0.0.0.0"
    port: int = Field(default=8080, ge=0, lt=65536, validation_alias="SAGEMAKER_BIND_TO_PORT")
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
    def from_environment(cls) -> ServerSettings:
        """Read the settings.

        Raises:
            SettingsError: naming each variable that is wrong.
        """
        try:
            return cls()
        except ValidationError as error:
            problems = (f"{_variable(str(e['loc'][0]))}: {e['msg']}" for e in error.errors())
            raise SettingsError("; ".join(problems)) from error


def _variable(location: str) -> str:
    """pydantic names a variable that is named like its field by the field."""
    is_field = location in ServerSettings.model_fields
    return _PREFIX + location.upper() if is_field else location
