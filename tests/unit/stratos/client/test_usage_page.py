"""The example of docs/usage.md, run as it is written there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import boto3
import pytest

from stratos.client.stack import Stack
from tests import factories
from tests.unit.stratos.client.served_regions import EUROPE, HOME, ServedRegions, refusal

PAGE = Path(__file__).parents[4] / "docs" / "usage.md"


@pytest.fixture
def example(regions: ServedRegions, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its lines, where two regions serve the model and the caller is in Europe."""
    regions.promote(factories.served(HOME, EUROPE, spec_name="refunds"))
    monkeypatch.setattr(Stack, "find", lambda *_: regions.stack)
    monkeypatch.setenv("AWS_DEFAULT_REGION", EUROPE)
    made = boto3.client

    def client(service: str, region_name: str, **options: Any) -> Any:
        if service == "sagemaker-runtime":
            return regions.make(service, region=region_name, longest_seconds=1.0)
        return made(service, region_name=region_name, **options)

    monkeypatch.setattr(boto3, "client", client)
    found = re.search(r"```python\n(from stratos\.client .*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("failing", "told"),
    [
        ({}, f"from {EUROPE} says {EUROPE}\n"),
        ({EUROPE: refusal("ThrottlingException")}, f"from {HOME} says {HOME}\n"),
        ({EUROPE: refusal("PayloadTooLarge", status=413)}, "ask something else: endpoint "),
    ],
    ids=["nearest", "next", "refused"],
)
def test_the_example_of_ten_lines_asks(
    example: str,
    regions: ServedRegions,
    failing: dict[str, Exception],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert len(list(filter(None, example.splitlines()))) == 10
    regions.failing |= failing
    exec(compile(example, str(PAGE), "exec"), {})
    assert capsys.readouterr().out.startswith(told)
