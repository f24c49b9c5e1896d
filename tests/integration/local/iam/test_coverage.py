"""Which recorded calls needed which statement of a template."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_template import KEY_ARN, ROLE_ARN, TEMPLATE, deployed

from infra.local.iam.coverage import Coverage, coverage, idle_reasons, main, report
from infra.local.iam.documents import Statement, StatementName, parse
from infra.local.iam.evaluator import Call, Principal, judge
from infra.local.iam.records import Judged, Records, read
from infra.local.iam.template import statements_of
from infra.rights.unexercised import Unexercised

ROLE = Principal(ROLE_ARN, "123456789012")
LAMBDA = Principal("lambda.amazonaws.com", "123456789012", "lambda.amazonaws.com")
OBJECT = "arn:aws:s3:::stratos-bucket1-abc/runs/r/a.json"
OWN = deployed("JobPolicy1", "JobPolicy1")


def judged(
    action: str,
    target: str,
    identity: tuple[Statement, ...] = OWN,
    resource: tuple[Statement, ...] = (),
    principal: Principal = ROLE,
) -> Judged:
    call = Call(principal, action, target, {})
    return Judged(call, judge(call, identity, resource), identity, resource)


def covered(*calls: Judged) -> Coverage:
    return coverage(statements_of(TEMPLATE), calls)


def needed(found: Coverage) -> list[tuple[str, int]]:
    return [(one.name.source, one.name.index) for one, use in found.uses.items() if use.needed]


def test_a_statement_is_needed_by_what_it_alone_allows() -> None:
    found = covered(judged("s3:GetObject", OBJECT), judged("s3:DeleteObject", OBJECT))
    assert needed(found) == [("JobPolicy1", 0)]
    assert (found.num_calls, found.num_refused) == (2, 1)


def test_a_key_needs_its_own_policy_and_the_roles() -> None:
    key_policy = deployed(KEY_ARN, "Key1")
    found = covered(judged("kms:Decrypt", KEY_ARN, resource=key_policy))
    assert needed(found) == [("Key1", 0), ("JobPolicy1", 2)]


def test_a_role_needs_its_trust() -> None:
    trust = deployed("Stratos-JobRole1-abc", "JobRole1")
    found = covered(judged("sts:AssumeRole", ROLE_ARN, (), trust, LAMBDA))
    assert needed(found) == [("JobRole1", 0)]


def test_a_statement_is_redundant_if_others_allow_the_same() -> None:
    elements = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    (everything,) = parse({"Version": "2012-10-17", "Statement": elements}, "Elsewhere")
    found = covered(judged("s3:GetObject", OBJECT, (*OWN, everything)))
    assert needed(found) == []
    assert found.redundant() == [StatementName("JobPolicy1", 0)]


def test_a_statement_that_one_call_needs_is_not_redundant() -> None:
    elements = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{OBJECT}*"}
    (narrow,) = parse({"Version": "2012-10-17", "Statement": elements}, "Elsewhere")
    both = judged("s3:GetObject", OBJECT, (*OWN, narrow))
    alone = judged("s3:GetObject", OBJECT.replace("a.json", "b.json"), (*OWN, narrow))
    found = covered(both, alone)
    assert needed(found) == [("JobPolicy1", 0)]
    assert found.redundant() == []


def test_a_denial_is_needed_by_what_it_alone_refuses() -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"},
        ],
    }
    guard = {"Type": "AWS::IAM::Policy", "Properties": {"PolicyDocument": document}}
    one = judged("s3:GetObject", OBJECT, parse(document, "Guard1"))
    found = coverage(statements_of({"Resources": {"Guard1": guard}}), [one])
    assert needed(found) == [("Guard1", 1)]


def test_what_nothing_speaks_for_is_listed() -> None:
    found = covered(judged("s3:GetObject", OBJECT))
    assert (StatementName("JobPolicy1", 1), "s3:PutObject") in found.unexplained()
    assert (StatementName("JobPolicy1", 0), "s3:GetObject") not in found.unexplained()


def test_a_call_speaks_for_its_own_action_alone() -> None:
    found = covered(judged("s3:GetObject", OBJECT))
    assert (StatementName("JobPolicy1", 0), "s3:GetObjectVersion") in found.unexplained()


def test_a_call_speaks_for_the_pattern_that_it_fits() -> None:
    key_policy = deployed(KEY_ARN, "Key1")
    found = covered(judged("kms:Decrypt", KEY_ARN, resource=key_policy))
    assert [action for name, action in found.unexplained() if name.source == "Key1"] == []


WHY = Unexercised(("kms:Decrypt",), "Nothing is encrypted here.", sources=("JobPolicy*",))
REASONS = "infra.rights.unexercised.UNEXERCISED"


def test_a_reason_speaks_for_a_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REASONS, (WHY,))
    found = covered()
    assert (StatementName("JobPolicy1", 2), "kms:Decrypt") not in found.unexplained()
    assert f"not called: kms:Decrypt: {WHY.reason}" in "\n".join(report(found))
    assert idle_reasons(found) == []


def test_a_reason_is_idle_once_a_call_needs_its_statements(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(REASONS, (WHY,))
    found = covered(judged("kms:Decrypt", KEY_ARN, resource=deployed(KEY_ARN, "Key1")))
    assert idle_reasons(found) == [WHY.reason]


def test_the_report_names_the_calls_and_what_was_never_called() -> None:
    text = "\n".join(report(covered(judged("s3:GetObject", OBJECT))))
    assert "needed by 1:" in text
    assert f"s3:GetObject on {OBJECT} by {ROLE_ARN}" in text
    assert "not called: s3:GetObjectVersion: NOTHING" in text
    assert "9 statements: 1 needed, 0 redundant" in text


def test_the_command_reads_files_and_fails_while_an_action_has_neither(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = tmp_path / "template.json"
    template.write_text(json.dumps(TEMPLATE))
    one = judged("s3:GetObject", OBJECT)
    records = Records(tmp_path / "records" / "a.jsonl")
    records.add(one.call, one.decision, one.identity, one.resource)
    assert len(list(read(tmp_path / "records"))) == 1
    assert main([str(tmp_path / "records"), "--template", str(template)]) == 1
    shown = capsys.readouterr().out
    assert "NOTHING" in shown
    assert "no action needs this reason" in shown


def test_the_command_succeeds_once_each_action_has_a_call_or_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(REASONS, ())
    template = tmp_path / "template.json"
    policies = {"JobPolicy1": TEMPLATE["Resources"]["JobPolicy1"]}
    template.write_text(json.dumps({"Resources": policies}))
    records = Records(tmp_path / "a.jsonl")
    key_policy = deployed(KEY_ARN, "Key1")
    for one in (
        judged("s3:GetObject", OBJECT),
        judged("s3:GetObjectVersion", OBJECT),
        judged("s3:PutObject", OBJECT),
        judged("kms:Decrypt", KEY_ARN, resource=key_policy),
    ):
        records.add(one.call, one.decision, one.identity, one.resource)
    assert main([str(tmp_path / "a.jsonl"), "--template", str(template)]) == 0
