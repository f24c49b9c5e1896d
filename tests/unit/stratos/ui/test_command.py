"""`stratos ui` from the command line, up to the server."""

from __future__ import annotations

import socket

import pytest
from typer.testing import CliRunner

from stratos.cli import app as cli
from stratos.ui import command


@pytest.fixture
def started(monkeypatch):
    """Servers that would have been run: their sockets' addresses, and what was opened."""
    seen = {"addresses": [], "opened": []}

    class Server:
        def __init__(self, config):
            self.config = config

        def run(self, sockets):
            seen["addresses"] += [one.getsockname() for one in sockets]
            sockets[0].close()

    class Thread:
        def __init__(self, target, args, daemon):
            self.target, self.args = target, args

        def start(self):
            seen["opened"] += self.args

    monkeypatch.setattr(command.uvicorn, "Server", Server)
    monkeypatch.setattr(command.threading, "Thread", Thread)
    return seen


def test_it_answers_on_loopback_and_prints_the_address_with_its_token(started):
    result = CliRunner().invoke(cli.app, ["ui", "--no-open"])
    ((host, port),) = started["addresses"]
    assert result.exit_code == 0
    assert host == "127.0.0.1"
    assert result.stdout.startswith(f"http://127.0.0.1:{port}/enter?token=")
    assert started["opened"] == []


def test_the_browser_opens_what_is_printed(started):
    result = CliRunner().invoke(cli.app, ["ui"])
    assert started["opened"] == [result.stdout.splitlines()[0]]


def test_a_port_that_somebody_has_is_told(started):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(cli.app, ["ui", "--no-open", "--port", str(port)])
    assert result.exit_code == 2
    assert "cannot be used" in " ".join(result.output.split())
    assert started["addresses"] == []


def test_an_address_that_is_none_is_told(started):
    result = CliRunner().invoke(cli.app, ["ui", "--no-open", "--teacher-url", "localhost:8080"])
    assert result.exit_code == 2
    assert "is no URL" in " ".join(result.output.split())
