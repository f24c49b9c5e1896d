"""A server that is asked, and one that ends while it is."""

from __future__ import annotations

import pytest

from serving.llama_cpp.client import LlamaClient
from serving.llama_cpp.process import LlamaServer, ServerFailed
from tests.tiny_gguf import write_tiny_gguf


@pytest.fixture
def server(tmp_path):
    path = tmp_path / "tiny.gguf"
    write_tiny_gguf(path)
    with LlamaServer(path, ["--ctx-size", "128", "--threads", "1"]) as running:
        yield running


def test_an_answer_comes_with_its_status_whatever_that_is(server):
    with LlamaClient(server) as client:
        tokens = client.post("/tokenize", {"content": "a"})
        assert (tokens.status, list(tokens.body)) == (200, ["tokens"])
        refused = client.post("/v1/chat/completions", {"inputs": "a"})
        assert refused.status == 400
        assert refused.shown.startswith("HTTP 400: ")
        assert "messages" in refused.shown


def test_a_server_that_has_ended_fails_with_the_end_of_its_log(server):
    with LlamaClient(server) as client:
        assert client.post("/tokenize", {"content": "a"}).status == 200
        server.stop()
        with pytest.raises(ServerFailed, match="log ends"):
            client.post("/tokenize", {"content": "a"})
