"""A cloud that delivers events."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto_cloud import Cloud, running_cloud

from infra.local.events.deliveries import Deliveries
from infra.local.events.rules import Rules
from infra.local.lambda_.function_processes import FunctionProcesses


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(
        tmp_path_factory.mktemp("cloud"), FunctionProcesses(), Rules(), Deliveries()
    ) as running:
        yield running
