"""Approving and rejecting from the page."""

from __future__ import annotations

import json

import pytest

from tests.ui_runs import FINISHED, WAITING


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_page_that_only_reads_decides_nothing(pages, states, own, decision):
    answer = pages.post(f"/runs/{WAITING}/{decision}", data={"reason": "x"}, headers=own)
    assert answer.status_code == 409
    assert f"stratos {decision} {WAITING}" in answer.text
    assert states.decided == []


def test_a_page_that_may_write_has_the_forms_and_approves(states, open_pages, own):
    client = open_pages(allow_writes=True)
    text = client.get(f"/runs/{WAITING}").text
    assert f'method="post" action="/runs/{WAITING}/approve"' in text
    form = {"reason": "looks\ngood"}
    answer = client.post(f"/runs/{WAITING}/approve", data=form, headers=own, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{WAITING}")
    (decided,) = states.decided
    assert decided["taskToken"] == "the-token"
    assert json.loads(decided["output"])["reason"] == "looks good"


def test_a_run_is_rejected_for_a_reason(states, open_pages, own):
    client = open_pages(allow_writes=True)
    assert client.post(f"/runs/{WAITING}/reject", headers=own).status_code == 409
    assert states.decided == []
    client.post(f"/runs/{WAITING}/reject", data={"reason": "too slow"}, headers=own)
    (decided,) = states.decided
    assert decided["error"] == "ApprovalRejected"
    assert decided["cause"].endswith(": too slow")


def test_a_run_that_does_not_wait_says_so(states, open_pages, own):
    answer = open_pages(allow_writes=True).post(f"/runs/{FINISHED}/approve", headers=own)
    assert answer.status_code == 409
    assert "does not wait for approval" in answer.text
