"""The one that judges, for requests and for what the embedded cloud does on a role's behalf.

It is off until the cloud installs it: a test of one part alone needs no policies.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from infra.local.iam import policies
from infra.local.iam.evaluator import Call, Decision, judge
from infra.local.iam.policies import Statements
from infra.local.iam.requirement import Context, Requirement
from infra.local.iam.sessions import Session, region_of

Listener = Callable[[Call, Decision, Statements, Statements], None]
"""Told of every call that was judged, by which statements of the role and of the resource."""


@dataclass(frozen=True)
class Refusal:
    """Why a call is not allowed, in AWS's words."""

    message: str


class AccessDeniedError(Exception):
    """The embedded cloud may not do on a role's behalf what it was about to do."""


class Authority:
    """Judges sessions' calls by the policies that are deployed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listener: Listener | None = None
        self._judges = False

    @property
    def judges(self) -> bool:
        """Whether anybody is refused anything."""
        return self._judges

    def begin(self, listener: Listener | None = None) -> None:
        with self._lock:
            self._listener, self._judges = listener, True

    def end(self) -> None:
        with self._lock:
            self._listener, self._judges = None, False

    def refusal(
        self, session: Session, needed: Iterable[Requirement], region: str = ""
    ) -> Refusal | None:
        """The first requirement that a session does not meet; None where it meets all.

        Args:
            region: Whose API is called, if not that of the region where the session is.
        """
        if not self._judges:
            return None
        try:
            identity = () if session.principal.service else policies.of_role(session.principal.arn)
            for requirement in needed:
                resource = policies.of_resource(requirement.resource)
                decision = self._judge(session, requirement, identity, resource, region)
                if not decision.allowed:
                    return Refusal(_words(session, requirement, decision, identity))
        except ValueError as error:
            return Refusal(f"The embedded cloud cannot decide it: {error}")
        return None

    def require(self, session: Session, *needed: Requirement) -> None:
        """Let the embedded cloud go on only if a session may do what it is about to do for it.

        Raises:
            AccessDeniedError: it may not.
        """
        if (refused := self.refusal(session, needed)) is not None:
            raise AccessDeniedError(refused.message)

    def assume(
        self,
        role_arn: str,
        service: str,
        name: str,
        source_arn: str | None = None,
        *,
        region: str = "",
    ) -> Session:
        """A service takes on a role, if the role's trust policy lets it.

        Args:
            role_arn: The role.
            service: The service, such as `lambda.amazonaws.com`.
            name: The name of the role session.
            source_arn: The resource for which the service does so; None for one that does not
                document that it names its source and account.
            region: Where the service does so, if that is not the region of the resource.

        Raises:
            AccessDeniedError: The role is not there, or does not trust the service.
        """
        if self._judges:
            asking = Session.of_service(service, source_arn, region)
            requirement = Requirement("sts:AssumeRole", role_arn)
            try:
                trust = policies.trust_of(role_arn)
                allowed = self._judge(asking, requirement, (), trust).allowed
            except ValueError as error:
                raise AccessDeniedError(
                    f"The role {role_arn} cannot be assumed: {error}"
                ) from error
            if not allowed:
                raise AccessDeniedError(
                    f"The role {role_arn} cannot be assumed by {service}. Check that it exists and "
                    f"that its trust policy allows sts:AssumeRole to the principal {service}."
                )
        return Session.of_role(role_arn, name, region or region_of(source_arn))

    def _judge(
        self,
        session: Session,
        requirement: Requirement,
        identity: Statements,
        resource: Statements,
        region: str = "",
    ) -> Decision:
        context = {**requirement.context, **_session_context(session)}
        if requested := region or session.region:
            context["aws:RequestedRegion"] = (requested,)
        call = Call(session.principal, requirement.action, requirement.resource, context)
        decision = judge(call, identity, resource)
        if self._listener is not None:
            self._listener(call, decision, identity, resource)
        return decision


def _session_context(session: Session) -> Context:
    """Keys that every call has. Traffic on this machine stands for TLS."""
    context: dict[str, tuple[str, ...]] = {
        "aws:SecureTransport": ("true",),
        "aws:PrincipalArn": (session.principal.arn,),
        "aws:PrincipalAccount": (session.principal.account,),
        "aws:ResourceAccount": (session.principal.account,),  # there is one account here
    }
    for key, value in policies.tags_of_role(session.principal.arn).items():
        context[f"aws:PrincipalTag/{key}"] = (value,)
    if session.principal.service is not None:
        context["aws:PrincipalIsAWSService"] = ("true",)
        if session.source_arn:
            context["aws:SourceAccount"] = (session.principal.account,)
            context["aws:SourceArn"] = (session.source_arn,)
    return context


def _words(
    session: Session, requirement: Requirement, decision: Decision, identity: Statements
) -> str:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"""
    of_service = session.principal.service is not None
    resource = requirement.resource
    if requirement.action.startswith("s3:"):
        resource = f'"{resource}"'
    base = (
        f"User: {session.arn} is not authorized to perform: {requirement.action} "
        f"on resource: {resource}"
    )
    if decision.reason == "explicit_deny":
        own = {statement.name for statement in identity}
        kind = "an identity-based" if own & set(decision.by) else "a resource-based"
        return f"{base} with an explicit deny in {kind} policy"
    kind = "resource-based" if of_service else "identity-based"
    return f"{base} because no {kind} policy allows the {requirement.action} action"


AUTHORITY = Authority()
"""Of this process."""
