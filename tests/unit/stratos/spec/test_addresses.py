"""One host in an address, whoever reads it, and none that a shell would run."""

from __future__ import annotations

import pytest

from stratos.spec.addresses import host_of, service_address


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://API.Example.com:8443/v1?x=1", "api.example.com"),
        ("https://api.example.com./v1", "api.example.com"),
        ("https://[2001:db8::1]/v1", "2001:db8::1"),
        ("https://user:word@api.example.com", "api.example.com"),
        ("https://evil.example#@good.example", "evil.example"),
    ],
)
def test_a_host_is_told_from_all_else_in_an_address(url, host):
    assert host_of(url) == host


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1?api-version=1",
        "http://[::1]:8080/v1",
        "http://127.0.0.1:1",
        "https://xn--bcher-kva.example",
    ],
)
def test_names_and_ip_addresses_are_taken_as_they_are(url):
    assert service_address(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://x'$(id)'.com/v1",
        "https://$(id).example",
        "https://a;id.example",
        "https://a`id`.example",
        "https://a_b.example",
        "https://bücher.example",
        "https://[fe80::1%$(id)]/v1",
        "https://*.example",
    ],
)
def test_a_host_that_a_shell_would_read_otherwise_is_refused(url):
    with pytest.raises(ValueError, match=r"is no host: a name has letters|is no URL"):
        service_address(url)


@pytest.mark.parametrize(
    "url", ["https://a.example/v 1", "https://a.exa\nmple", "https://evil.example\\.good.example"]
)
def test_what_two_readers_would_read_differently_is_refused(url):
    with pytest.raises(ValueError, match="space, a backslash or a control character"):
        service_address(url)


@pytest.mark.parametrize("user", ["user", "user:pass-word", ":pass-word"])
def test_a_password_in_an_address_is_refused_and_not_repeated(user):
    with pytest.raises(ValueError, match=r"at 'a\.example' has a user's name") as refused:
        service_address(f"https://{user}@a.example/v1")
    assert "pass-word" not in str(refused.value)
    with pytest.raises(ValueError, match="is no URL") as refused:
        service_address(f"https://{user}@a.example:99999")
    assert "pass-word" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://[x/v1", "https:///v1", "https://a:99999", "http://a:0"])
def test_an_address_where_nothing_can_be_asked_is_refused(url):
    with pytest.raises(ValueError, match=r"is no URL|names no host"):
        service_address(url)
