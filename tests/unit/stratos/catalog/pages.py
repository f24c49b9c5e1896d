"""A client that answers page by page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Pages:
    """A client that answers page by page, as boto3's does, and remembers what it was asked."""

    def __init__(self, key: str, pages: list[list[Any]]) -> None:
        self.key, self.pages, self.requests = key, pages, list[dict[str, Any]]()

    def _next(self, request: dict[str, Any]) -> Mapping[str, Any]:
        self.requests.append(dict(request))
        number = int(request.get("NextToken", "0"))
        more = {"NextToken": str(number + 1)} if number + 1 < len(self.pages) else {}
        return {self.key: self.pages[number], **more}

    def get_products(self, **request: Any) -> Mapping[str, Any]:
        return self._next(request)

    def list_service_quotas(self, **request: Any) -> Mapping[str, Any]:
        return self._next(request)
