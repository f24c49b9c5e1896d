"""Which hosts within private networks this job may ask, as the stack's owner has named them."""

from __future__ import annotations

import os

from stratos.contracts.job_start import PRIVATE_HOSTS


def private_hosts() -> tuple[str, ...]:
    return tuple(filter(None, os.environ.get(PRIVATE_HOSTS, "").split(",")))
