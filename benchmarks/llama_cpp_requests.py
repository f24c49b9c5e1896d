"""Requests to a bare llama-server, by token ids."""

from __future__ import annotations

import json
from urllib.request import Request, urlopen

from serving.llama_cpp.process import LlamaServer


def ask(server: LlamaServer, prompt: list[int], num_tokens: int = 8) -> None:
    """One completion of a prompt of token ids."""
    body = {"prompt": prompt, "n_predict": num_tokens, "ignore_eos": True, "cache_prompt": False}
    headers = {"Content-Type": "application/json", **server.headers}
    asked = Request(f"{server.url}/completion", json.dumps(body).encode(), headers)
    with urlopen(asked) as answer:
        answer.read()
