"""What is kept of a person's approval."""

from stratos.pipeline.approvals import ApprovalGiven

BY = "arn:aws:iam::123456789012:user/ada"


def test_an_approval_is_told_with_its_reason_if_there_is_one():
    assert ApprovalGiven(by=BY, waited_hours=1.5).described() == f"approved by {BY}"
    given = ApprovalGiven(by=BY, reason="good enough", waited_hours=1.5)
    assert given.described() == f"approved by {BY}: good enough"


def test_an_approval_from_before_packages_were_kept_is_read():
    kept = f'{{"by": "{BY}", "reason": "", "waited_hours": 0.5}}'
    assert ApprovalGiven.model_validate_json(kept).package_arn == ""
