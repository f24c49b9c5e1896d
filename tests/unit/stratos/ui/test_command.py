"""`stratos ui` from the command line, up to the server."""

from __future__ import annotations

import errno
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

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
            for one in sockets:
                one.close()
            seen["pages"] = [Path(urlsplit(uri).path).read_text() for uri in seen["opened"]]

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
    hosts = {address[0] for address in started["addresses"]}
    (port,) = {address[1] for address in started["addresses"]}
    assert result.exit_code == 0
    assert "127.0.0.1" in hosts
    assert hosts <= {"127.0.0.1", "::1"}
    assert re.match(rf"http://[0-9a-f]{{32}}\.localhost:{port}/enter\?token=", result.stdout)
    assert started["opened"] == []


def test_the_browser_opens_what_is_printed_and_no_command_line_holds_it(started):
    result = CliRunner().invoke(cli.app, ["ui"])
    (uri,), (page,) = started["opened"], started["pages"]
    assert result.stdout.splitlines()[0] in page
    assert uri.startswith("file:///")
    assert not Path(urlsplit(uri).path).exists()


def test_a_plain_address_is_one_that_every_browser_knows(started):
    result = CliRunner().invoke(cli.app, ["ui", "--no-open", "--plain-address"])
    assert result.stdout.startswith(f"http://127.0.0.1:{started['addresses'][0][1]}/enter?token=")


def test_a_machine_without_ipv6_is_served_all_the_same(started, monkeypatch):
    bound = command._bound

    def without(family, host, port):
        if family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "no such address")
        return bound(family, host, port)

    monkeypatch.setattr(command, "_bound", without)
    assert CliRunner().invoke(cli.app, ["ui", "--no-open"]).exit_code == 0
    assert [address[0] for address in started["addresses"]] == ["127.0.0.1"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_that_somebody_has_at_any_of_our_addresses_is_told(started, host):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as taken:
        try:
            taken.bind((host, 0))
        except OSError:
            pytest.skip("no IPv6 here")
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
