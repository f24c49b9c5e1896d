"""What the account may use in each worker region, asked there, of all of them at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws.clients import client, is_unreachable
from lambdas.step import logger
from stratos.catalog.quotas import Quota, QuotaClient, fetch_quotas, parse_quotas
from stratos.waiting import within

LONGEST_SECONDS = 30.0
"""For the pages of all regions, which are some twenty each."""


@dataclass(frozen=True)
class RegionQuotas:
    """Quotas by region and instance type, and which regions said nothing."""

    known: dict[str, dict[str, Quota]] = field(default_factory=dict)
    unreached: dict[str, str] = field(default_factory=dict)
    """Region → why."""


def region_quotas(
    regions: Sequence[str], now: Callable[[], float] = time.monotonic
) -> RegionQuotas:
    """Ask every region. One that refuses to answer has quotas that nobody knows."""
    if not regions:
        return RegionQuotas()
    found, deadline = RegionQuotas(), within(LONGEST_SECONDS, now)
    clients = {region: client("service-quotas", region) for region in regions}

    def ask(region: str) -> dict[str, Quota] | str:
        try:
            return _quotas(clients[region], deadline, now)
        except (ClientError, BotoCoreError) as error:
            if is_unreachable(error):
                return str(error)
            logger.warning("the quotas of %s are not known: %s", region, error)
            return {}

    with ThreadPoolExecutor(len(regions)) as pool:
        for region, answer in zip(regions, pool.map(ask, regions), strict=True):
            if isinstance(answer, str):
                found.unreached[region] = answer
            else:
                found.known[region] = answer
    return found


def _quotas(
    quotas: QuotaClient, deadline: float, now: Callable[[], float]
) -> dict[str, Quota] | str:
    """The quotas of a region, or why there are none in time."""
    rows = []
    for row in fetch_quotas(quotas):
        rows.append(row)
        if now() > deadline:
            return f"its list of quotas took longer than {LONGEST_SECONDS:.0f} s"
    return parse_quotas(rows)
