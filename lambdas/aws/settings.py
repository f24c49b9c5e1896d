"""What the stack tells its functions, read once from the environment."""

from __future__ import annotations

import os
from functools import cache

from pydantic import ValidationError

from stratos.frozen import FrozenModel


class Settings(FrozenModel):
    """Names and ARNs of the stack a function belongs to."""

    runs_table: str
    source_uri: str
    """source.tar.gz with the code of training jobs."""
    topic_arn: str
    model_package_group: str
    schedule_group: str
    scheduler_role_arn: str
    state_machine_arn: str
    kms_key_arn: str
    bedrock_role_arn: str
    """What Bedrock assumes to read and write a batch of a training job."""
    aws_region: str

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the variables named like the fields, in capitals.

        Raises:
            ValueError: naming the variables that are missing.
        """
        found = {name: os.environ.get(name.upper()) for name in cls.model_fields}
        try:
            return cls.model_validate({k: v for k, v in found.items() if v is not None})
        except ValidationError as error:
            missing = ", ".join(str(e["loc"][0]).upper() for e in error.errors())
            raise ValueError(
                f"environment variables missing: {missing}; deploy the stack"
            ) from None


@cache
def settings() -> Settings:
    return Settings.from_environment()
