"""EventBridge rules and schedules, SNS topics, SQS queues."""

from __future__ import annotations

import json
from typing import Any

from infra.local.cloudformation.resources.handler import (
    Physical,
    Properties,
    ResourceHandler,
    picked,
    tags_of,
)
from infra.local.host.clients import Cloud


class EventsRule(ResourceHandler):
    type = "AWS::Events::Rule"
    name_property = "Name"
    max_name = 64
    replaced_by = frozenset({"Name", "EventBusName"})

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        events = cloud.client("events")
        bus = properties.get("EventBusName", "default")
        pattern = properties.get("EventPattern")
        arn = events.put_rule(
            Name=name,
            EventBusName=bus,
            **picked(properties, "ScheduleExpression", "State", "Description", "RoleArn"),
            **({"EventPattern": json.dumps(pattern)} if pattern else {}),
        )["RuleArn"]
        if targets := properties.get("Targets"):
            events.put_targets(Rule=name, EventBusName=bus, Targets=targets)
        return Physical(name, {"Arn": arn})

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        kept = {target["Id"] for target in new.get("Targets", [])}
        self._remove_targets(cloud, physical.id, old, keep=kept)
        return self.create(cloud, physical.id, new)

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        self._remove_targets(cloud, physical.id, properties, keep=set())
        bus = properties.get("EventBusName", "default")
        cloud.client("events").delete_rule(Name=physical.id, EventBusName=bus)

    def _remove_targets(
        self, cloud: Cloud, rule: str, properties: Properties, *, keep: set[str]
    ) -> None:
        ids = [target["Id"] for target in properties.get("Targets", [])]
        if gone := [target for target in ids if target not in keep]:
            bus = properties.get("EventBusName", "default")
            cloud.client("events").remove_targets(Rule=rule, EventBusName=bus, Ids=gone)


class SchedulerSchedule(ResourceHandler):
    type = "AWS::Scheduler::Schedule"
    name_property = "Name"
    max_name = 64
    replaced_by = frozenset({"Name", "GroupName"})

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        arn = cloud.client("scheduler").create_schedule(Name=name, **self._request(properties))
        return Physical(name, {"Arn": arn["ScheduleArn"]})

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        cloud.client("scheduler").update_schedule(Name=physical.id, **self._request(new))
        return physical

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("scheduler").delete_schedule(
            Name=physical.id, **picked(properties, "GroupName")
        )

    def _request(self, properties: Properties) -> dict[str, Any]:
        return picked(
            properties,
            "GroupName",
            "Description",
            "ScheduleExpression",
            "ScheduleExpressionTimezone",
            "StartDate",
            "EndDate",
            "State",
            "Target",
            "FlexibleTimeWindow",
            "KmsKeyArn",
        )


class SchedulerScheduleGroup(ResourceHandler):
    type = "AWS::Scheduler::ScheduleGroup"
    name_property = "Name"
    max_name = 64

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        arn = cloud.client("scheduler").create_schedule_group(Name=name, Tags=tags_of(properties))
        return Physical(name, {"Arn": arn["ScheduleGroupArn"]})

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        # Only tags may change: recreating the group would lose the schedules in it.
        cloud.client("scheduler").tag_resource(
            ResourceArn=physical.attributes["Arn"], Tags=tags_of(new)
        )
        return physical

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("scheduler").delete_schedule_group(Name=physical.id)


class SNSTopic(ResourceHandler):
    type = "AWS::SNS::Topic"
    name_property = "TopicName"
    max_name = 256
    replaced_by = frozenset({"TopicName", "FifoTopic"})

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        sns = cloud.client("sns")
        arn = sns.create_topic(
            Name=name, Attributes=self._attributes(properties), Tags=tags_of(properties)
        )["TopicArn"]
        for item in properties.get("Subscription", []):
            sns.subscribe(TopicArn=arn, Protocol=item["Protocol"], Endpoint=item["Endpoint"])
        return Physical(arn, {"TopicName": name, "TopicArn": arn})

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        for name, value in self._attributes(new).items():
            cloud.client("sns").set_topic_attributes(
                TopicArn=physical.id, AttributeName=name, AttributeValue=value
            )
        return physical

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("sns").delete_topic(TopicArn=physical.id)

    def _attributes(self, properties: Properties) -> dict[str, str]:
        names = ("DisplayName", "KmsMasterKeyId", "FifoTopic", "ContentBasedDeduplication")
        return {name: _text(value) for name, value in picked(properties, *names).items()}


class SNSSubscription(ResourceHandler):
    type = "AWS::SNS::Subscription"
    replaced_by = frozenset({"TopicArn", "Protocol", "Endpoint"})

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        names = ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy")
        attributes = {key: _text(value) for key, value in picked(properties, *names).items()}
        arn = cloud.client("sns").subscribe(
            TopicArn=properties["TopicArn"],
            Protocol=properties["Protocol"],
            Endpoint=properties["Endpoint"],
            Attributes=attributes,
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        return Physical(arn, {"Arn": arn})

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("sns").unsubscribe(SubscriptionArn=physical.id)


class SNSTopicPolicy(ResourceHandler):
    type = "AWS::SNS::TopicPolicy"

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        for topic in properties["Topics"]:
            cloud.client("sns").set_topic_attributes(
                TopicArn=topic,
                AttributeName="Policy",
                AttributeValue=json.dumps(properties["PolicyDocument"]),
            )
        return Physical(name, {"Id": name})

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        return self.create(cloud, physical.id, new)

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        """A topic always has a policy; the topic goes with the stack."""


class SQSQueue(ResourceHandler):
    type = "AWS::SQS::Queue"
    name_property = "QueueName"
    max_name = 80
    replaced_by = frozenset({"QueueName", "FifoQueue"})

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        url = cloud.client("sqs").create_queue(
            QueueName=name,
            Attributes=self._attributes(properties),
            tags={tag["Key"]: tag["Value"] for tag in tags_of(properties)},
        )["QueueUrl"]
        return Physical(url, {"Arn": cloud.arn("sqs", name), "QueueName": name, "QueueUrl": url})

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        cloud.client("sqs").set_queue_attributes(
            QueueUrl=physical.id, Attributes=self._attributes(new)
        )
        return physical

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("sqs").delete_queue(QueueUrl=physical.id)

    def _attributes(self, properties: Properties) -> dict[str, str]:
        names = (
            "DelaySeconds",
            "MaximumMessageSize",
            "MessageRetentionPeriod",
            "ReceiveMessageWaitTimeSeconds",
            "VisibilityTimeout",
            "RedrivePolicy",
            "RedriveAllowPolicy",
            "FifoQueue",
            "ContentBasedDeduplication",
            "KmsMasterKeyId",
            "KmsDataKeyReusePeriodSeconds",
            "SqsManagedSseEnabled",
        )
        return {name: _text(value) for name, value in picked(properties, *names).items()}


class SQSQueuePolicy(ResourceHandler):
    type = "AWS::SQS::QueuePolicy"

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        self._set(cloud, properties, json.dumps(properties["PolicyDocument"]))
        return Physical(name, {"Id": name})

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        return self.create(cloud, physical.id, new)

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        self._set(cloud, properties, "")

    def _set(self, cloud: Cloud, properties: Properties, policy: str) -> None:
        for url in properties["Queues"]:
            cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def _text(value: Any) -> str:
    """An attribute value: SNS and SQS take strings only."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)


HANDLERS: tuple[ResourceHandler, ...] = (
    EventsRule(),
    SchedulerSchedule(),
    SchedulerScheduleGroup(),
    SNSTopic(),
    SNSSubscription(),
    SNSTopicPolicy(),
    SQSQueue(),
    SQSQueuePolicy(),
)
