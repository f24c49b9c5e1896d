"""One inference component: what is known of it, and the process behind its copies."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from moto.sagemaker.exceptions import AWSValidationException

from infra.local.host.settings import ACCOUNT_ID
from infra.local.sagemaker.api import Placed, utc_now
from infra.local.sagemaker.endpoints.traffic import Traffic
from infra.local.sagemaker.model_server import ModelServer


def _arn(kind: str, place: Placed) -> str:
    return f"arn:aws:sagemaker:{place.region}:{ACCOUNT_ID}:{kind}/{place.name}"


class Component:
    """Its state, changed one operation at a time."""

    KIND = "inference-component"

    def __init__(
        self,
        name: str,
        endpoint: Placed,
        variant: Mapping[str, Any],
        specification: Mapping[str, Any],
        tags: list[dict[str, str]],
        make_traffic: Callable[[Callable[[str], None]], Traffic],
    ) -> None:
        self.name = name
        self.endpoint = endpoint
        self.arn = self.arn_of(Placed(endpoint.region, name))
        self.specification = copy.deepcopy(dict(specification))
        self.tags = tags
        self.traffic = make_traffic(self.lose)
        self.current_copies = self.desired_copies = 0
        self.last_deployment_config: Mapping[str, Any] | None = None
        self.used_at = time.monotonic()
        """When a request was last in flight, or a copy came into service."""
        self.refusals: list[float] = []
        """When a request found no copy in service, since one last was."""
        self._variant = variant
        self._status = ""
        self._reason: str | None = None
        self._created = self._modified = utc_now()
        self._server: ModelServer | None = None
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    @classmethod
    def arn_of(cls, place: Placed) -> str:
        return _arn(cls.KIND, place)

    @property
    def busy(self) -> bool:
        """Whether a request is in flight."""
        return self._server is not None and self._server.in_flight > 0

    @property
    def in_service(self) -> bool:
        return self._status == "InService"

    def variant_of(self, specification: Mapping[str, Any]) -> dict[str, Any]:
        """What its process is started as: the endpoint's instance with the component's model."""
        return {
            "VariantName": self._variant["VariantName"],
            "InstanceType": self._variant["InstanceType"],
            "ModelName": specification["ModelName"],
            **(specification.get("StartupParameters") or {}),
        }

    def enter(self) -> ModelServer | None:
        """A server with one more request in flight, or None, which is remembered."""
        server = self.traffic.enter({}, None)
        with self._lock:
            self.used_at = time.monotonic()
            if server is None:
                self.refusals.append(self.used_at)
            else:
                self._server = server
        return server

    def begin(self, status: str, copies: int) -> None:
        """Begin a change.

        Raises:
            AWSValidationException: another is under way.
        """
        with self._lock:
            if self._status in ("Creating", "Updating", "Deleting"):
                raise AWSValidationException(
                    f'Cannot change inference component "{self.arn}" while it is in state '
                    f"{self._status}."
                )
            self._status = status
            self.desired_copies = copies
            self._modified = utc_now()

    def finish(
        self,
        reason: str | None,
        specification: Mapping[str, Any],
        copies: int,
        status: str = "InService",
    ) -> None:
        """End a change; without a reason, it went well."""
        with self._lock:
            self.specification = copy.deepcopy(dict(specification))
            self.current_copies = self.desired_copies = copies
            self.used_at = time.monotonic()
            self.refusals.clear()
            self._reason = reason
            self._modified = utc_now()
            self._status = status

    def lose(self, reason: str) -> None:
        """Its copies died for good."""
        with self._lock:
            going = self._status == "Deleting"
        if not going:
            self.finish(reason, self.specification, 0, "Failed")

    def stop(self, then: Callable[[], None]) -> None:
        """In the background, end the process once its requests are answered."""

        def stand_down() -> None:
            self.traffic.stand_down()
            then()

        thread = threading.Thread(target=stand_down, daemon=True)
        self._threads = [*(item for item in self._threads if item.is_alive()), thread]
        thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def summary(self) -> dict[str, Any]:
        return {
            "InferenceComponentName": self.name,
            "InferenceComponentArn": self.arn,
            "EndpointName": self.endpoint.name,
            "EndpointArn": _arn("endpoint", self.endpoint),
            "VariantName": self._variant["VariantName"],
            "InferenceComponentStatus": self._status,
            "CreationTime": self._created,
            "LastModifiedTime": self._modified,
        }

    def described(self) -> dict[str, Any]:
        with self._lock:
            described = self.summary() | {
                "Specification": self.specification,
                "RuntimeConfig": {
                    "DesiredCopyCount": self.desired_copies,
                    "CurrentCopyCount": self.current_copies,
                },
            }
            if self._reason is not None:
                described["FailureReason"] = self._reason
            if self.last_deployment_config is not None:
                described["LastDeploymentConfig"] = self.last_deployment_config
            return described
