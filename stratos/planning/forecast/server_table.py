"""The servers a spec may use, as rows: instance type × count × region × purchase option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import MappingProxyType

import numpy as np

from stratos.catalog.images import LOCAL_PREFIX, architecture_of, why_not_served
from stratos.catalog.quotas import Quota
from stratos.catalog.servers import STALE_DAYS, InstanceType, Price, PricedUse, ServerCatalog
from stratos.contracts.plan import Purchase, Server
from stratos.hosting.transform_job import transforms_on
from stratos.planning.arrays import Floats, Mask
from stratos.planning.forecast.engine import bytes_per_second, flop_per_second

FLEET_SIZES = (1, 2, 3, 4, 6, 8)


@dataclass(frozen=True)
class ServerRow:
    """One server that could be rented."""

    instance: InstanceType
    count: int
    region: str
    purchase: Purchase
    price: Price
    stand_in: bool = False
    """In place of the processors of a serverless endpoint, which AWS does not name."""

    @property
    def usd_per_hour(self) -> float:
        return self.price.usd_per_hour * self.count

    def server(self, devices: int = 1, replicas: int = 1) -> Server:
        """The server as a plan states it, with its use of each instance's accelerators."""
        return Server(
            instance_type=self.instance.instance_type,
            count=self.count,
            region=self.region,
            purchase=self.purchase,
            usd_per_hour=round(self.usd_per_hour, 6),
            devices=devices,
            replicas=replicas,
        )

    def caveats(self, today: date | None = None) -> list[str]:
        """What to know before trusting the price."""
        name = f"{self.instance.instance_type} in {self.region}"
        age = ((today or datetime.now(UTC).date()) - self.price.as_of).days
        found = []
        if self.price.kind != "api":
            found.append(f"price of {name} is {self.price.kind}, grade {self.price.grade}")
        if age > STALE_DAYS:
            found.append(f"price of {name} is {age} days old")
        if self.purchase == "spot":
            found.append(
                "managed spot: savings and waiting time are those of one account, and assumed"
            )
        return found


@dataclass
class ServerTable:
    """Servers for one side of a plan, with their columns as arrays."""

    rows: list[ServerRow]
    rejected: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def usd_per_hour(self) -> Floats:
        return np.array([row.usd_per_hour for row in self.rows], dtype=np.float64)

    @property
    def counts(self) -> Floats:
        return np.array([row.count for row in self.rows], dtype=np.float64)

    @property
    def spot(self) -> Mask:
        return np.array([row.purchase == "spot" for row in self.rows], dtype=np.bool_)

    @property
    def stand_in(self) -> Mask:
        return np.array([row.stand_in for row in self.rows], dtype=np.bool_)


Quotas = Mapping[str, Mapping[str, Quota]]
"""Region and instance type → what an account may use there. A region that is not named has the
quotas of the catalog."""
_NO_QUOTAS: Quotas = MappingProxyType({})


def training_table(
    catalog: ServerCatalog, regions: Sequence[str], quotas: Quotas = _NO_QUOTAS
) -> ServerTable:
    """Every training server: on demand, and managed spot where EC2 has a spot market for it.

    Each has one instance: training over a network has not been tried.
    """
    table = ServerTable([])
    for instance in catalog.instance_types:
        priced = _priced(instance, "training", regions, table.rejected)
        purchases: tuple[Purchase, ...] = ("on_demand",)
        if instance.spot_interruptions_per_month is not None:
            purchases = ("on_demand", "spot")
        for region, price in priced:
            allowed = quota_in(quotas, region, instance)
            for purchase in purchases:
                spot = purchase == "spot"
                quota = allowed.spot_training if spot else allowed.training
                use = f"{'spot ' if spot else ''}training jobs"
                use += f" in {region}" * (region in quotas)
                for count in _within(quota, (1,), instance, use, table.rejected):
                    table.rows.append(ServerRow(instance, count, region, purchase, price))
    return table


def quota_in(quotas: Quotas, region: str, instance: InstanceType) -> Quota:
    """Of a type in a region: as fetched there, or else the catalog's, which is home's."""
    if region in quotas:
        return quotas[region].get(instance.instance_type, Quota())
    return Quota(
        training=instance.training_quota,
        spot_training=instance.spot_training_quota,
        hosting=instance.hosting_quota,
    )


def serving_table(
    catalog: ServerCatalog,
    regions: Sequence[str],
    quotas: Quotas = _NO_QUOTAS,
    *,
    for_batches: bool = False,
) -> ServerTable:
    """Every fleet: endpoints of 1 to 8 instances, on demand.

    For batches, one server of each kind that SageMaker runs transform jobs on.
    """
    table = ServerTable([])
    for instance in catalog.instance_types:
        if for_batches and not transforms_on(instance.instance_type):
            table.rejected[instance.instance_type] = "SageMaker runs no batches on it"
            continue
        for region, price in _priced(instance, "hosting", regions, table.rejected):
            local = instance.instance_type.startswith(LOCAL_PREFIX)
            sizes: tuple[int, ...] = (1,) if local or for_batches else FLEET_SIZES
            hosting = quota_in(quotas, region, instance).hosting
            quota = None if for_batches else hosting  # which is of endpoints
            use = "endpoints" + f" in {region}" * (region in quotas)
            sizes = _within(quota, sizes, instance, use, table.rejected)
            table.rows += [ServerRow(instance, n, region, "on_demand", price) for n in sizes]
    return table


def stand_in_table(catalog: ServerCatalog, regions: Sequence[str]) -> ServerTable:
    """A stand-in for a serverless endpoint in each region that has CPUs at all.

    It is the CPU with the fewest processors, which is closest to the few that come with so little
    memory; of those the cheapest, which is usually the slowest. Instance quotas do not apply to it.
    """
    table = ServerTable([])
    best: dict[str, ServerRow] = {}
    for instance in catalog.instance_types:
        if instance.runtime != "cpu" or architecture_of(instance.instance_type) != "x86_64":
            continue
        for region, price in _priced(instance, "hosting", regions, table.rejected):
            found = ServerRow(instance, 1, region, "on_demand", price, stand_in=True)
            best[region] = min(best.get(region, found), found, key=_size_and_price)
    table.rows += best.values()
    if not table.rows:
        table.rejected["serverless hosting"] = "there is no CPU instance type to forecast it from"
    return table


def _size_and_price(row: ServerRow) -> tuple[int, float]:
    return row.instance.vcpu, row.usd_per_hour


def _within(
    quota: int | None,
    counts: tuple[int, ...],
    instance: InstanceType,
    use: str,
    rejected: dict[str, str],
) -> tuple[int, ...]:
    """Counts that the account's quota allows; all of them if it is unknown."""
    if quota is None:
        return counts
    allowed = tuple(n for n in counts if n <= quota)
    if not allowed:
        rejected[f"{instance.instance_type} for {use}"] = f"the account's quota is {quota}"
    return allowed


def _priced(
    instance: InstanceType,
    component: PricedUse,
    regions: Sequence[str],
    rejected: dict[str, str],
) -> list[tuple[str, Price]]:
    """Regions with a price reliable enough to choose by; if there is none, `rejected` says why."""
    allowed = instance.training if component == "training" else instance.hosting
    name = instance.instance_type
    if not allowed:
        return []
    if instance.runtime == "neuron":
        rejected[name] = "needs a Neuron build of the training and serving code"
        return []
    if bytes_per_second(instance) is None or not _has_rate(instance):
        rejected[name] = "its arithmetic or memory rate is unknown"
        return []
    found = [(region, instance.price(region, component)) for region in regions]
    good = [(region, price) for region, price in found if price and price.grade != "C"]
    if component == "hosting":
        good, unserved = _served(name, good)
        if unserved:
            rejected[name] = unserved
    if not good and name not in rejected:
        assumed = any(price is not None for _, price in found)
        rejected[name] = (
            "its price is an assumption (grade C)" if assumed else "no price in the allowed regions"
        )
    return good


def _served(
    instance_type: str, priced: list[tuple[str, Price]]
) -> tuple[list[tuple[str, Price]], str | None]:
    """Those regions that have an image, and why another has none; nothing if all have one."""
    without = {region: why_not_served(region, instance_type) for region, _ in priced}
    served = [(region, price) for region, price in priced if without[region] is None]
    return served, next(filter(None, without.values()), None)


def _has_rate(instance: InstanceType) -> bool:
    return any(flop_per_second(instance, p) is not None for p in ("float32", "bfloat16"))
