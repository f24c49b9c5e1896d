"""What the resources behind a spec are called."""

from __future__ import annotations

VARIANT = "AllTraffic"
"""The one production variant of an endpoint."""
MEASURED = "measured"
"""The batch of held-out questions by which a model without an endpoint is measured."""


def endpoint_name(spec_name: str) -> str:
    """One endpoint a spec: a new run updates it."""
    return f"stratos-{spec_name}"
