"""SageMaker quotas of an account: how many instances of a type each use may have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from stratos.catalog.servers import ServerCatalog
from stratos.frozen import FrozenModel

_NAME = re.compile(
    r"^(?P<type>ml\.[\w.-]+) for (?P<use>training job|spot training job|endpoint) usage$"
)


class QuotaClient(Protocol):
    """boto3's `service-quotas` client, as far as it is used."""

    def list_service_quotas(self, **request: Any) -> Mapping[str, Any]: ...


class Quota(FrozenModel):
    """Instances of one type that one use may have at once. None means unknown, not unlimited."""

    training: int | None = None
    spot_training: int | None = None
    hosting: int | None = None


def fetch_quotas(client: QuotaClient) -> Iterator[Mapping[str, Any]]:
    """Yield every SageMaker quota of the client's account and region, page by page."""
    request: dict[str, Any] = {"ServiceCode": "sagemaker"}
    while True:
        page = client.list_service_quotas(**request)
        yield from page["Quotas"]
        if not page.get("NextToken"):
            return
        request["NextToken"] = page["NextToken"]


def parse_quotas(rows: Iterable[Mapping[str, Any]]) -> dict[str, Quota]:
    """Quotas by instance type, out of the names AWS gives them."""
    fields = {
        "training job": "training",
        "spot training job": "spot_training",
        "endpoint": "hosting",
    }
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        name = _NAME.match(row["QuotaName"])
        if name is not None:
            found.setdefault(name["type"], {})[fields[name["use"]]] = int(row["Value"])
    return {instance_type: Quota.model_validate(values) for instance_type, values in found.items()}


def with_quotas(catalog: ServerCatalog, quotas: Mapping[str, Quota]) -> ServerCatalog:
    """The catalog with the quotas of each instance type; unknown if the account lists none."""
    rows = []
    for row in catalog.instance_types:
        quota = quotas.get(row.instance_type, Quota())
        rows.append(
            row.model_copy(
                update={
                    "training_quota": quota.training,
                    "spot_training_quota": quota.spot_training,
                    "hosting_quota": quota.hosting,
                }
            )
        )
    return catalog.model_copy(update={"instance_types": tuple(rows)})
