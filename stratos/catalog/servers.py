"""Instance types on offer: hardware, rates, and prices that say where they come from.

The same shape, as JSON, is `catalog/servers.json` in the bucket: AWS instance types there, this
machine's own servers in the embedded cloud.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, get_args

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from stratos.catalog.shipped import shipped_rows
from stratos.frozen import FrozenModel

PricedUse = Literal["training", "hosting"]
PRICED_USES: tuple[PricedUse, ...] = get_args(PricedUse)
PriceKind = Literal["api", "observed", "derived", "notional"]
Grade = Literal["A", "B", "C"]
Runtime = Literal["cpu", "cuda", "neuron"]

ANY_REGION = "*"
_PREFERENCE: dict[PriceKind, int] = {"api": 0, "observed": 1, "derived": 2, "notional": 3}


SPOT_BILLED_SHARE = 0.365
"""Of the seconds a managed-spot job runs: one account's savings of 59-68%, read as 63.5%."""
STALE_DAYS = 90
"""A price older than this is reported as old."""


class Price(FrozenModel):
    """An hourly price of one instance, on demand.

    Managed spot has no hourly price of its own: AWS bills fewer seconds at this one.
    """

    region: str
    """`*` for a server that is wherever the stack is."""
    component: PricedUse
    usd_per_hour: PositiveFloat
    kind: PriceKind
    """`api`: AWS Price List; `observed`: a public bill or table; `derived`: EC2 price × ratio."""
    grade: Grade
    """A: several agreeing sources; B: one; C: assumed, never chosen automatically."""
    as_of: date
    source: str


class InstanceType(FrozenModel):
    """One kind of instance. Rates are of one accelerator, or of the whole machine without any."""

    instance_type: str
    vcpu: PositiveInt
    memory_gib: PositiveFloat
    accelerator: str | None = None
    num_accelerators: NonNegativeInt = 0
    accelerator_memory_gib: PositiveFloat | None = None
    """As the device reports it, of one."""
    tflops_16bit: PositiveFloat | None = None
    """Dense."""
    tflops_32bit: PositiveFloat | None = None
    memory_bandwidth_gb_per_s: PositiveFloat | None = None
    bfloat16: bool = True
    """The hardware multiplies bfloat16 at its 16-bit rate."""
    interconnect_gb_per_s: PositiveFloat | None = None
    """Between accelerators of one instance, per device."""
    network_gbps: PositiveFloat | None = None
    """Between instances, sustained."""
    training: bool
    hosting: bool
    measured: bool = False
    """Rates were measured on the machine itself, not read from a data sheet."""
    dispatch_us: PositiveFloat | None = None
    """Measured cost of one small array operation, microseconds."""
    spot_interruptions_per_month: Annotated[float, Field(ge=0, le=1)] | None = None
    """Upper end of the EC2 Spot Instance Advisor's band; null where spot is not offered."""
    training_quota: NonNegativeInt | None = None
    """Instances the account may train on at once; null is unknown."""
    spot_training_quota: NonNegativeInt | None = None
    hosting_quota: NonNegativeInt | None = None
    prices: tuple[Price, ...] = ()
    source: str

    @property
    def runtime(self) -> Runtime:
        if self.num_accelerators == 0:
            return "cpu"
        neuron = ("Inferentia", "Trainium")
        return "neuron" if (self.accelerator or "").startswith(neuron) else "cuda"

    @property
    def num_devices(self) -> int:
        """Accelerators, or 1 for a machine without any."""
        return self.num_accelerators or 1

    @property
    def device_memory_gib(self) -> float:
        """Memory the model has to fit into, of one device."""
        return self.accelerator_memory_gib or self.memory_gib

    def price(self, region: str, component: PricedUse) -> Price | None:
        """The most trustworthy price: by kind, then the newest. None means unknown, not free."""
        found = [
            p for p in self.prices if p.component == component and p.region in (region, ANY_REGION)
        ]
        newest_first = sorted(found, key=lambda p: p.as_of, reverse=True)
        return min(newest_first, key=lambda p: _PREFERENCE[p.kind], default=None)


class ServerCatalog(FrozenModel):
    """Instance types on offer."""

    as_of: date
    instance_types: tuple[InstanceType, ...]

    def __getitem__(self, instance_type: str) -> InstanceType:
        for row in self.instance_types:
            if row.instance_type == instance_type:
                return row
        raise KeyError(instance_type)

    def with_types(self, *instance_types: InstanceType) -> ServerCatalog:
        """The same catalog with these rows added, or put in place of those of the same name."""
        new = {row.instance_type: row for row in self.instance_types}
        new |= {row.instance_type: row for row in instance_types}
        return self.model_copy(update={"instance_types": tuple(new.values())})

    @classmethod
    def aws(cls) -> ServerCatalog:
        """The shipped catalog of SageMaker instance types; sources in `data/README.md`."""
        prices: dict[str, list[Price]] = {}
        for row in shipped_rows("prices.csv"):
            for component in PRICED_USES:
                if row["component"] in (component, "both"):
                    fields = {k: v for k, v in row.items() if k != "instance_type"}
                    prices.setdefault(row["instance_type"], []).append(
                        Price.model_validate(fields | {"component": component})
                    )
        return cls(
            as_of=max(p.as_of for rows in prices.values() for p in rows),
            instance_types=tuple(
                InstanceType.model_validate(
                    row | {"prices": tuple(prices.get(row["instance_type"], ()))}
                )
                for row in shipped_rows("instance_types.csv")
            ),
        )
