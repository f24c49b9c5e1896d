"""What the people who approve may do."""

from __future__ import annotations

from tests.infra.resources import of_type


def test_whoever_may_approve_may_do_no_more(template):
    # The CDK moves what a role's own policy has no room for into another managed policy.
    policies = of_type(template, "AWS::IAM::ManagedPolicy")
    (policy,) = (found for name, found in policies.items() if name.startswith("Approvers"))
    allowed = {}
    for statement in policy["PolicyDocument"]["Statement"]:
        actions = statement["Action"]
        for action in actions if isinstance(actions, list) else [actions]:
            allowed[action] = statement["Resource"]
    assert set(allowed) == {
        "states:SendTaskSuccess",
        "states:SendTaskFailure",
        "dynamodb:GetItem",
        "dynamodb:Scan",
        "kms:Decrypt",
        "cloudformation:DescribeStacks",
    }
    assert "*" not in allowed.values()
    assert "stateMachine:stratos" in str(allowed["states:SendTaskSuccess"])
    assert not {"Roles", "Users", "Groups"} & set(policy)
