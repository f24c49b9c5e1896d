"""What the server is asked at once, and what becomes of requests when it ends."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from serving.llama_cpp.client import EngineAnswer
from serving.llama_cpp.process import ServerFailed
from training.teachers.llama_requests import answers


class StubServer:
    """Answers with the number that it is asked; a negative one breaks the connection off."""

    def __init__(self):
        self.stopped = threading.Event()
        self.connections = set()
        self.headers = {"Authorization": "Bearer mine"}

    def require_alive(self):
        if self.stopped.is_set():
            raise ServerFailed("llama.cpp ended with code -9. Its log ends: out of memory")

    def tail(self):
        return "the last line"

    def stop(self):
        self.stopped.set()

    @contextmanager
    def running(self):
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                assert self.headers["Authorization"] == stub.headers["Authorization"]
                stub.connections.add(self.client_address)
                number = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["number"]
                if number < 0:
                    self.close_connection = True
                    return
                body = json.dumps({"number": number}).encode()
                self.send_response(400 if number == 0 else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = False
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture
def server():
    with StubServer().running() as stub:
        yield stub


def ask_all(server, numbers, at_once=3, stop=lambda: False):
    bodies = [{"number": number} for number in numbers]
    return answers(server, "/any", bodies, at_once=at_once, stop=stop)


def test_each_answer_comes_with_its_index_over_connections_that_are_kept(server):
    found = dict(ask_all(server, range(1, 21)))
    assert {index: answer.body["number"] for index, answer in found.items()} == {
        index: index + 1 for index in range(20)
    }
    assert len(server.connections) <= 3
    assert not server.stopped.is_set()


def test_a_refusal_is_an_answer(server):
    ((_, answer),) = ask_all(server, [0])
    assert answer == EngineAnswer(400, {"number": 0})
    assert answer.shown == 'HTTP 400: {"number": 0}'


def test_an_answer_broken_off_shows_the_end_of_the_log(server):
    with pytest.raises(ServerFailed, match=r"broke off an answer .*Its log ends: the last line"):
        list(ask_all(server, [-1]))


def test_a_server_that_has_ended_says_how(server):
    server.stopped.set()
    with pytest.raises(ServerFailed, match="ended with code -9"):
        list(ask_all(server, [-1]))


def test_what_is_under_way_ends_with_the_server_once_it_must_stop(server):
    told = []
    for index, _ in ask_all(server, range(1, 100), stop=lambda: len(told) > 4):
        told.append(index)
    assert 4 < len(told) < 100
