"""Actions that no run in the embedded cloud can use."""

from __future__ import annotations

import re

from infra.local.iam.coverage import coverage, idle_reasons
from infra.local.iam.documents import StatementName, document_of, parse_statement
from infra.local.iam.template import home_of, statements_of
from infra.rights import unexercised
from infra.rights.unexercised import UNEXERCISED, Unexercised


def test_every_reason_is_about_a_statement_of_the_template(template):
    assert idle_reasons(coverage(statements_of(template), ())) == []


def test_without_its_reason_something_would_have_neither_reason_nor_call(template, monkeypatch):
    """A reason that is never found, or that another one says already, changes nothing."""
    found = coverage(statements_of(template), ())
    unexplained = len(found.unexplained())
    for reason in UNEXERCISED:
        others = tuple(one for one in UNEXERCISED if one is not reason)
        monkeypatch.setattr(unexercised, "UNEXERCISED", others)
        assert len(found.unexplained()) > unexplained, reason


def test_every_statement_of_the_template_is_known_again_once_it_is_deployed(template):
    """Or else a call that needed it would be counted for another, or for none."""
    statements = statements_of(template)
    for one in statements:
        filled = _with_references_filled_in(document_of(one.statement))
        name = StatementName(f"Stratos-{one.names[-1]}-1a2b", one.name.index)
        found = home_of(parse_statement(filled, name), one.kind, statements)
        assert found is not None
        assert found.name == one.name


def _with_references_filled_in(value):
    match value:
        case str():
            arns = re.sub(r"<arn:-:-:-:-:([^<>]*)>", r"arn:aws:x:us-east-1:1:\1-1a2b", value)
            return re.sub(r"<AWS::([^<>]*)>", r"\1", arns)
        case list():
            return [_with_references_filled_in(item) for item in value]
        case dict():
            return {key: _with_references_filled_in(item) for key, item in value.items()}


def test_a_reason_covers_these_actions_and_no_other():
    one = Unexercised(("a:Read", "b:*"), "why", sources=("Jobs*",))
    assert one.covers("JobsPolicy1", "Allow", "a:Read")
    assert one.covers("JobsPolicy1", "Allow", "b:Write")
    assert not one.covers("JobsPolicy1", "Allow", "a:ReadAll")
    assert not one.covers("JobsPolicy1", "Deny", "a:Read")
    assert not one.covers("OtherPolicy1", "Allow", "a:Read")
