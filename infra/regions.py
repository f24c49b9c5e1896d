"""The regions of a stack: the one to which one uploads, and those that work for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from stratos.regions import known_regions

_SETTING = "stratos:worker_regions"
_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}


@dataclass(frozen=True)
class Regions:
    """Where a stack is deployed.

    Raises:
        ValueError: A worker region cannot be one.
    """

    home: str = ""
    """Empty for wherever the template is deployed, which only a stack without workers may be."""
    workers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.workers and not self.home:
            raise ValueError(
                f"{_SETTING} names {', '.join(self.workers)}, and stratos:home_region is empty: a "
                "worker has to know where answers go; set it to the region to which you upload"
            )
        if self.home in self.workers:
            raise ValueError(
                f"{_SETTING} names {self.home}, which is stratos:home_region; a stack works for "
                "itself at home without being told, so leave it out"
            )
        if twice := [region for region, count in Counter(self.workers).items() if count > 1]:
            raise ValueError(f"{_SETTING} names {', '.join(twice)} more than once; name it once")
        known = known_regions()
        named = filter(None, (self.home, *self.workers))
        if unknown := [region for region in named if region not in known]:
            raise ValueError(
                f"no region of AWS is called {', '.join(unknown)}; the catalog knows "
                f"{', '.join(known)}"
            )
        partitions = {_partition(region) for region in (self.home, *self.workers)}
        if len(partitions) > 1:
            raise ValueError(
                f"no account has regions in {' and in '.join(sorted(partitions))}; {_SETTING} may "
                f"name those that the account of {self.home} has"
            )

    @classmethod
    def of(cls, home: str, workers: str) -> Regions:
        """As the settings have them.

        Args:
            workers: Regions with commas between.
        """
        named = (region.strip() for region in workers.split(","))
        return cls(home.strip(), tuple(region for region in named if region))


def _partition(region: str) -> str:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""
    found = (name for start, name in _PARTITIONS.items() if region.startswith(start))
    return next(found, "aws")
