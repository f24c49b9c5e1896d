"""The table of requests: what every endpoint promises, and where the two engines differ.

docs/serving.md shows the same rows; a test compares the names.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

MODEL_NAME = "table"
CONTEXT_TOKENS = 256
SLOTS = 4
QUESTION = [{"role": "user", "content": "Hand: p2334477 s344556\nWhich tiles complete it?"}]
"""What the model was trained on, so that its answers are long."""
NUMBER = {
    "type": "object",
    "properties": {"n": {"enum": [1, 2, 3]}},
    "required": ["n"],
    "additionalProperties": False,
}


class Endpoint:
    """An engine behind the paths of SageMaker's container contract."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=300)

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def post(self, body: dict[str, Any] | bytes, path: str = "/invocations") -> httpx.Response:
        if isinstance(body, bytes):
            return self.http.post(path, content=body, headers={"Content-Type": "application/json"})
        return self.http.post(path, json=body)

    def ask(self, **fields: Any) -> dict[str, Any]:
        """A chat that is answered with 200."""
        answer = self.post(chat(**fields))
        assert answer.status_code == 200, answer.text
        whole: dict[str, Any] = answer.json()
        return whole

    def text(self, **fields: Any) -> str:
        return text_of(self.ask(**fields))

    def refusal(self, **fields: Any) -> str:
        """The message of a request that is refused with 400, in OpenAI's shape."""
        answer = self.post(chat(**fields))
        assert answer.status_code == 400, answer.text
        return str(answer.json()["error"]["message"])

    def events(self, **fields: Any) -> list[dict[str, Any]]:
        """The pieces of a streamed answer, whose last line is `[DONE]`."""
        lines = []
        with self.http.stream("POST", "/invocations", json=chat(stream=True, **fields)) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
        assert lines[-1] == "[DONE]"
        return [json.loads(line) for line in lines[:-1]]


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": MODEL_NAME, "messages": QUESTION, "max_tokens": 12} | fields


def text_of(answer: dict[str, Any]) -> str:
    (choice,) = answer["choices"]
    return str(choice["message"]["content"])


@dataclass(frozen=True)
class Promise:
    """A row that holds in both engines.

    Attributes:
        request: As docs/serving.md names it.
    """

    request: str
    holds: Callable[[Endpoint], None]


@dataclass(frozen=True)
class Difference:
    """A request that nobody should rely on, and what each engine does with it.

    Attributes:
        status: By engine.
    """

    request: str
    fields: dict[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    path: str = "/invocations"
    status: dict[str, int] = field(default_factory=dict)

    def ask(self, endpoint: Endpoint) -> int:
        return endpoint.post(self.body or chat(**self.fields), self.path).status_code


def _greedy_by_default(endpoint: Endpoint) -> None:
    assert endpoint.text() == endpoint.text(temperature=0) == endpoint.text(temperature=0, seed=5)


def _seeds_repeat(endpoint: Endpoint) -> None:
    def drawn(seed: int) -> str:
        return endpoint.text(temperature=1.0, max_tokens=24, seed=seed)

    answers = [drawn(seed) for seed in range(1, 6)]
    assert [drawn(seed) for seed in range(1, 6)] == answers
    assert len(set(answers)) > 1
    assert drawn(2**32 - 2) == drawn(2**32 - 2)


def _stops(endpoint: Endpoint) -> None:
    whole = endpoint.text(max_tokens=24)
    middle = whole[len(whole) // 2 : len(whole) // 2 + 3]
    cut = endpoint.ask(max_tokens=24, stop=[middle])
    assert text_of(cut) == whole[: whole.index(middle)]
    assert cut["choices"][0]["finish_reason"] == "stop"


def _holds_schema(endpoint: Endpoint) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "number", "schema": NUMBER}}
    answer = endpoint.text(max_tokens=120, response_format=wanted)
    assert json.loads(answer)["n"] in (1, 2, 3)


def _refuses_bad_schema(endpoint: Endpoint) -> None:
    schema = {"name": "odd", "schema": {"type": "nonsense"}}
    assert "nonsense" in endpoint.refusal(
        response_format={"type": "json_schema", "json_schema": schema}
    )


def _tells_logprobs(endpoint: Endpoint) -> None:
    answer = endpoint.ask(max_tokens=4, logprobs=True, top_logprobs=2)
    tokens = answer["choices"][0]["logprobs"]["content"]
    assert len(tokens) == 4
    for token in tokens:
        best = token["top_logprobs"]
        assert len(best) == 2
        assert best[0]["logprob"] >= best[1]["logprob"]
        assert math.isclose(token["logprob"], best[0]["logprob"], abs_tol=1e-5)
    said = b"".join(bytes(token["bytes"]) for token in tokens).decode(errors="replace")
    assert said.strip() == text_of(answer).strip()


def _streams(endpoint: Endpoint) -> None:
    pieces = endpoint.events()
    deltas = [choice["delta"] for piece in pieces for choice in piece["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == endpoint.text()
    reasons = [choice.get("finish_reason") for piece in pieces for choice in piece["choices"]]
    assert [reason for reason in reasons if reason] == ["length"]


def _counts_in_the_last_chunk(endpoint: Endpoint) -> None:
    last = endpoint.events(stream_options={"include_usage": True})[-1]
    assert last["choices"] == []
    whole = endpoint.ask()["usage"]
    assert {name: last["usage"][name] for name in _COUNTS} == {n: whole[n] for n in _COUNTS}


_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def _counts_tokens(endpoint: Endpoint) -> None:
    usage = endpoint.ask(max_tokens=5)["usage"]
    assert usage["completion_tokens"] == 5
    assert usage["total_tokens"] == usage["prompt_tokens"] + 5


def _takes_parts(endpoint: Endpoint) -> None:
    """A line break joins them, as it does where datasets are read."""
    lines = QUESTION[0]["content"].split("\n")
    parts = [{"type": "text", "text": line} for line in lines]
    in_parts = endpoint.ask(messages=[{"role": "user", "content": parts}])
    whole = endpoint.ask()
    assert len(parts) > 1
    assert text_of(in_parts) == text_of(whole)
    assert in_parts["usage"]["prompt_tokens"] == whole["usage"]["prompt_tokens"]


def _takes_the_new_name_of_max_tokens(endpoint: Endpoint) -> None:
    body = chat()
    del body["max_tokens"]
    answer = endpoint.post(body | {"max_completion_tokens": 3}).json()
    assert answer["usage"]["completion_tokens"] == 3


def _ends_without_a_limit(endpoint: Endpoint) -> None:
    body = chat()
    del body["max_tokens"]
    answer = endpoint.post(body).json()
    assert answer["usage"]["total_tokens"] <= CONTEXT_TOKENS


def _passes_over_unknown_fields(endpoint: Endpoint) -> None:
    assert endpoint.text(nobody_knows_this=1) == endpoint.text()


def _refuses_what_is_no_chat(endpoint: Endpoint) -> None:
    for body in ({"inputs": "Hello"}, {"messages": "Hello"}):
        answer = endpoint.post({"model": MODEL_NAME} | body)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"]


def _refuses_long_prompts(endpoint: Endpoint) -> None:
    refusal = endpoint.refusal(messages=[{"role": "user", "content": "colour " * 400}])
    assert str(CONTEXT_TOKENS) in refusal


def _answers_after_an_answer(endpoint: Endpoint) -> None:
    """An answer at the end is history: the model begins a new turn, it does not go on with it."""
    answered = [*QUESTION, {"role": "assistant", "content": "Red, green and blue."}]
    before = endpoint.ask()["usage"]["prompt_tokens"]
    after = endpoint.ask(messages=answered)["usage"]["prompt_tokens"]
    said = endpoint.ask(messages=[*answered, {"role": "user", "content": "?"}])
    assert before < after < said["usage"]["prompt_tokens"]
    shorter = endpoint.ask(messages=[*QUESTION, {"role": "assistant", "content": ""}])
    assert shorter["usage"]["prompt_tokens"] > before


def _keeps_all_that_come(endpoint: Endpoint) -> None:
    """What is beyond the slots waits; nothing is refused, and nothing is answered otherwise."""
    alone = endpoint.text()
    with ThreadPoolExecutor(4 * SLOTS) as pool:
        answers = list(pool.map(lambda _: endpoint.text(), range(4 * SLOTS)))
    assert answers == [alone] * len(answers)


def _completes_text(endpoint: Endpoint) -> None:
    body = {"model": MODEL_NAME, "prompt": "Red, green and", "max_tokens": 4}
    answer = endpoint.post(body, "/v1/completions")
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["text"]


def _is_healthy(endpoint: Endpoint) -> None:
    assert endpoint.http.get("/ping").status_code == 200


def _names_the_model(endpoint: Endpoint) -> None:
    models = endpoint.http.get("/v1/models").json()["data"]
    assert [model["id"] for model in models] == [MODEL_NAME]


def _chats_under_openais_path(endpoint: Endpoint) -> None:
    answer = endpoint.post(chat(), "/v1/chat/completions").json()
    assert text_of(answer) == endpoint.text()


PROMISES = (
    Promise("`GET /ping`", _is_healthy),
    Promise("`GET /v1/models`", _names_the_model),
    Promise("`POST /v1/chat/completions`", _chats_under_openais_path),
    Promise("`POST /v1/completions`", _completes_text),
    Promise("no `temperature`", _greedy_by_default),
    Promise("`temperature` with `seed`", _seeds_repeat),
    Promise("`stop`", _stops),
    Promise("`response_format` of type `json_schema`", _holds_schema),
    Promise("a schema that is none", _refuses_bad_schema),
    Promise("`logprobs`, `top_logprobs`", _tells_logprobs),
    Promise("`stream`", _streams),
    Promise("`stream_options: {include_usage: true}`", _counts_in_the_last_chunk),
    Promise("`usage`", _counts_tokens),
    Promise("content in parts of text", _takes_parts),
    Promise("`max_completion_tokens`", _takes_the_new_name_of_max_tokens),
    Promise("neither limit", _ends_without_a_limit),
    Promise("unknown fields", _passes_over_unknown_fields),
    Promise("`inputs` in place of `messages`", _refuses_what_is_no_chat),
    Promise("a prompt longer than the context", _refuses_long_prompts),
    Promise("an assistant's turn at the end", _answers_after_an_answer),
    Promise("more requests than slots", _keeps_all_that_come),
)

DIFFERENCES = (
    Difference(
        "`max_tokens` beyond the context",
        {"max_tokens": 10 * CONTEXT_TOKENS},
        status={"llama_cpp": 200, "vllm": 400},
    ),
    Difference("`max_tokens: 0`", {"max_tokens": 0}, status={"llama_cpp": 200, "vllm": 400}),
    Difference("`n: 2`, greedy", {"n": 2}, status={"llama_cpp": 200, "vllm": 400}),
    Difference(
        "another `model` at `/v1/chat/completions`",
        {"model": "another"},
        path="/v1/chat/completions",
        status={"llama_cpp": 200, "vllm": 404},
    ),
    Difference(
        "`prompt` in place of `messages` at `/invocations`",
        body=b'{"prompt": "Hand:", "max_tokens": 4}',
        status={"llama_cpp": 400, "vllm": 200},
    ),
    Difference("a number as text", {"temperature": "0"}, status={"llama_cpp": 400, "vllm": 200}),
    Difference("no messages", {"messages": []}, status={"llama_cpp": 200, "vllm": 400}),
    Difference(
        "an image",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "data:image/png,"}}],
                }
            ]
        },
        status={"llama_cpp": 500, "vllm": 400},
    ),
    Difference(
        "a body that is not JSON", body=b"{not json", status={"llama_cpp": 500, "vllm": 400}
    ),
)
