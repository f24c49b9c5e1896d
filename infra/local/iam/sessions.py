"""Who calls: sessions of roles and of services, and the credentials that stand for them.

A session is written in its token, so that whoever holds one is known again, even after a restart.
Its access key is made of the token and the cloud's own key: nobody else can make a session.
A request with credentials that no role was given comes from the administrator of the account.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import lru_cache

from infra.local.host.cloud_key import CloudKey, Credentials
from infra.local.host.settings import ACCOUNT_ID
from infra.local.iam.evaluator import Principal

_MARK = "stratos:"
_TOKEN_START = base64.urlsafe_b64encode(_MARK.encode()).decode()[:10]
"""What the mark alone decides of a token; its last characters hold bits of what follows."""
_KEY_START = "ASIASTRATOS"
_SESSIONS = 4096


class InvalidCredentialsError(Exception):
    """Credentials in the form of a session's that are none."""


@dataclass(frozen=True)
class Session:
    """A role that somebody assumed, or a service that calls on its own.

    Attributes:
        principal: The role or the service.
        name: The role session's name; empty for a service.
        source_arn: The resource on whose behalf a service calls.
        region: Where the session's calls come from; empty if from outside every region.
    """

    principal: Principal
    name: str = ""
    source_arn: str | None = None
    region: str = ""

    @classmethod
    def of_role(cls, role_arn: str, name: str, region: str = "") -> Session:
        return cls(Principal(role_arn, role_arn.split(":")[4], None), name, region=region)

    @classmethod
    def of_service(cls, service: str, source_arn: str | None, region: str = "") -> Session:
        principal = Principal(service, ACCOUNT_ID, service)
        return cls(principal, source_arn=source_arn, region=region or region_of(source_arn))

    @classmethod
    def of_credentials(cls, access_key: str, token: str | None) -> Session | None:
        """The session that credentials stand for; None where they are not of this cloud.

        Raises:
            InvalidCredentialsError: They have a session's form, but its token is missing, cannot be
                read, or is another session's.
        """
        token = token or ""
        if not (access_key.startswith(_KEY_START) or token.startswith(_TOKEN_START)):
            return None
        session = _read(token)
        if session is None or session.credentials().access_key != access_key:
            raise InvalidCredentialsError
        return session

    @property
    def arn(self) -> str:
        """How a refusal names it."""
        if self.principal.service is not None:
            return self.principal.service
        role = self.principal.arn.rpartition("/")[2]
        partition = self.principal.arn.split(":")[1]
        return f"arn:{partition}:sts::{self.principal.account}:assumed-role/{role}/{self.name}"

    def credentials(self) -> Credentials:
        """What makes a client or a process call as this session."""
        return _credentials(self, SIGNED_BY.key)


class SignedBy:
    """Whose key makes the sessions of this process."""

    def __init__(self) -> None:
        self.key = CloudKey.random()


SIGNED_BY = SignedBy()
"""A cloud that starts puts its own key here, so that sessions outlive its process."""


@lru_cache(_SESSIONS)
def _credentials(session: Session, key: CloudKey) -> Credentials:
    principal = session.principal
    text = json.dumps(
        [principal.arn, principal.service, session.name, session.source_arn, session.region]
    )
    token = base64.urlsafe_b64encode((_MARK + text).encode()).decode()
    return key.credentials(_KEY_START, token, token)


@lru_cache(_SESSIONS)
def _read(token: str) -> Session | None:
    try:
        text = base64.urlsafe_b64decode(token).decode()
        arn, service, name, source_arn, region = json.loads(text.removeprefix(_MARK))
    except (ValueError, TypeError):
        return None
    if service is not None:
        return Session.of_service(service, source_arn, region)
    return Session.of_role(arn, name, region)


def region_of(arn: str | None) -> str:
    """The region that an ARN names; empty where it names none, as a bucket's."""
    return arn.split(":")[3] if arn else ""
