"""The chat template carries what training decided, so that nobody has to pass it."""

from __future__ import annotations

import re

_THINKS = re.compile(r"\benable_thinking\b")
NO_THINKING = "{%- set enable_thinking = false -%}"
"""Put before a template, it counts whatever a request passes."""


def decided(template: str) -> str:
    """The template as training rendered it: without thinking, where it has that switch."""
    if template.startswith(NO_THINKING) or not _THINKS.search(template):
        return template
    return NO_THINKING + template
