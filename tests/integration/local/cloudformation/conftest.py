"""A cloud that makes stacks, and one stack in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto_cloud import Cloud, running_cloud
from stacks import HeldRole, Stack

from infra.local.cloudformation.stacks import CloudFormation
from infra.local.stepfunctions.executions import StepFunctions


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    seams = (CloudFormation(), StepFunctions())
    with running_cloud(tmp_path_factory.mktemp("cloud"), *seams) as running:
        yield running


@pytest.fixture
def stack(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[Stack]:
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40]
    running = Stack(cloud, name)
    yield running
    running.delete()


@pytest.fixture
def held_role(monkeypatch: pytest.MonkeyPatch) -> HeldRole:
    return HeldRole(monkeypatch)
