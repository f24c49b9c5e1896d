"""What the parts of a spec demand of each other."""

from __future__ import annotations

import pytest

from stratos.errors import SpecRejected
from stratos.spec.reader import read_spec
from tests import factories


def test_latency_limits_are_refused_with_batch_all_in_one_sentence() -> None:
    limits = {"max_p95_latency_ms": 100, "max_p99_latency_ms": 200}
    text = factories.spec_text(hosting={"mode": "batch"}, constraints=limits)
    with pytest.raises(SpecRejected, match=r"max_p95_latency_ms, constraints\.max_p99_latency_ms"):
        read_spec(text)


@pytest.mark.parametrize("strategy", ["injection", "blend"])
def test_a_call_is_nothing_to_explain(strategy: str) -> None:
    task = factories.spec_dict()["task"] | {"verifier": {"kind": "tool_call"}}
    with pytest.raises(ValueError, match=f"strategy: {strategy} lets the teacher explain"):
        factories.spec(strategy=strategy, task=task)
    assert factories.spec(strategy="auto", task=task).strategy == "auto"
