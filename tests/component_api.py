"""SageMaker's inference components in moto's memory, which has none: all is done at once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from moto.core.responses import ActionResult
from moto.sagemaker.exceptions import AWSValidationException
from moto.sagemaker.models import FakeEndpoint, SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse

from infra.local.host.patching import Patches
from infra.local.sagemaker.scalable_targets import add_component_dimension

_PREFIX = "arn:aws:sagemaker:us-east-1:123456789012"


class ComponentApi:
    """The components of one account. What does not start is named beforehand."""

    def __init__(self) -> None:
        self.components: dict[str, dict[str, Any]] = {}
        self.broken_models: set[str] = set()
        self.busy = False
        """SageMaker is not done with any of them."""
        self.refuses_updates = False
        """Copies start or stop, which a description does not tell yet."""
        self._tags: dict[str, list[dict[str, str]]] = {}
        self._patches = Patches()

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Add the operations until the test is over."""
        add_component_dimension(self._patches)
        self._answer(monkeypatch, "update_inference_component_runtime_config", self._update_copies)
        for name in ("create", "describe", "update", "delete"):
            self._answer(monkeypatch, f"{name}_inference_component", getattr(self, f"_{name}"))
        self._answer(monkeypatch, "list_inference_components", self._list)
        original = SageMakerModelBackend.list_tags

        def list_tags(backend: Any, arn: str, **paging: Any) -> Any:
            if ":inference-component/" in arn:
                return self._tags.get(arn.rpartition("/")[2], []), None
            return original(backend, arn=arn, **paging)

        monkeypatch.setattr(SageMakerModelBackend, "list_tags", list_tags)
        check = SageMakerModelBackend.validate_production_variants

        def check_named(backend: Any, variants: list[dict[str, Any]]) -> None:
            check(backend, [variant for variant in variants if "ModelName" in variant])

        monkeypatch.setattr(SageMakerModelBackend, "validate_production_variants", check_named)
        process = FakeEndpoint._process_production_variants

        def keep_scaling(endpoint: Any, variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
            kept = "ManagedInstanceScaling"
            return [
                summary | ({kept: variant[kept]} if kept in variant else {})
                for summary, variant in zip(process(endpoint, variants), variants, strict=True)
            ]

        monkeypatch.setattr(FakeEndpoint, "_process_production_variants", keep_scaling)
        delete = SageMakerModelBackend.delete_endpoint

        def delete_endpoint(backend: Any, endpoint_name: str) -> None:
            if any(c["EndpointName"] == endpoint_name for c in self.components.values()):
                raise AWSValidationException(f"Endpoint {endpoint_name} has components.")
            delete(backend, endpoint_name)

        monkeypatch.setattr(SageMakerModelBackend, "delete_endpoint", delete_endpoint)

    def restore(self) -> None:
        self._patches.restore()

    def _answer(self, monkeypatch: pytest.MonkeyPatch, name: str, operation: Any) -> None:
        def respond(response: SageMakerResponse) -> ActionResult:
            return ActionResult(operation(json.loads(response.body)))

        monkeypatch.setattr(SageMakerResponse, name, respond, raising=False)

    def _create(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["InferenceComponentName"]
        now = datetime.now(UTC)
        self.components[name] = {
            "InferenceComponentName": name,
            "InferenceComponentArn": f"{_PREFIX}:inference-component/{name}",
            "EndpointName": asked["EndpointName"],
            "EndpointArn": f"{_PREFIX}:endpoint/{asked['EndpointName']}",
            "VariantName": asked["VariantName"],
            "CreationTime": now,
            "LastModifiedTime": now,
            "Specification": asked["Specification"],
            "RuntimeConfig": {
                "DesiredCopyCount": asked["RuntimeConfig"]["CopyCount"],
                "CurrentCopyCount": asked["RuntimeConfig"]["CopyCount"],
            },
            "InferenceComponentStatus": "InService",
        }
        self._tags[name] = asked.get("Tags", [])
        if asked["Specification"]["ModelName"] in self.broken_models:
            self.components[name] |= {
                "InferenceComponentStatus": "Failed",
                "FailureReason": "it did not start",
            }
        return {"InferenceComponentArn": self.components[name]["InferenceComponentArn"]}

    def _describe(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = self._found(asked)
        return found | ({"InferenceComponentStatus": "Updating"} if self.busy else {})

    def _update(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = self._found(asked)
        if self.refuses_updates:
            raise AWSValidationException("Cannot update inference component: copies are scaling.")
        if asked["Specification"]["ModelName"] not in self.broken_models:
            found["Specification"] = asked["Specification"]
        return {"InferenceComponentArn": found["InferenceComponentArn"]}

    def _update_copies(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Copies start by themselves; a test says when they have."""
        found = self._found(asked)
        found["RuntimeConfig"]["DesiredCopyCount"] = asked["DesiredRuntimeConfig"]["CopyCount"]
        return {"InferenceComponentArn": found["InferenceComponentArn"]}

    def _delete(self, asked: dict[str, Any]) -> dict[str, Any]:
        del self.components[self._found(asked)["InferenceComponentName"]]
        return {}

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        listed = [
            {k: v for k, v in item.items() if k not in ("Specification", "RuntimeConfig")}
            for item in self.components.values()
        ]
        return {"InferenceComponents": listed}

    def _found(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["InferenceComponentName"]
        if name not in self.components:
            raise AWSValidationException(f"Could not find inference component {name}.")
        return self.components[name]
