"""Requests to a bare llama-server, by token ids."""

from __future__ import annotations

import json
from urllib.request import Request, urlopen


def ask(url: str, prompt: list[int], num_tokens: int = 8) -> None:
    """One completion of a prompt of token ids."""
    body = {"prompt": prompt, "n_predict": num_tokens, "ignore_eos": True, "cache_prompt": False}
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(f"{url}/completion", json.dumps(body).encode(), headers)) as answer:
        answer.read()
