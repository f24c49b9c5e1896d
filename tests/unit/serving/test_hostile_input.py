"""Nothing a client sends makes the server fail."""

import asyncio
import json
import random
from typing import Any

from serving.app import ChatServer
from serving.engine import Engine
from serving.settings import ServerSettings

NUM_BODIES = 10_000
AT_ONCE = 50
VALID: tuple[dict[str, Any], ...] = (
    {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2},
    {
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "é東\n"}]},
        ],
        "max_completion_tokens": 3,
        "temperature": 0.7,
        "top_p": 0.9,
        "seed": 4,
        "stop": ["a", "bc"],
        "logprobs": True,
        "top_logprobs": 3,
    },
    {
        "messages": [{"role": "user", "content": "json"}],
        "max_tokens": 4,
        "stream": True,
        "stream_options": {"include_usage": True},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": {"type": "integer", "maximum": 9}},
        },
    },
    {"inputs": ["one", "two"], "parameters": {"max_new_tokens": 2, "stop": "x", "seed": 1}},
)
HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 10**30, -(2**63) - 1, 1e308, 5e-324, "", "5", "\0", "x" * 999),
    *([], {}, [[]], [None], {"type": "json_schema"}, {"$ref": "#"}, {"role": "user"}, "\ufffe"),
)


def nodes(value: Any, depth: int = 0) -> list[tuple[Any, Any]]:
    """Every container in `value`, down to ten levels, with each of its keys or positions."""
    if depth == 10 or not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else range(len(value))
    return [(value, k) for k in keys] + [n for k in keys for n in nodes(value[k], depth + 1)]


def mutate_value(body: Any, rng: random.Random) -> None:
    """Replace, remove, rename or duplicate something in a parsed body."""
    container, key = rng.choice(nodes(body))
    match rng.randrange(4):
        case 0:
            container[key] = rng.choice(HOSTILE)
        case 1:
            del container[key]
        case 2 if isinstance(container, dict):
            container[key + rng.choice("xX_ ")] = container.pop(key)
        case _:
            depth = rng.choice((1, 3, 200))
            for _ in range(depth):
                container[key] = [container[key]] if rng.random() < 0.5 else {"a": container[key]}


def mutate_bytes(body: bytes, rng: random.Random) -> bytes:
    """Cut, copy, flip or insert bytes."""
    raw = bytearray(body)
    start, size = rng.randrange(len(raw)), rng.randint(1, 8)
    match rng.randrange(5):
        case 0:
            del raw[start : start + size]
        case 1:
            raw[start:start] = raw[start : start + size]
        case 2:
            raw[start] ^= 1 << rng.randrange(8)
        case 3:
            raw[start:start] = rng.choice(
                (b"\xff", b"NaN", b"-Infinity", b'"\\ud800"', b"[" * 5000, b"\0", b"1e999", b"{")
            )
        case _:
            del raw[start:]
    return bytes(raw)


def malformed(seed: int) -> bytes:
    """A mutant of a valid body; now and then it is still valid."""
    rng = random.Random(seed)
    body = json.loads(json.dumps(rng.choice(VALID)))
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        if nodes(body):
            mutate_value(body, rng)
    raw = json.dumps(body).encode()
    for _ in range(rng.choice((0, 0, 1, 2))):
        raw = mutate_bytes(raw, rng) if raw else raw
    return raw


async def post(app: Any, body: bytes, path: str = "/invocations") -> tuple[int, bytes]:
    """Send one request to an ASGI application; return status and body."""
    answered = asyncio.Event()
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])
    status, chunks = 0, []

    async def receive() -> dict[str, Any]:
        for message in messages:
            return message
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)
        chunks.append(message.get("body", b""))
        if message["type"] == "http.response.body" and not message.get("more_body"):
            answered.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
    }
    await app(scope, receive, send)
    return status, b"".join(chunks)


def test_no_malformed_body_makes_the_server_fail(loaded):
    engine = Engine(loaded.model, eos_token_ids=loaded.eos_token_ids, max_tokens=64)
    app = ChatServer(loaded, engine, ServerSettings(max_new_tokens=8)).app()
    good = json.dumps(VALID[0]).encode()
    refused = 0

    async def bombard() -> None:
        nonlocal refused
        for first in range(0, NUM_BODIES, AT_ONCE):
            bodies = [malformed(seed) for seed in range(first, first + AT_ONCE)]
            answers = await asyncio.gather(*(post(app, body) for body in bodies))
            for body, (status, answer) in zip(bodies, answers, strict=True):
                assert status in (200, 400), (status, body[:300], answer)
                if status == 400:
                    refused += 1
                    assert json.loads(answer)["error"]["message"]
            assert (await post(app, good))[0] == 200

    asyncio.run(bombard())
    assert refused > NUM_BODIES // 2
    assert engine.drain(10)
