"""Whether each secret that a spec names is there, and may go where the spec would have it sent."""

from __future__ import annotations

import shlex

from lambdas.aws.secrets import tags_of
from stratos.errors import SpecRejected
from stratos.problems import Problem
from stratos.spec import Spec
from stratos.spec.hosts import HOSTS_TAG, NamedSecret, named_secrets, why_not_sent


def require_secrets(spec: Spec) -> None:
    """
    Raises:
        SpecRejected: with every secret that is not there, or is for other hosts.
    """
    found = [(secret.path, _problem(secret)) for secret in named_secrets(spec)]
    problems = [Problem(path=path, line=None, message=told) for path, told in found if told]
    if problems:
        raise SpecRejected(problems)


def _problem(secret: NamedSecret) -> str | None:
    tags = tags_of(secret.name)
    if tags is None:
        return (
            f"there is no secret {secret.name!r} in this account and region; make it: "
            f"aws secretsmanager create-secret --name {shlex.quote(secret.name)} "
            f"--secret-string KEY --tags Key={HOSTS_TAG},Value={shlex.quote(secret.host)}"
        )
    return why_not_sent(secret.name, tags.get(HOSTS_TAG), secret.host)
