"""What hosts a model beside its endpoint, saved: inference components, and what scales a fleet."""

from __future__ import annotations

from typing import Any

from infra.local.host.api_shapes import members, pages
from infra.local.host.clients import Cloud
from stratos.waiting import every, wait_until, within

Records = list[dict[str, Any]]

_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.05


class SavedComponents:
    """Components, with the copies they had; their endpoints are made before."""

    name = "sagemaker-inference_component"
    before_stacks = False

    def save(self, cloud: Cloud) -> Records:
        sagemaker = cloud.client("sagemaker")
        taken = members(sagemaker, "CreateInferenceComponent")
        records = []
        for listed in pages(sagemaker, "list_inference_components", "InferenceComponents"):
            described = sagemaker.describe_inference_component(
                InferenceComponentName=listed["InferenceComponentName"]
            )
            if described["InferenceComponentStatus"] == "Deleting":
                continue
            record = {key: value for key, value in described.items() if key in taken}
            record["RuntimeConfig"] = {"CopyCount": described["RuntimeConfig"]["DesiredCopyCount"]}
            tags = sagemaker.list_tags(ResourceArn=described["InferenceComponentArn"])["Tags"]
            records.append(record | ({"Tags": tags} if tags else {}))
        return records

    def restore(self, cloud: Cloud, records: Records) -> None:
        sagemaker = cloud.client("sagemaker")
        for record in records:
            _await_endpoint(sagemaker, record["EndpointName"])
            sagemaker.create_inference_component(**record)


class SavedScaling:
    """Scalable targets with their policies, and the alarms whose actions those are."""

    name = "scaling"
    before_stacks = False

    def save(self, cloud: Cloud) -> Records:
        autoscaling, cloudwatch = _services(cloud)
        records = []
        targets = autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")
        alarms = list(pages(cloudwatch, "describe_alarms", "MetricAlarms"))
        for target in targets["ScalableTargets"]:
            named = {key: target[key] for key in ("ResourceId", "ScalableDimension")}
            policies = autoscaling.describe_scaling_policies(ServiceNamespace="sagemaker", **named)
            records.append(
                {
                    "target": _request(autoscaling, "RegisterScalableTarget", target),
                    "policies": [
                        {
                            "request": _request(autoscaling, "PutScalingPolicy", policy),
                            "alarms": [
                                _request(cloudwatch, "PutMetricAlarm", alarm)
                                for alarm in alarms
                                if policy["PolicyARN"] in alarm["AlarmActions"]
                            ],
                        }
                        for policy in policies["ScalingPolicies"]
                    ],
                }
            )
        return records

    def restore(self, cloud: Cloud, records: Records) -> None:
        autoscaling, cloudwatch = _services(cloud)
        for record in records:
            autoscaling.register_scalable_target(**record["target"])
            for policy in record["policies"]:
                arn = autoscaling.put_scaling_policy(**policy["request"])["PolicyARN"]
                for alarm in policy["alarms"]:
                    cloudwatch.put_metric_alarm(**alarm | {"AlarmActions": [arn]})


def _services(cloud: Cloud) -> tuple[Any, Any]:
    return cloud.client("application-autoscaling"), cloud.client("cloudwatch")


def _request(client: Any, operation: str, described: dict[str, Any]) -> dict[str, Any]:
    """What was described as it is asked for; what was never given is described as empty."""
    taken = members(client, operation)
    return {
        key: value
        for key, value in described.items()
        if key in taken and value not in (None, "", [], {})
    }


def _await_endpoint(sagemaker: Any, name: str) -> None:
    wait_until(
        lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] != "Creating",
        deadline=within(_PATIENCE_SECONDS),
        pauses=every(_POLL_SECONDS),
    )
