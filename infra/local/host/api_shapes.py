"""What an AWS API lists and takes, by botocore's model of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def pages(client: Any, operation: str, field: str, **request: Any) -> Iterator[Any]:
    """The listed items of every page, for operations with and without a paginator."""
    if client.can_paginate(operation):
        for page in client.get_paginator(operation).paginate(**request):
            yield from page.get(field, [])
    else:
        yield from getattr(client, operation)(**request).get(field, [])


def members(client: Any, operation: str) -> set[str]:
    """What an operation takes."""
    return set(client.meta.service_model.operation_model(operation).input_shape.members)
