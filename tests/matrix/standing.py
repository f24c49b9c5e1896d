"""What stands in a campaign's cloud, in every region: what is billed, and what is in service."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import boto3

from tests.integration.pipeline.cloud import Cloud, eventually


class Endpoint(NamedTuple):
    """The name of an endpoint, which may stand in several regions."""

    name: str
    region: str


class Standing:
    """What has one spec's name among all that stands there."""

    def __init__(self, cloud: Cloud, name: str, run_ids: Sequence[str]) -> None:
        """
        Args:
            name: A part of the names of all that is made for the spec.
            run_ids: Of the spec.
        """
        self._cloud, self._name, self._run_ids = cloud, name, run_ids

    def in_charge(self) -> dict[Endpoint, str]:
        """Endpoint → the run whose model is in service in it."""
        rows = [row for one in self._run_ids if (row := self._cloud.row(one)) is not None]
        return {
            Endpoint(row.endpoint_name, region): row.run_id
            for row in rows
            if row.endpoint_name
            for region in row.serving_regions or self._regions[:1]
        }

    def amiss(self) -> list[str]:
        """What is billable and nobody's, or was in service and is no more."""
        live, mine = self.in_charge(), set(self._endpoints())
        wrong = [f"left: job {job}" for region in self._regions for job in self._jobs(region)]
        wrong += [f"left: endpoint {_told(one)}" for one in mine - set(live)]
        wrong += [f"lost: endpoint {_told(one)}" for one in set(live) - mine]
        for one in mine & set(live):
            found = _sagemaker(one.region).describe_endpoint(EndpointName=one.name)
            if found["EndpointStatus"] != "InService":
                wrong.append(f"lost: endpoint {_told(one)} is {found['EndpointStatus']}")
            if live[one] not in _models_of(found, one.region):
                wrong.append(f"lost: endpoint {_told(one)} does not serve run {live[one]}")
        return wrong

    def end(self) -> None:
        """Take its endpoints down, so that nothing of the spec is in service."""
        for one in self._endpoints():
            sagemaker = _sagemaker(one.region)
            for name in _components(sagemaker, one.name):
                sagemaker.delete_inference_component(InferenceComponentName=name)
            eventually(partial(_has_none, sagemaker, one.name))
            sagemaker.delete_endpoint(EndpointName=one.name)

    @property
    def _regions(self) -> tuple[str, ...]:
        """Home first."""
        return self._cloud.settings.regions

    def _jobs(self, region: str) -> list[str]:
        return self._cloud.billable(region)["jobs"]

    def _endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(name, region)
            for region in self._regions
            for name in self._cloud.billable(region)["endpoints"]
            if self._name in name
        ]


def _sagemaker(region: str) -> Any:
    return boto3.client("sagemaker", region_name=region)


def _told(one: Endpoint) -> str:
    return f"{one.name} in {one.region}"


def _components(sagemaker: Any, endpoint: str) -> list[str]:
    listed = sagemaker.list_inference_components(EndpointNameEquals=endpoint)
    return [one["InferenceComponentName"] for one in listed["InferenceComponents"]]


def _has_none(sagemaker: Any, endpoint: str) -> bool:
    return not _components(sagemaker, endpoint)


def _models_of(endpoint: Any, region: str) -> str:
    """The names of what an endpoint serves, which begin with their run's."""
    sagemaker = _sagemaker(region)
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    models = [variant.get("ModelName") for variant in config["ProductionVariants"]]
    if None in models:  # the models are in components
        described = [
            sagemaker.describe_inference_component(InferenceComponentName=name)
            for name in _components(sagemaker, endpoint["EndpointName"])
        ]
        models = [one["Specification"]["ModelName"] for one in described]
    return " ".join(map(str, models))
