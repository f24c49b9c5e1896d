"""What stands in a campaign's cloud, in every region: what is billed, and what is in service."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import boto3
from botocore.exceptions import ClientError

from infra.local.host.settings import ACCOUNT_ID
from stratos.hosting.guardrails import run_of_alarm
from tests.integration.pipeline.cloud import Cloud, eventually


class Answering(NamedTuple):
    """What answers for a spec: an endpoint in each of its regions, or the model of batches."""

    kind: Literal["endpoint", "model"]
    name: str
    region: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} in {self.region}"


class Standing:
    """What has one spec's name among all that stands there."""

    def __init__(self, cloud: Cloud, name: str, run_ids: Sequence[str]) -> None:
        """
        Args:
            name: A part of the names of all that is made for the spec.
            run_ids: Of the spec.
        """
        self._cloud, self._name, self._run_ids = cloud, name, run_ids

    def in_charge(self) -> dict[Answering, str]:
        """What answers, as the table of runs has it → the run whose model that is."""
        found: dict[Answering, str] = {}
        for row in filter(None, map(self._cloud.row, self._run_ids)):
            if row.endpoint_name:
                for region in row.serving_regions or self._regions[:1]:
                    found[Answering("endpoint", row.endpoint_name, region)] = row.run_id
            if row.batch_model_name:
                found[Answering("model", row.batch_model_name, self._regions[0])] = row.run_id
        return found

    def amiss(self) -> list[str]:
        """What is billable or under way and nobody's, or was in service and is no more."""
        live = self.in_charge()
        return [
            *(one for region in self._regions for one in self._left(region, live)),
            *(one for what, run_id in live.items() for one in _lost(what, run_id)),
        ]

    def end(self) -> None:
        """Take its endpoints down, so that nothing of the spec is in service."""
        for region in self._regions:
            for name in self._endpoints(region):
                sagemaker = _sagemaker(region)
                for component in _components(sagemaker, name):
                    sagemaker.delete_inference_component(InferenceComponentName=component)
                eventually(partial(_has_none, sagemaker, name))
                sagemaker.delete_endpoint(EndpointName=name)

    @property
    def _regions(self) -> tuple[str, ...]:
        """Home first."""
        return self._cloud.settings.regions

    def _left(self, region: str, live: dict[Answering, str]) -> Iterator[str]:
        billed = self._cloud.billable(region)
        for job in billed["jobs"]:
            yield f"left: job {job} in {region}"
        for name in billed["endpoints"]:
            one = Answering("endpoint", name, region)
            if self._name in name and one not in live:
                yield f"left: {one}"
        for name in _running(region, self._machine(region)):
            yield f"left: execution {name} in {region}"
        for name in _alarms(region):
            if run_of_alarm(name) in self._run_ids:
                yield f"left: alarm {name} in {region}"

    def _machine(self, region: str) -> str:
        if region == self._regions[0]:
            return self._cloud.stack.state_machine_arn
        return f"arn:aws:states:{region}:{ACCOUNT_ID}:stateMachine:stratos-worker"

    def _endpoints(self, region: str) -> list[str]:
        return [name for name in self._cloud.billable(region)["endpoints"] if self._name in name]


def _lost(what: Answering, run_id: str) -> Iterator[str]:
    """What is wrong with what should answer."""
    sagemaker = _sagemaker(what.region)
    if what.kind == "model":
        if _described(sagemaker.describe_model, ModelName=what.name) is None:
            yield f"lost: {what}"
        return
    found = _described(sagemaker.describe_endpoint, EndpointName=what.name)
    if found is None:
        yield f"lost: {what}"
        return
    if found["EndpointStatus"] != "InService":
        yield f"lost: {what} is {found['EndpointStatus']}"
    if run_id not in _models_of(sagemaker, found):
        yield f"lost: {what} does not serve run {run_id}"


def _models_of(sagemaker: Any, endpoint: Any) -> str:
    """The names of what an endpoint serves, which begin with their run's."""
    named = endpoint["EndpointConfigName"]
    config = _described(sagemaker.describe_endpoint_config, EndpointConfigName=named) or {}
    models = [variant.get("ModelName") for variant in config.get("ProductionVariants", ())]
    if None in models:  # the models are in components
        described = [
            _described(sagemaker.describe_inference_component, InferenceComponentName=name)
            for name in _components(sagemaker, endpoint["EndpointName"])
        ]
        models = [one["Specification"]["ModelName"] for one in described if one is not None]
    return " ".join(map(str, models))


def _described(describe: Callable[..., Any], **named: str) -> Any:
    """None for what is not there; it may go between a listing and this."""
    try:
        return describe(**named)
    except ClientError:
        return None


def _sagemaker(region: str) -> Any:
    return boto3.client("sagemaker", region_name=region)


def _components(sagemaker: Any, endpoint: str) -> list[str]:
    listed = sagemaker.list_inference_components(EndpointNameEquals=endpoint)
    return [one["InferenceComponentName"] for one in listed["InferenceComponents"]]


def _has_none(sagemaker: Any, endpoint: str) -> bool:
    return not _components(sagemaker, endpoint)


def _running(region: str, machine: str) -> list[str]:
    states = boto3.client("stepfunctions", region_name=region)
    listed = states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")
    return [one["name"] for one in listed["executions"]]


def _alarms(region: str) -> list[str]:
    pages = boto3.client("cloudwatch", region_name=region).get_paginator("describe_alarms")
    return [one["AlarmName"] for page in pages.paginate() for one in page["MetricAlarms"]]
