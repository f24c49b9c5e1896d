"""Clouds of two regions, and what can happen between these.

A whole cloud in this process is `restarts.serving(state_dir, regions=REGIONS, distance_scale=0)`;
one in a process of its own, with the pipeline, is `running_cloud` of `tests/integration/pipeline`
with the same settings and an assembly of several regions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from judged_cloud import judged_cloud
from moto_cloud import Cloud

from infra.local.host.network import RegionNetwork
from infra.local.host.seam import Seam
from infra.local.requests.between_regions import BetweenRegions
from infra.local.s3.bucket_regions import BucketRegions

HOME, WORKER = "us-east-1", "eu-west-1"
REGIONS = (HOME, WORKER)


@contextmanager
def two_regions(
    state_dir: Path,
    *seams: Seam,
    delays: Callable[[float], object] = lambda seconds: None,
    **settings: Any,
) -> Iterator[Cloud]:
    """Serve these seams to callers who are judged, in two regions. No distance takes time.

    Args:
        delays: Gets the seconds that a distance would take.
    """
    between = (BucketRegions(), BetweenRegions(delays))
    with judged_cloud(state_dir, *between, *seams, regions=REGIONS, **settings) as cloud:
        yield cloud


def make_bucket_in(cloud: Cloud, region: str, name: str) -> None:
    """A bucket in a region other than S3's first."""
    cloud.in_region(region)("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": region}
    )


@contextmanager
def cut_off(cloud: Cloud, region: str) -> Iterator[None]:
    """Cut a region off for a while."""
    network = RegionNetwork(cloud.settings)
    network.cut(region)
    try:
        yield
    finally:
        network.mend(region)
