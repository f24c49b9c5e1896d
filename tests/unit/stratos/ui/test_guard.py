"""Who is refused, and what every answer says a browser may do with it."""

from __future__ import annotations

import pytest

from tests.ui_runs import FINISHED, WAITING
from tests.unit.stratos.ui.conftest import NAME

APPROVE = f"/runs/{WAITING}/approve"


def test_without_the_session_there_is_no_page_and_the_way_in_is_told(states, open_pages):
    answer = open_pages(entered=False).get(f"/runs/{FINISHED}")
    assert answer.status_code == 403
    assert "stratos ui" in answer.text
    assert FINISHED not in answer.text


def test_the_address_lets_in_once_and_whoever_is_in_may_open_it_again(states, open_pages):
    client = open_pages(entered=False)
    first = client.get(client.door.url)
    assert first.status_code == 200
    assert 'content="0; url=/"' in first.text
    cookie = first.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "domain" not in cookie
    assert "samesite=strict" in cookie
    assert client.get(client.door.url).status_code == 200
    client.cookies.clear()
    assert client.get(client.door.url).status_code == 403


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:4747", "127.0.0.1:4747", "localhost:4747", "", "[::1]:4747"],
)
def test_another_name_is_refused_since_dns_may_point_it_here(pages, host):
    answer = pages.get("/static/ui.css", headers={"Host": host})
    assert answer.status_code == 421
    assert NAME not in answer.text
    assert pages.get("/static/ui.css").status_code == 200


def test_who_has_the_cookie_but_not_the_name_does_not_come_in(pages):
    origin = "http://127.0.0.1:4747"
    headers = {
        "Host": "127.0.0.1:4747",
        "Origin": origin,
        "Cookie": f"{pages.door.cookie}={pages.door.session}",
    }
    assert pages.get("/", headers=headers).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://localhost:4747"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    ],
    ids=lambda headers: "-".join(headers.values()).replace("/", "").replace(":", "-"),
)
def test_a_foreign_page_can_neither_read_nor_post(pages, states, headers):
    assert pages.get("/", headers=headers).status_code == 403
    assert pages.post(APPROVE, headers=headers).status_code == 403
    assert states.decided == []


def test_a_request_that_changes_something_must_say_which_page_it_comes_from(pages):
    answer = pages.post(APPROVE)
    assert answer.status_code == 403
    assert "does not say which page" in answer.text


def test_a_link_from_elsewhere_leads_in_for_whoever_is_in(pages):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert pages.get("/", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/", "/nowhere", "/static/ui.css"])
def test_every_answer_forbids_what_no_page_needs(pages, path):
    headers = pages.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
