"""Values of the services' APIs as JSON, and back."""

from __future__ import annotations

import base64
from typing import Any


def encode(value: Any) -> Any:
    """For `json.dumps`: bytes, and times, which come back as text.

    Raises:
        TypeError: anything else.
    """
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"cannot save {type(value).__name__}")


def decode(value: dict[str, Any]) -> Any:
    """For `json.loads`."""
    return base64.b64decode(value["$bytes"]) if set(value) == {"$bytes"} else value
