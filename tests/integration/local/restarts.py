"""A whole cloud that is started and stopped in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moto.moto_api._internal.models import moto_api_backend
from moto_cloud import Cloud

from infra.local.host.settings import LocalSettings
from infra.local.server import LocalCloud


@contextmanager
def serving(state_dir: Path) -> Iterator[Cloud]:
    """A whole cloud in this process, saved at the end, in a moto that knows nothing yet."""
    moto_api_backend.reset()
    local = LocalCloud(LocalSettings(state_dir=state_dir))
    settings = local.start()
    try:
        yield Cloud(settings)
    finally:
        local.stop()
