"""The states that call AWS directly."""

from __future__ import annotations

import re

import boto3


def test_every_sagemaker_request_is_one_that_sagemaker_knows(states):
    models = {
        service: boto3.client(service, region_name="us-east-1").meta.service_model
        for service in ("sagemaker", "cloudwatch", "application-autoscaling")
    }
    checked = set()
    for name, state in states.items():
        resource = str(state.get("Resource", ""))
        found = re.search(
            r":(sagemaker|cloudwatch|applicationautoscaling):(\w+?)(\.sync)?$", resource
        )
        if not found:
            continue
        operation = found[2][0].upper() + found[2][1:]
        service = {"applicationautoscaling": "application-autoscaling"}.get(found[1], found[1])
        shape = models[service].operation_model(operation).input_shape
        given = {field.removesuffix(".$") for field in state["Parameters"]}
        assert given <= set(shape.members), name
        assert set(shape.required_members) <= given, name
        checked.add(found[2])
    assert checked == {
        "createTrainingJob",
        "createTransformJob",
        "createModelPackage",
        "createModel",
        "createEndpointConfig",
        "createEndpoint",
        "updateEndpoint",
        "describeEndpoint",
        "putMetricAlarm",
        "deleteAlarms",
        "deregisterScalableTarget",
        "createInferenceComponent",
        "updateInferenceComponent",
    }
