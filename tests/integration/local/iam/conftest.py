"""One cloud that judges, for tests that need no process of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from judged_cloud import judged_cloud
from moto_cloud import Cloud


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with judged_cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running
