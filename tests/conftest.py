"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# A deadline would fail a test because the machine is slow.
settings.register_profile("stratos", deadline=None)
settings.load_profile("stratos")
