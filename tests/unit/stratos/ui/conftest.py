"""A stack with runs of every kind, and its pages as a browser sees them that has come in."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from stratos.ui.application import make_application
from stratos.ui.door import Door
from stratos.ui.settings import UiSettings
from stratos.ui.shared_stack import SharedStack
from tests import ui_runs
from tests.unit.stratos.cli.conftest import stack_in_moto

PORT = 4747
NAME = "0123456789abcdef.localhost"


@pytest.fixture(scope="module")
def stack():
    """A stack with runs; a test that changes one makes it itself."""
    with pytest.MonkeyPatch.context() as patches, stack_in_moto(patches) as found:
        ui_runs.fill(found)
        yield found


@pytest.fixture
def states(stack):
    """What stands for the stack's Step Functions."""
    found = stack.states
    known = dict(found.executions)
    yield found
    found.executions = known
    found.decided.clear()


@pytest.fixture
def open_pages(stack):
    """Make a client of the pages; by default one that has come in."""

    def make(*, entered=True, find=None, **settings):
        door = Door(PORT, NAME)
        application = make_application(
            SharedStack(find or (lambda: stack)), door, UiSettings(**settings), lambda: ui_runs.NOW
        )
        client = TestClient(application, door.origin, raise_server_exceptions=False)
        if entered:
            assert client.get(door.url).status_code == 200
        client.door = door
        return client

    return make


@pytest.fixture
def pages(open_pages):
    """Pages that only read."""
    return open_pages()


@pytest.fixture
def own():
    """Headers of a form that the pages themselves have sent."""
    return {"Origin": f"http://{NAME}:{PORT}", "Sec-Fetch-Site": "same-origin"}
