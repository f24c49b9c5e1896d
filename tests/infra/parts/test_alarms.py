"""What wakes people up, and what does not."""

from __future__ import annotations

from stratos.pipeline.summary import REJECTED_RUNS
from tests.infra.resources import function, of_type


def test_every_alarm_reaches_the_topic_and_a_refused_spec_raises_none(template):
    alarms = of_type(template, "AWS::CloudWatch::Alarm")
    topic = next(iter(of_type(template, "AWS::SNS::Topic")))
    assert all(alarm["AlarmActions"] == [{"Ref": topic}] for alarm in alarms.values())
    (failed,) = (alarm for name, alarm in alarms.items() if "RunsFailed" in name)
    expression = next(m["Expression"] for m in failed["Metrics"] if "Expression" in m)
    assert expression == "FILL(failed, 0) + FILL(timed_out, 0) - FILL(rejected, 0)"
    metrics = {m["Id"]: m["MetricStat"]["Metric"] for m in failed["Metrics"] if "MetricStat" in m}
    rejected = metrics["rejected"]
    assert (rejected["Namespace"], rejected["MetricName"]) == ("Stratos", REJECTED_RUNS)
    report = function(template, "stratos-report")["Environment"]["Variables"]
    assert report["POWERTOOLS_METRICS_NAMESPACE"] == rejected["Namespace"]
    service = report["POWERTOOLS_SERVICE_NAME"]
    assert rejected["Dimensions"] == [{"Name": "service", "Value": service}]
    assert any("EventsLost" in name for name in alarms)
    assert any("CleanUpErrors" in name for name in alarms)


def test_a_worker_region_tells_of_jobs_that_it_may_have_left_by_a_topic_of_its_own(
    worker_template,
):
    alarms = of_type(worker_template, "AWS::CloudWatch::Alarm")
    (topic,) = of_type(worker_template, "AWS::SNS::Topic")
    assert all(alarm["AlarmActions"] == [{"Ref": topic}] for alarm in alarms.values())
    told = {name.removeprefix("Alarms")[:-8] for name in alarms}
    assert told == {"JobsLeft", "EventsLost", "GiveUpErrors", "SweepRegionErrors"}
    (left,) = (alarm for name, alarm in alarms.items() if "JobsLeft" in name)
    expression = next(m["Expression"] for m in left["Metrics"] if "Expression" in m)
    assert expression == "FILL(failed, 0) + FILL(timed_out, 0)"
    assert not of_type(worker_template, "AWS::CloudWatch::Dashboard")
