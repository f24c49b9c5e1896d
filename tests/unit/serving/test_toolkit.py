"""The engine inside AWS's inference toolkit."""

import json

import pytest

from serving.toolkit import model_fn, transform_fn

CHAT = "/v1/chat/completions"


def ask(text: str, **options: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text}], "max_tokens": 8, **options}


def test_the_inference_toolkit_answers_as_the_server_does(client, model_dir):
    served = model_fn(str(model_dir))
    body = json.dumps(ask("same answer"))
    text, content_type = transform_fn(served, body, "application/json", "application/json")
    assert content_type == "application/json"
    assert json.loads(text)["choices"] == client.post(CHAT, content=body).json()["choices"]
    plain = json.dumps({"inputs": "q", "parameters": {"max_new_tokens": 4}})
    texts, _ = transform_fn(served, plain, "application/json", "application/json")
    assert json.loads(texts) == client.post("/invocations", content=plain).json()
    with pytest.raises(ValueError, match="neither `messages`"):
        transform_fn(served, b"{}", "application/json", "application/json")
    assert served[1].drain(10)
