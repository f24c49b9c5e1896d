"""What hosts models, saved: components, what scales a fleet, and what was deleted since."""

from __future__ import annotations

from collections.abc import Iterable
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


_BILLED = {"Endpoint": "sagemaker-endpoint", "InferenceComponent": SavedComponents.name}
"""Noun, as actions have it, of what costs money while it is there → the kind it is saved as."""

BILLED_ACTIONS = {f"{verb}{noun}": noun for verb in ("Create", "Delete") for noun in _BILLED}
"""Of those, with their nouns: a deletion that a kill undid would leave behind what is nobody's."""


def billed_change(action: str, request: dict[str, Any]) -> dict[str, Any]:
    """What one of these actions makes or deletes."""
    noun = BILLED_ACTIONS[action]
    is_there = action.startswith("Create")
    return {"noun": noun, "name": request.get(f"{noun}Name"), "is_there": is_there}


def forget_deleted(records: dict[str, Any], changes: Iterable[dict[str, Any]]) -> None:
    """Leave out what was deleted since it was saved.

    Args:
        changes: As `billed_change` has them, with their regions; in order.
    """
    last = {(one["region"], one["noun"], one["name"]): one["is_there"] for one in changes}
    for (region, noun, name), is_there in last.items():
        of_region = records.get(region, {})
        saved = of_region.get(_BILLED[noun])
        if saved and not is_there:
            of_region[_BILLED[noun]] = [one for one in saved if one[f"{noun}Name"] != name]


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
