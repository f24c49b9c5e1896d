"""Which hosts a spec may have asked, and which of them may be sent a secret.

A spec is written by whoever may upload one, and a job asks the host that it names with the key
that it names. So a secret says itself which hosts it is for, and a host within a network (a
database, the metadata of an instance) is asked only if the stack's owner has named it.
"""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from stratos.loopback import is_loopback
from stratos.spec.addresses import host_of
from stratos.spec.document import Spec
from stratos.spec.models import OpenAICompatible, Weights
from stratos.spec.task import LlmJudge

HOSTS_TAG = "stratos:hosts"
"""Tag of a secret: the hosts that it may be sent to, with spaces between them. One that begins with
a dot stands for all hosts that end so."""
HUB = "huggingface.co"
SETTING = "stratos:private_hosts"
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_PRIVATE = (
    ipaddress.IPv6Network("64:ff9b:1::/48"),  # a gateway of one's own: RFC 8215
    ipaddress.IPv6Network("fec0::/10"),  # site-local, of before RFC 3879
)
"""Which some releases of Python take for public."""


@dataclass(frozen=True)
class NamedSecret:
    """A secret that a spec names.

    Attributes:
        path: Of the spec's field that names it.
        host: Where the spec would have it sent.
    """

    path: str
    name: str
    host: str


def named_secrets(spec: Spec) -> Iterator[NamedSecret]:
    """Every secret of a spec, with its host."""
    verifier = spec.task.verifier
    if isinstance(verifier, LlmJudge) and isinstance(verifier.model, OpenAICompatible):
        yield from _key_of(verifier.model, "task.verifier.model")
    for index, teacher in enumerate(spec.teachers):
        if isinstance(teacher, OpenAICompatible):
            yield from _key_of(teacher, f"teachers[{index}]")
    tracking = spec.training.tracking
    if tracking is not None:
        for field, secret in tracking.secrets:
            yield NamedSecret(f"training.tracking.{field}", secret, tracking.host)
    models = {"teachers": spec.teachers, "students": spec.students}
    for role, listed in models.items():
        for index, model in enumerate(listed):
            if isinstance(model, Weights) and model.hub_token_secret is not None:
                yield NamedSecret(f"{role}[{index}].hub_token_secret", model.hub_token_secret, HUB)


def _key_of(model: OpenAICompatible, path: str) -> Iterator[NamedSecret]:
    if model.api_key_secret is not None:
        host = host_of(model.base_url)
        yield NamedSecret(f"{path}.api_key_secret", model.api_key_secret, host)


def why_not_asked(url: str, private_hosts: Collection[str]) -> str | None:
    """Why a stack's jobs do not ask this address; None where they do.

    Args:
        private_hosts: Those that the stack allows by name (`stratos:private_hosts`).
    """
    host = host_of(url)
    if is_loopback(host) or host in private_hosts:
        return None
    if urlsplit(url).scheme != "https":
        return (
            f"{url} would be asked in clear, key and questions with it; write https://, or have "
            f"the stack's owner name {host} in {SETTING}"
        )
    if is_private(host):
        return f"{url} is {within_a_network(host)}"
    return None


def is_private(address: str) -> bool:
    """Whether an IP address is of a network of somebody's own; a name is none."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if any(found in network for network in _PRIVATE):
            return True
        found = _translated(found) or found
    return not found.is_global


def _translated(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that one of IPv6 leads to: by itself, by 6to4, or by a NAT64 gateway, which
    a VPC may have (https://www.rfc-editor.org/rfc/rfc6052#section-2.1)."""
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour


def within_a_network(host: str) -> str:
    """Why a host is not asked that has a private address, and what lets it be asked."""
    return (
        "within a private network, where a job could reach what is not meant for it; if it is "
        f"meant, have the stack's owner name {host} in {SETTING}"
    )


def why_not_sent(secret: str, hosts: str | None, host: str) -> str | None:
    """Why a secret is not sent to a host; None where it is.

    Args:
        hosts: The secret's tag `stratos:hosts`; None without one.
    """
    named = (hosts or "").lower().split()
    for name in named:
        if host == name or (name.startswith(".") and host.endswith(name)):
            return None
    found = f"is for {', '.join(named)} (its tag {HOSTS_TAG})" if named else "names no host"
    return (
        f"the secret {secret!r} {found}, and would be sent to {host}. If it is meant for that, say "
        f"so: aws secretsmanager tag-resource --secret-id {shlex.quote(secret)} "
        f"--tags Key={HOSTS_TAG},Value={shlex.quote(' '.join([*named, host]))}"
    )
