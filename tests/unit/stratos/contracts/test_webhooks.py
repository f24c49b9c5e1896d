import re

import pytest
from pydantic import ValidationError

from stratos.contracts.webhooks import Webhooks, masked, why_not_asked


@pytest.mark.parametrize(
    "url", ["https://hooks.slack.com/services/T/B/x", "http://127.0.0.1:8/x", "http://localhost/"]
)
def test_an_address_is_encrypted_or_on_this_machine(url):
    assert Webhooks(urls=(url,)).urls == (url,)


@pytest.mark.parametrize("url", ["http://example.com/x", "ftp://example.com", "https://", "x@y.z"])
def test_another_address_is_refused(url):
    with pytest.raises(ValidationError, match="no https"):
        Webhooks(urls=(url,))


def test_what_is_shown_of_an_address_does_not_let_one_post():
    assert (
        masked("https://hooks.slack.com/services/T0/B0/sEcr3t") == "https://hooks.slack.com/…cr3t"
    )
    assert masked("https://u:p@example.com/a") == "https://example.com/…"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://example.com/\u00fc", "write them as"),
        ("https://m\u00fcnchen.de/x", "xn--"),
        ("https://example.com/a b", "characters"),
        ("https://a..b/x", "names no host"),
        ("https:///x", "names no host"),
        (f"https://{'a' * 64}.de/x", "names no host"),
        ("https://example.com:99999/", "Port out of range"),
    ],
)
def test_an_address_that_cannot_be_asked_says_why(url, words):
    assert re.search(words, why_not_asked(url) or "")


@pytest.mark.parametrize(
    "url", ["https://hooks.slack.com/services/T/B/x?a=%C3%BC", "https://[::1]:8443/x", "http://h."]
)
def test_an_address_that_can_be_asked_is_taken(url):
    assert why_not_asked(url) is None
