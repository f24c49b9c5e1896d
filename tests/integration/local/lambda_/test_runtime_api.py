"""The address at which a sandbox gets its requests: for its runtime, and for no web page."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

import pytest

from infra.local.lambda_.runtime_api import PREFIX, Invocation, RuntimeApi

NEXT = f"{PREFIX}invocation/next"


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    running = RuntimeApi("127.0.0.1", lambda: None)
    yield running
    running.close()


def asked(
    api: RuntimeApi, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(api.address, timeout=60)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_runtime_takes_a_request_and_answers_it(api):
    invocation = Invocation(b'{"a": 1}', 60, "arn")
    api.submit(invocation)
    assert asked(api, "GET", NEXT) == (200, b'{"a": 1}')
    path = f"{PREFIX}invocation/{invocation.request_id}/response"
    assert asked(api, "POST", path, b"2")[0] == 202
    assert invocation.outcome.result(60).payload == b"2"


@pytest.mark.parametrize(
    "page",
    [
        {"Origin": "https://page.example"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Host": "page.example"},
    ],
)
def test_a_web_page_neither_takes_a_request_nor_answers_one(api, page):
    invocation = Invocation(b"{}", 60, "arn")
    api.submit(invocation)
    status, body = asked(api, "GET", NEXT, **page)
    assert status == 403
    assert json.loads(body)["errorType"] == "Forbidden"
    assert not invocation.delivered.is_set()
    assert asked(api, "GET", NEXT) == (200, b"{}")
    path = f"{PREFIX}invocation/{invocation.request_id}/response"
    assert asked(api, "POST", path, b"2", **page)[0] == 403
    assert not invocation.outcome.done()
