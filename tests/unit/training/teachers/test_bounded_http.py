import socket
from urllib.parse import urlsplit

import pytest

from tests.unit.training.misbehaving_server import MisbehavingServer, flood, reply, truncated
from training.teachers.bounded_http import Bounds, NoReply, PrivateAddress, TooLarge, post

BODY = b'{"messages": [{"content": "q"}]}'


@pytest.fixture
def server():
    return MisbehavingServer()


@pytest.fixture
def ask(server):
    """Return what POSTs to the running server."""
    with server.running() as base_url:
        yield lambda **bounds: post(
            urlsplit(base_url), BODY, {}, Bounds(**({"seconds": 5.0, "max_bytes": 10**6} | bounds))
        )


def test_a_whole_reply_is_returned(server, ask):
    server.behaviours = {"q": [reply("no", 418, X_Why="teapot")]}
    found = ask()
    assert (found.status, found.body, found.headers["x-why"]) == (418, b"no", "teapot")


def test_a_reply_that_breaks_off_is_none(server, ask):
    server.behaviours = {"q": [truncated]}
    with pytest.raises(NoReply, match="IncompleteRead") as caught:
        ask()
    assert caught.value.began


def test_a_reply_without_end_is_too_large(server, ask):
    server.behaviours = {"q": [flood]}
    with pytest.raises(TooLarge, match="longer than 5,000 bytes"):
        ask(max_bytes=5_000)


@pytest.mark.parametrize("behaviour", ["drip", "drip_headers", "slow"])
def test_the_time_of_a_call_is_its_time_in_all(server, ask, behaviour):
    server.behaviours = {"q": [getattr(server, behaviour)]}
    with pytest.raises(NoReply, match=r"no whole reply within 0\.2 s"):
        ask(seconds=0.2)


def test_a_stop_ends_a_call(server, ask):
    server.behaviours = {"q": [server.drip]}
    with pytest.raises(NoReply, match="was ended"):
        ask(seconds=3600.0, ended=server.dripped.is_set)


def test_a_server_that_is_not_there_never_began():
    with MisbehavingServer().running() as base_url:
        gone = urlsplit(base_url)
    with pytest.raises(NoReply, match="refused") as caught:
        post(gone, BODY, {}, Bounds(5.0, 100))
    assert not caught.value.began


def test_a_host_that_takes_no_connection_is_given_up_early(ask, monkeypatch):
    waits = []

    def silent(address, timeout, source_address):
        waits.append(timeout)
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", silent)
    for seconds in (3600.0, 2.0):
        with pytest.raises(NoReply, match="timed out") as caught:
            ask(seconds=seconds)
        assert not caught.value.began
    assert waits == [10.0, 2.0]


def test_a_name_that_leads_into_a_network_is_asked_only_where_it_may(server, monkeypatch):
    look_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **more: look_up("127.0.0.1", *rest, **more)
    )
    server.behaviours = {"q": [reply("asked")]}
    with server.running() as base_url:
        url = urlsplit(base_url.replace("127.0.0.1", "gateway.example"))
        with pytest.raises(PrivateAddress, match=r"gateway\.example has the address 127\.0\.0\.1"):
            post(url, BODY, {}, Bounds(5.0, 1000))
        assert server.seen == []
        assert post(url, BODY, {}, Bounds(5.0, 1000), private=True).body == b"asked"


def test_no_redirect_is_followed_so_that_a_key_goes_to_its_own_host_alone(server, ask):
    server.behaviours = {"q": [reply("elsewhere", 307, Location="https://other.example/v1")]}
    assert ask().status == 307
    assert len(server.seen) == 1
