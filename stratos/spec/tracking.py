"""The MLflow that a spec names: a server by its address, or SageMaker's managed one by its ARN."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from stratos.frozen import FrozenModel
from stratos.spec.addresses import host_of, service_address

_MANAGED = re.compile(
    r"arn:(aws|aws-us-gov):sagemaker:([a-z0-9-]+):([0-9]{12}):"
    r"mlflow-(app|tracking-server)/[a-zA-Z0-9][a-zA-Z0-9-]{0,255}"
)
"""The partitions are those for which AWS's plugin knows a host."""


@dataclass(frozen=True)
class ManagedMlflow:
    """SageMaker's managed MLflow: a tracking server, or an app, which is serverless.

    Hosts, names to sign for and headers are those of AWS's plugin:
    https://github.com/aws/sagemaker-mlflow (`mlflow_sagemaker_helpers.py`, `auth_provider.py`,
    `mlflow_sagemaker_request_header_provider.py` at 0a5f7d8).
    """

    arn: str
    region: str
    account: str
    is_app: bool

    @classmethod
    def of(cls, arn: str) -> ManagedMlflow | None:
        """None where it is the ARN of nothing of the kind."""
        found = _MANAGED.fullmatch(arn)
        return cls(arn, found[2], found[3], found[4] == "app") if found else None

    @property
    def host(self) -> str:
        if self.is_app:
            return f"mlflow.sagemaker.{self.region}.app.aws"
        return f"{self.region}.experiments.sagemaker.aws"

    @property
    def signing_name(self) -> str:
        """Service that calls are signed for."""
        return "sagemaker" if self.is_app else "sagemaker-mlflow"

    @property
    def arn_header(self) -> str:
        """Name of the header by which a call reaches its server."""
        return "x-sm-mlflow-app-arn" if self.is_app else "x-mlflow-sm-tracking-server-arn"

    def why_not_of(self, account: str, region: str) -> str | None:
        """Why the jobs of a stack there do not tell it; None where they do."""
        if (self.account, self.region) == (account, region):
            return None
        return (
            f"this MLflow is in {self.region}, of account {self.account}, and the stack in "
            f"{region}, of account {account}: its jobs may tell one there only. Name that one's ARN"
        )


class MlflowTracking(FrozenModel):
    """An MLflow server that is told of the training: loss, learning rate, pace, validation loss.
    Where it cannot be reached, the training goes on, and its log says so once. TensorBoard's files
    are written in any case."""

    tracking_uri: Annotated[str, Field(pattern=r"^(https?://[^/]+|arn:)")]
    """Of the server, such as `https://mlflow.example.com`. The job needs a way there: from a VPC of
    your own, a route or an endpoint. Or the ARN of SageMaker's managed MLflow, a tracking server or
    an app, in the stack's account and region; it must have the tag `stratos:stack` with the stack's
    name, and calls are signed with the job's role."""
    experiment: Annotated[str, Field(max_length=256, pattern=r'^[^"\\]+$')] | None = None
    """Made there if there is none of this name; by default the spec's `name`."""
    token_secret: str | None = None
    """Name of the Secrets Manager secret that holds a token, which is sent as `Authorization:
    Bearer`: the text itself, or the field `token` of a JSON object. It must begin with the stack's
    prefix, as `api_key_secret`, and is sent over https only."""
    login_secret: Annotated[str | None, Field(exclude_if=lambda found: found is None)] = None
    """The same for a server with a login (HTTP basic authentication, as `mlflow server --app-name
    basic-auth` asks for): a JSON object with `username` and `password`."""

    @field_validator("tracking_uri")
    @classmethod
    def _names_one_host(cls, uri: str) -> str:
        if uri.startswith("arn:"):
            if ManagedMlflow.of(uri) is None:
                raise ValueError(
                    f"{uri} is no ARN of SageMaker's managed MLflow; write one such as "
                    "arn:aws:sagemaker:us-east-1:123456789012:mlflow-tracking-server/NAME, or "
                    "mlflow-app/ID in its place"
                )
            return uri
        if "?" in uri or "#" in uri:
            raise ValueError(
                "calls are made below this address, so it has no `?` and no `#`; write one such as "
                "https://mlflow.example.com"
            )
        return service_address(uri)

    @model_validator(mode="after")
    def _sends_one_secret_and_none_in_clear(self) -> MlflowTracking:
        named = [field for field, _ in self.secrets]
        if len(named) > 1:
            raise ValueError(
                "a server is shown a token (token_secret) or a login (login_secret); leave one out"
            )
        if named and self.managed is not None:
            raise ValueError(
                "calls to SageMaker's managed MLflow are signed with the job's role; leave "
                f"{named[0]} out"
            )
        if named and not self.tracking_uri.startswith("https://"):
            what = "a token" if self.token_secret is not None else "a password"
            raise ValueError(
                f"{what} would go to {self.tracking_uri} in clear; give an https:// address, or "
                f"leave {named[0]} out"
            )
        return self

    @property
    def managed(self) -> ManagedMlflow | None:
        return ManagedMlflow.of(self.tracking_uri)

    @property
    def secrets(self) -> Iterator[tuple[str, str]]:
        """Field and name of each secret that is sent to the server."""
        for field in ("token_secret", "login_secret"):
            if (secret := getattr(self, field)) is not None:
                yield field, secret

    @property
    def host(self) -> str:
        managed = self.managed
        return host_of(self.tracking_uri) if managed is None else managed.host
