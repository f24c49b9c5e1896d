"""Addresses, and what a fault looks like."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from stratos.errors import StackNotFound
from stratos.ui.guard import HEADERS

HEADERS_IN_LOWER_CASE = {name.lower(): value for name, value in HEADERS.items()}


def assert_guarded(answer):
    """Whatever goes wrong, a page may load nothing from elsewhere, and is kept nowhere."""
    assert answer.headers.items() >= HEADERS_IN_LOWER_CASE.items()


def failing(code):
    def find():
        told = {"Error": {"Code": code, "Message": "no"}}
        raise StackNotFound("no stack answers") from ClientError(told, "DescribeStacks")

    return find


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        ("ExpiredToken", 401, "aws sso login"),
        ("Throttling", 503, "AWS takes no more requests"),
        ("AccessDenied", 403, "lack a right"),
        ("ValidationError", 404, "no stack answers"),
    ],
)
def test_a_fault_is_a_page_that_says_what_to_do(open_pages, code, status, told):
    client = open_pages(entered=False, find=failing(code))
    assert client.get(client.door.url).status_code == 200
    answer = client.get("/")
    assert answer.status_code == status
    assert told in answer.text
    assert "Load it again" in answer.text


def test_who_signs_in_again_goes_on_without_starting_anew(stack, states, open_pages):
    answers = [failing("ExpiredToken"), lambda: stack]
    client = open_pages(entered=False, find=lambda: answers.pop(0)())
    assert client.get(client.door.url).status_code == 200
    assert client.get("/").status_code == 401
    assert client.get("/").status_code == 200


def test_a_fault_of_ours_has_a_page_too(stack, open_pages, monkeypatch):
    monkeypatch.setattr("stratos.ui.pages.list_hosting", lambda stack: 1 / 0)
    answer = open_pages(entered=False).get("/")
    assert answer.status_code == 403
    client = open_pages(entered=False)
    assert client.get(client.door.url).status_code == 200
    answer = client.get("/")
    assert answer.status_code == 500
    assert "ZeroDivisionError" in answer.text
    assert_guarded(answer)


def test_there_are_no_other_pages_and_pages_are_not_changed(pages, own):
    assert pages.get("/nowhere").status_code == 404
    answer = pages.post("/", headers=own)
    assert answer.status_code == 405
    assert "<h1>Not this way</h1>" in answer.text
    assert_guarded(answer)


@pytest.mark.parametrize("name", ["look.css", "ui.css", "live.js", "icon.svg"])
def test_style_and_scripts_are_there_for_everybody(open_pages, name):
    answer = open_pages(entered=False).get(f"/static/{name}")
    assert answer.status_code == 200
    assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in answer.text


def test_a_body_without_end_is_refused(pages, own):
    answer = pages.post("/runs/x/ask", content=b"x" * 1_100_000, headers=own)
    assert answer.status_code == 413
    assert_guarded(answer)
    parts = iter([b"x" * 600_000] * 2)
    answer = pages.post("/runs/x/ask", content=parts, headers=own)
    assert answer.status_code == 413
    assert "<h1>Too long</h1>" in answer.text
    assert_guarded(answer)
