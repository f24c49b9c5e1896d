import socket
import ssl
import traceback
from urllib.parse import urlsplit

import pytest

from tests.unit.training.misbehaving_server import MisbehavingServer, flood, reply, truncated
from training.teachers import bounded_http
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

    def silent(address, timeout):
        waits.append(timeout)
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", silent)
    for seconds in (3600.0, 2.0):
        with pytest.raises(NoReply, match="timed out") as caught:
            ask(seconds=seconds)
        assert not caught.value.began
    assert waits == [10.0, 2.0]


@pytest.mark.parametrize("key", ["hush\nhush", "hush\u201d"])
def test_a_header_that_cannot_be_sent_is_not_quoted(server, key):
    with server.running() as base_url, pytest.raises(NoReply, match=r"^[A-Za-z]*Error$") as caught:
        post(urlsplit(base_url), BODY, {"Authorization": f"Bearer {key}"}, Bounds(5.0, 100))
    assert "hush" not in "".join(traceback.format_exception(caught.value))
    assert server.seen == []


@pytest.fixture
def lead(monkeypatch):
    """Let every name lead to these addresses."""
    look_up = socket.getaddrinfo

    def to(*addresses):
        def led(host, port, *rest, **more):
            return [one for address in addresses for one in look_up(address, port, *rest, **more)]

        monkeypatch.setattr(socket, "getaddrinfo", led)

    return to


def test_a_name_that_leads_into_a_network_is_asked_only_where_it_may(server, lead):
    server.behaviours = {"q": [reply("asked")]}
    with server.running() as base_url:
        lead("127.0.0.1")
        url = urlsplit(base_url.replace("127.0.0.1", "gateway.example"))
        with pytest.raises(PrivateAddress, match=r"gateway\.example has the address 127\.0\.0\.1"):
            post(url, BODY, {}, Bounds(5.0, 1000))
        assert server.seen == []
        assert post(url, BODY, {}, Bounds(5.0, 1000), private=True).body == b"asked"
    (_, headers), *_ = server.seen
    assert headers["Host"] == f"gateway.example:{url.port}"


@pytest.mark.parametrize(
    "url", ["https://a.example/v1", "http://a.example:22", "http://a.localhost"]
)
@pytest.mark.parametrize("addresses", [["10.0.0.7"], ["8.8.8.8", "169.254.169.254"], ["fd00::1"]])
def test_nothing_is_opened_towards_a_network_so_that_no_error_tells_what_listens_there(
    lead, monkeypatch, url, addresses
):
    lead(*addresses)
    monkeypatch.setattr(socket, "create_connection", pytest.fail)
    with pytest.raises(PrivateAddress, match=f"has the address {addresses[-1]}"):
        post(urlsplit(url), BODY, {}, Bounds(5.0, 1000))


def test_the_addresses_that_were_looked_at_are_those_that_are_asked_until_one_answers(
    lead, monkeypatch
):
    lead("8.8.8.8", "8.8.4.4")
    asked = []

    def refusing(address, timeout):
        asked.append((*address, timeout))
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr(socket, "create_connection", refusing)
    with pytest.raises(NoReply, match="refused"):
        post(urlsplit("https://a.example/v1"), BODY, {}, Bounds(5.0, 1000))
    assert asked == [("8.8.8.8", 443, 5.0), ("8.8.4.4", 443, 5.0)]


def test_tls_is_spoken_with_the_name_and_not_with_its_address(lead, monkeypatch):
    lead("8.8.8.8")
    opened, names = [], []

    class Trusted(ssl.SSLContext):
        def wrap_socket(self, sock, server_hostname):
            names.append(server_hostname)
            raise ssl.SSLCertVerificationError("not theirs")

    monkeypatch.setattr(bounded_http, "_trusted", lambda: Trusted(ssl.PROTOCOL_TLS_CLIENT))
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def open_here(address, timeout):
            opened.append(socket.socket())
            opened[-1].connect(listening.getsockname())
            return opened[-1]

        monkeypatch.setattr(socket, "create_connection", open_here)
        with pytest.raises(NoReply, match="not theirs"):
            post(urlsplit("https://a.example/v1"), BODY, {}, Bounds(5.0, 1000))
    assert names == ["a.example"]
    assert [sock.fileno() for sock in opened] == [-1]


def test_no_redirect_is_followed_so_that_a_key_goes_to_its_own_host_alone(server, ask):
    server.behaviours = {"q": [reply("elsewhere", 307, Location="https://other.example/v1")]}
    assert ask().status == 307
    assert len(server.seen) == 1
