"""Models and links for tests of several devices."""

from __future__ import annotations

from hypothesis import strategies as st

from stratos.catalog.models import hub_models
from stratos.planning.forecast.transformer import transformer

CATALOG_8B = transformer(hub_models()["Qwen/Qwen3-8B"].card())
links = st.sampled_from([None, 16.0, 32.0, 600.0, 900.0])
sizes = st.floats(0.1, 30.0)
