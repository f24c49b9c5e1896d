"""What a spec says about hosting."""

from __future__ import annotations

import pytest

from stratos.errors import SpecRejected
from stratos.spec.reader import read_spec
from tests import factories


def test_what_only_an_endpoint_has_is_refused_with_batch() -> None:
    text = factories.spec_text(
        hosting={"mode": "batch", "keep": True, "max_instances": 3}, constraints={}
    )
    with pytest.raises(SpecRejected, match="no endpoint to apply max_instances, keep to"):
        read_spec(text)
