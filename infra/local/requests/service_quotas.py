"""Service Quotas: those of SageMaker's instances that `stratos local capacity --quota` set to 0."""

from __future__ import annotations

import json
from typing import Any

from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.responses import ServiceQuotasResponse

from infra.local.host.capacity import Capacity, Use
from infra.local.host.patching import Patches
from infra.local.host.settings import LocalSettings

_SERVICE = "sagemaker"
_USES: dict[Use, str] = {
    "training": "training job",
    "spot": "spot training job",
    "hosting": "endpoint",
}


class ServiceQuotas:
    """Seam: the quotas of a region. Of a type without one, AWS may list none either."""

    def __init__(self) -> None:
        self._patches = Patches()

    def install(self, settings: LocalSettings) -> None:
        def list_service_quotas(response: Any) -> str:
            if json.loads(response.body).get("ServiceCode") != _SERVICE:
                raise NoSuchResource
            forbidden = Capacity(settings, response.region).forbidden()
            rows = [
                _row(f"{instance_type} for {_USES[use]} usage")
                for use, types in forbidden.items()
                for instance_type in types
            ]
            return json.dumps({"Quotas": rows})

        self._patches.add(ServiceQuotasResponse, "list_service_quotas", list_service_quotas)

    def close(self) -> None:
        self._patches.restore()


def _row(name: str) -> dict[str, Any]:
    return {
        "ServiceCode": _SERVICE,
        "ServiceName": "Amazon SageMaker",
        "QuotaName": name,
        "Value": 0.0,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
