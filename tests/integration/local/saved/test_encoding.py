"""Values as JSON, and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from infra.local.saved.encoding import decode, encode


def test_bytes_come_back_and_times_as_text():
    value = {"raw": b"\x00\xff", "at": datetime(2026, 1, 2, tzinfo=UTC), "n": [1, {"a": None}]}
    found = json.loads(json.dumps(value, default=encode), object_hook=decode)
    assert found == value | {"at": "2026-01-02T00:00:00+00:00"}


def test_what_has_no_form_is_refused():
    with pytest.raises(TypeError, match="cannot save set"):
        json.dumps({1}, default=encode)
