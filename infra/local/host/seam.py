"""What a seam is: one replaced part of moto, installed once into the daemon's process."""

from __future__ import annotations

from typing import Protocol

from infra.local.host.settings import LocalSettings


class Seam(Protocol):
    """A module's one class. `install` patches moto; `close` stops every process it started.

    `close` is called once at shutdown, in reverse order of installation, and leaves no child
    process behind. A seam never imports another seam, which lint holds: it reaches what another
    one serves through boto3 at `settings.endpoint_url`, or through moto's own backends.
    """

    def install(self, settings: LocalSettings) -> None: ...

    def close(self) -> None: ...
