"""Statements that no run in the embedded cloud can need."""

from __future__ import annotations

import pytest

from infra.local.iam.coverage import reasons_about_nothing
from infra.local.iam.template import statements_of
from infra.rights.unexercised import UNEXERCISED, Unexercised, reason_for


def test_every_reason_is_about_a_statement_of_the_template(template):
    assert reasons_about_nothing(statements_of(template)) == []


def test_a_reason_covers_statements_with_these_actions_and_no_other():
    one = Unexercised(("a:Read", "a:Write"), "why", sources=("Jobs*",))
    assert one.covers("JobsPolicy1", "Allow", ["a:Write"])
    assert not one.covers("JobsPolicy1", "Allow", ["a:Write", "a:Delete"])
    assert not one.covers("JobsPolicy1", "Deny", ["a:Write"])
    assert not one.covers("OtherPolicy1", "Allow", ["a:Write"])


@pytest.mark.parametrize("one", UNEXERCISED, ids=lambda one: one.actions[0])
def test_the_reason_of_a_statement_is_found(one):
    source = one.sources[0].replace("*", "Policy1")
    assert reason_for(source, one.effect, one.actions)
    assert reason_for(source, one.effect, (*one.actions, "a:Other")) is None
