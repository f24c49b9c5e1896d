"""The reviewer's page says all that the template grants, and why."""

from __future__ import annotations

import copy

import pytest

from infra.app import ROOT
from infra.review.page import REVIEW_PAGE, review_page
from infra.rights.reasons import OF_ROLES, REASONS
from tests.infra.resources import of_type

HANDLERS = ROOT / "lambdas" / "handlers"


def test_the_reviewers_page_is_what_the_template_says(template):
    page = (ROOT / "docs" / REVIEW_PAGE).read_text(encoding="utf-8")
    # The archives of this template stand in for the built ones; the page names none of them.
    assert page == review_page(template, HANDLERS)


def test_a_grant_without_a_reason_stops_the_page_and_says_where_to_write_one(template):
    changed = copy.deepcopy(template)
    policies = (r for r in changed["Resources"].values() if r["Type"] == "AWS::IAM::Policy")
    statement = next(policies)["Properties"]["PolicyDocument"]["Statement"][0]
    statement["Action"] = "s3:DeleteBucket"
    with pytest.raises(ValueError, match=r"s3:DeleteBucket, and infra/rights/reasons.py"):
        review_page(changed, HANDLERS)


def test_a_resource_whose_idle_cost_nobody_knows_stops_the_page(template):
    changed = copy.deepcopy(template)
    changed["Resources"]["Nat"] = {"Type": "AWS::EC2::NatGateway", "Properties": {}}
    with pytest.raises(ValueError, match="what an idle AWS::EC2::NatGateway costs"):
        review_page(changed, HANDLERS)


def test_every_role_is_on_the_page_with_who_assumes_it(template):
    page = review_page(template, HANDLERS)
    roles = len(of_type(template, "AWS::IAM::Role"))
    assert page.count("Assumed by `") == roles
    policies = of_type(template, "AWS::IAM::ManagedPolicy").values()
    of_people = [policy for policy in policies if "Roles" not in policy]
    assert page.count("\n### ") == roles + len(of_people)


def test_a_policy_that_a_role_holds_is_told_with_the_role(template):
    page = review_page(template, HANDLERS)
    assert "OverflowPolicy" not in page
    (held,) = [
        policy
        for policy in of_type(template, "AWS::IAM::ManagedPolicy").values()
        if "Roles" in policy
    ]
    of_role = page.partition("### WorkflowRole\n")[2].partition("\n### ")[0]
    for statement in held["PolicyDocument"]["Statement"]:
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            assert f"`{action}`" in of_role


def test_a_role_s_trust_is_told_with_each_of_its_conditions(template):
    page = review_page(template, HANDLERS)
    told = "".join(line for line in page.splitlines() if "Assumed by `" in line)
    trusts = [
        role["AssumeRolePolicyDocument"]["Statement"][0]
        for role in of_type(template, "AWS::IAM::Role").values()
    ]
    held = [key for one in trusts for tested in one.get("Condition", {}).values() for key in tested]
    assert {"aws:SourceAccount", "aws:SourceArn"} == set(held)
    for key in set(held):
        assert told.count(f"`{key}`") == held.count(key)


def test_no_cell_of_the_page_gives_a_reason_twice(template):
    for line in review_page(template, HANDLERS).splitlines():
        if line.startswith("| `"):
            reasons = line.rstrip(" |").rpartition(" | ")[2].split(". ")
            assert len(reasons) == len(set(reasons)), line


@pytest.mark.parametrize("reason", [*REASONS.values(), *OF_ROLES.values()])
def test_a_reason_stands_by_itself_wherever_it_is_joined(reason):
    assert not reason.startswith(("As ", "The same"))
    assert not reason.endswith(".")
