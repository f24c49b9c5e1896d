"""A cloud that runs functions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto_cloud import Cloud, running_cloud

from infra.local.lambda_.function_processes import FunctionProcesses


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    functions = FunctionProcesses(retry_waits_seconds=(0.01, 0.02))
    with running_cloud(tmp_path_factory.mktemp("cloud"), functions) as running:
        yield running
