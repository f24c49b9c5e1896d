"""Logs, alarms, dashboards and parameters."""

from __future__ import annotations

import json
from typing import Any

from infra.local.cloudformation.resources.handler import (
    Physical,
    Properties,
    ResourceHandler,
    picked,
)
from infra.local.host.clients import Cloud


class LogsLogGroup(ResourceHandler):
    type = "AWS::Logs::LogGroup"
    name_property = "LogGroupName"
    max_name = 512
    replaced_by = frozenset({"LogGroupName"})

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        cloud.client("logs").create_log_group(logGroupName=name)
        physical = Physical(name, {"Arn": cloud.arn("logs", f"log-group:{name}:*")})
        return self.update(cloud, physical, {}, properties)

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        if "RetentionInDays" in new:
            cloud.client("logs").put_retention_policy(
                logGroupName=physical.id, retentionInDays=int(new["RetentionInDays"])
            )
        elif "RetentionInDays" in old:
            cloud.client("logs").delete_retention_policy(logGroupName=physical.id)
        return physical

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("logs").delete_log_group(logGroupName=physical.id)


class LogsResourcePolicy(ResourceHandler):
    type = "AWS::Logs::ResourcePolicy"
    name_property = "PolicyName"

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        cloud.client("logs").put_resource_policy(
            policyName=name, policyDocument=properties["PolicyDocument"]
        )
        return Physical(name)

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        return self.create(cloud, physical.id, new)

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("logs").delete_resource_policy(policyName=physical.id)


class CloudWatchAlarm(ResourceHandler):
    type = "AWS::CloudWatch::Alarm"
    name_property = "AlarmName"
    max_name = 255
    replaced_by = frozenset({"AlarmName"})

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        ignored = {"AlarmName", "Tags"}
        request = {key: value for key, value in properties.items() if key not in ignored}
        cloud.client("cloudwatch").put_metric_alarm(AlarmName=name, **request)
        return Physical(name, {"Arn": cloud.arn("cloudwatch", f"alarm:{name}")})

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        return self.create(cloud, physical.id, new)

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("cloudwatch").delete_alarms(AlarmNames=[physical.id])


class CloudWatchDashboard(ResourceHandler):
    type = "AWS::CloudWatch::Dashboard"
    name_property = "DashboardName"
    max_name = 255
    replaced_by = frozenset({"DashboardName"})

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        body = properties["DashboardBody"]
        cloud.client("cloudwatch").put_dashboard(
            DashboardName=name, DashboardBody=body if isinstance(body, str) else json.dumps(body)
        )
        return Physical(name)

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        return self.create(cloud, physical.id, new)

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("cloudwatch").delete_dashboards(DashboardNames=[physical.id])


class SSMParameter(ResourceHandler):
    type = "AWS::SSM::Parameter"
    name_property = "Name"
    max_name = 1011
    replaced_by = frozenset({"Name", "DataType"})

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        return self._put(cloud, name, properties, overwrite=False)

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        return self._put(cloud, physical.id, new, overwrite=True)

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("ssm").delete_parameter(Name=physical.id)

    def _put(self, cloud: Cloud, name: str, properties: Properties, *, overwrite: bool) -> Physical:
        request: dict[str, Any] = picked(
            properties, "Type", "Value", "Description", "AllowedPattern", "DataType", "Tier"
        )
        cloud.client("ssm").put_parameter(Name=name, Overwrite=overwrite, **request)
        return Physical(name, {"Type": properties["Type"], "Value": properties["Value"]})


class CDKMetadata(ResourceHandler):
    """What the CDK writes about itself; nothing to make."""

    type = "AWS::CDK::Metadata"

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        return Physical(name)

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        """Nothing was made."""


HANDLERS: tuple[ResourceHandler, ...] = (
    LogsLogGroup(),
    LogsResourcePolicy(),
    CloudWatchAlarm(),
    CloudWatchDashboard(),
    SSMParameter(),
    CDKMetadata(),
)
