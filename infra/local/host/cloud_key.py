"""The secret of one embedded cloud, from which all credentials in it follow."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

_BYTES = 32
_KEY_START, _KEY_LENGTH = "AKIASTRATOS", 32
_FILE = "key"


@dataclass(frozen=True)
class Credentials:
    """What a client signs with."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    def environment(self) -> dict[str, str]:
        """The same for a process."""
        given = {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}
        return given if self.token is None else given | {"AWS_SESSION_TOKEN": self.token}


@dataclass(frozen=True)
class CloudKey:
    """Known to whoever may read the cloud's state directory, and to nobody else."""

    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, state_dir: Path) -> CloudKey:
        """The key of a state directory, made if it has none."""
        path = state_dir / _FILE
        draft = state_dir / f"{_FILE}.{os.getpid()}.{secrets.token_hex(4)}"
        try:
            return cls(bytes.fromhex(path.read_text()))
        except FileNotFoundError:
            pass
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w") as new:
            new.write(secrets.token_hex(_BYTES))
        try:
            os.link(draft, path)  # whole or not at all, and only where there is none
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return cls(bytes.fromhex(path.read_text()))

    @classmethod
    def random(cls) -> CloudKey:
        """Of a cloud that keeps nothing."""
        return cls(secrets.token_bytes(_BYTES))

    @property
    def owner(self) -> Credentials:
        """Of the account's administrator: the user."""
        return self.credentials(_KEY_START, "owner")

    def credentials(self, start: str, text: str, token: str | None = None) -> Credentials:
        """Those that stand for a text. The embedded cloud looks at the access key alone, so that
        one is as hard to guess as a secret is.

        Args:
            start: Of the access key, which says what kind of caller it is.
        """
        digest = hmac.digest(self.secret, text.encode(), "sha256")
        access_key = (start + base64.b32encode(digest).decode().rstrip("="))[:_KEY_LENGTH]
        return Credentials(access_key, hashlib.sha256(digest).hexdigest()[:40], token)
