"""The sweeper's clock."""

from __future__ import annotations

from tests.infra.resources import of_type


def test_the_sweeper_is_called_every_hour_and_a_failing_one_is_noticed(template):
    rule = next(r for k, r in of_type(template, "AWS::Events::Rule").items() if "Sweeping" in k)
    assert rule["ScheduleExpression"] == "rate(1 hour)"
    (target,) = rule["Targets"]
    assert "Sweep" in target["Arn"]["Fn::GetAtt"][0]
    assert target["Input"] == '{"dry_run":false}'
    assert "DeadLetterConfig" in target
    assert any("SweepErrors" in name for name in of_type(template, "AWS::CloudWatch::Alarm"))
