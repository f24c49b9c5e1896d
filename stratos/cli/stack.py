"""The stack that commands work with, found as an application finds it."""

from __future__ import annotations

from stratos.client.stack import Stack, client, read_credentials_again

__all__ = ["Stack", "client", "read_credentials_again"]
