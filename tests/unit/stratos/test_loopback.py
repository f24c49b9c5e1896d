"""Requests of this machine's programs are told from those of web pages."""

from __future__ import annotations

import pytest

from stratos.loopback import is_loopback, refusal


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "bucket.localhost:8080", "127.0.0.1"]
)
def test_a_program_of_this_machine_is_answered(host):
    assert refusal({"host": host, "content-type": "application/json"}) is None


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_a_page_of_the_server_itself_is_answered(site):
    headers = {"host": "127.0.0.1:8080", "origin": "http://127.0.0.1:8080", "sec-fetch-site": site}
    assert refusal(headers) is None


@pytest.mark.parametrize(
    "host",
    ["page.example:8080", "127.0.0.1.page.example", "localhost.page.example", "10.0.0.1", "", "["],
)
def test_a_name_that_is_not_this_machines_is_refused_and_named(host):
    told = refusal({"host": host})
    assert told is not None
    assert repr(host) in told


@pytest.mark.parametrize(
    "origin",
    ["https://page.example", "null", "http://127.0.0.1:9090", "http://localhost:8080", ""],
)
def test_a_page_of_another_origin_is_refused_and_named(origin):
    told = refusal({"host": "127.0.0.1:8080", "origin": origin})
    assert told is not None
    assert repr(origin) in told


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_that_sends_no_origin_is_refused_for_its_site(site):
    told = refusal({"host": "127.0.0.1:8080", "sec-fetch-site": site})
    assert told is not None
    assert site in told


def test_loopback_is_more_than_one_address():
    assert is_loopback("127.1.2.3")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("127.0.0.1x")
