"""Topics, queues and rules, as a template describes them."""

from __future__ import annotations

import json
from typing import Any

from moto_cloud import Cloud
from stacks import POLICY, Stack, arn, ref


def test_topics_queues_their_policies_and_subscriptions(cloud: Cloud, stack: Stack) -> None:
    policy = {"PolicyDocument": POLICY}
    resources: dict[str, Any] = {
        "News": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "News"}},
        "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": 1209600}},
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "VisibilityTimeout": 60,
                "RedrivePolicy": {"deadLetterTargetArn": arn("Dead"), "maxReceiveCount": 3},
            },
        },
        "NewsPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {"Topics": [ref("News")], **policy},
        },
        "QueuePolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {"Queues": [ref("Queue")], **policy},
        },
        "Reader": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "Protocol": "sqs",
                "TopicArn": ref("News"),
                "Endpoint": arn("Queue"),
                "RawMessageDelivery": True,
            },
        },
    }
    made = stack.create(resources, News=ref("News"), Queue=ref("Queue"), Arn=arn("Queue"))
    cloud("sns").publish(TopicArn=made["News"], Message='{"raw": 1}')
    assert cloud.receive(made["Queue"])["Body"] == {"raw": 1}
    attributes = cloud("sqs").get_queue_attributes(QueueUrl=made["Queue"], AttributeNames=["All"])[
        "Attributes"
    ]
    assert (attributes["VisibilityTimeout"], attributes["QueueArn"]) == ("60", made["Arn"])
    assert json.loads(attributes["Policy"]) == POLICY
    topic = cloud("sns").get_topic_attributes(TopicArn=made["News"])["Attributes"]
    assert (topic["DisplayName"], json.loads(topic["Policy"])) == ("News", POLICY)

    resources["Queue"]["Properties"]["VisibilityTimeout"] = 90
    resources["News"]["Properties"]["DisplayName"] = "Old news"
    del resources["Reader"]
    assert stack.update(resources, News=ref("News"))["News"] == made["News"]
    assert cloud("sns").list_subscriptions()["Subscriptions"] == []


def test_a_rule_keeps_the_targets_of_its_template_only(cloud: Cloud, stack: Stack) -> None:
    def target(name: str) -> dict[str, Any]:
        return {"Id": name, "Arn": arn("Queue")}

    rule: dict[str, Any] = {
        "EventPattern": {"source": ["aws.s3"], "detail": {"object": {"key": [{"prefix": "a/"}]}}},
        "Targets": [target("one"), target("two")],
    }
    resources = {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Rule": {"Type": "AWS::Events::Rule", "Properties": rule},
    }
    name = stack.create(resources, Name=ref("Rule"))["Name"]
    rule["Targets"] = [target("two"), target("three")]
    rule["State"] = "DISABLED"
    stack.update(resources)
    events = cloud("events")
    targets = events.list_targets_by_rule(Rule=name)["Targets"]
    assert sorted(item["Id"] for item in targets) == ["three", "two"]
    described = events.describe_rule(Name=name)
    assert described["State"] == "DISABLED"
    assert json.loads(described["EventPattern"]) == rule["EventPattern"]
