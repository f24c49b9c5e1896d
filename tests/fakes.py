"""Stand-ins that behave, for what a test cannot wait for or reach."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError


class FakeClock:
    """A clock that jumps to the moment it is asked to wait for."""

    def __init__(self) -> None:
        self._moment = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        with self._lock:
            return self._moment

    def sleep_until(self, moment: float) -> None:
        with self._lock:
            self._moment = max(self._moment, moment)


@dataclass(frozen=True)
class FilesInMemory:
    """A spec's folder without a disk; `parts` are the ranges that were read."""

    contents: Mapping[str, bytes]
    parts: list[tuple[str, int]] = field(default_factory=list)

    def read(self, path: str) -> bytes:
        if path not in self.contents:
            raise FileNotFoundError(path)
        return self.contents[path]

    def read_range(self, path: str, start: int, length: int) -> bytes:
        self.parts.append((path, length))
        return self.read(path)[start : start + length]

    def names(self, folder: str) -> list[str]:
        prefix = f"{folder}/"
        names = (path.removeprefix(prefix) for path in self.contents if path.startswith(prefix))
        return sorted(name for name in names if "/" not in name)


class ClientExceptions:
    """What a boto3 client raises."""

    ClientError = ClientError


class FakeRuntime:
    """`sagemaker-runtime` with a function behind it instead of an endpoint."""

    def __init__(self, answer: Callable[[list[dict[str, str]]], str]) -> None:
        self._answer = answer
        self.requests: list[dict[str, Any]] = []
        self.exceptions = ClientExceptions

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        body = json.loads(request["Body"])
        self.requests.append(request | {"Body": body})
        text = self._answer(body["messages"])
        reply = {
            "choices": [{"message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 30, "completion_tokens": len(text.split())},
        }
        return {"Body": io.BytesIO(json.dumps(reply).encode())}


class SlowClock(FakeClock):
    """Ten seconds go by each time it is looked at."""

    def now(self) -> float:
        moment = super().now()
        self.sleep_until(moment + 10)
        return moment
