"""Bedrock's list of models, from a response in the documented shape to the choice of teachers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from typer.testing import CliRunner

from stratos.catalog.bedrock_listing import BedrockListing, ListedModel, fetch_listing
from stratos.catalog.models import default_teachers
from stratos.cli.catalog import catalog_app

REGION, TODAY = "us-east-1", date(2026, 11, 24)


def summary(model_id: str, status: str | None = "ACTIVE", **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "modelArn": f"arn:aws:bedrock:{REGION}::foundation-model/{model_id}",
        "modelId": model_id,
        "inputModalities": ["TEXT", "IMAGE"],
        "outputModalities": ["TEXT"],
    }
    if status is not None:
        row["modelLifecycle"] = {
            "status": status,
            "endOfLifeTime": datetime(2027, 5, 1, tzinfo=UTC),
        }
    return row | changes


def stubbed(*summaries: dict[str, Any]) -> Any:
    """A client whose next answer is the given list, checked against the service's own model."""
    client = boto3.client(
        "bedrock", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="s"
    )
    stubber = Stubber(client)
    stubber.add_response("list_foundation_models", {"modelSummaries": list(summaries)}, {})
    stubber.activate()
    return client


def listing(*summaries: dict[str, Any]) -> BedrockListing:
    return fetch_listing(stubbed(*summaries), REGION, TODAY)


def test_lifecycle_and_modalities_are_read() -> None:
    found = listing(
        summary("a.one-v1:0"),
        summary("a.two-v1:0", "LEGACY"),
        summary("a.three-v1:0", None),
        summary("a.embed-v1:0", outputModalities=["EMBEDDING"]),
    )
    assert (found.region, found.as_of) == (REGION, TODAY)
    assert found.models == (
        ListedModel(model_id="a.one-v1:0", lifecycle="active", chats=True),
        ListedModel(model_id="a.two-v1:0", lifecycle="legacy", chats=True),
        ListedModel(model_id="a.three-v1:0", lifecycle="active", chats=True),
        ListedModel(model_id="a.embed-v1:0", lifecycle="active", chats=False),
    )


@pytest.mark.parametrize(
    ("model_id", "offered", "problem"),
    [
        ("a.one-v1:0", True, None),
        ("us.a.one-v1:0", True, None),
        ("a.two-v1:0", True, "legacy in us-east-1"),
        ("a.gone-v1:0", False, "did not offer a.gone-v1:0"),
        ("a.embed-v1:0", False, "does not answer text"),
    ],
)
def test_what_speaks_against_a_teacher(model_id: str, offered: bool, problem: str | None) -> None:
    found = listing(
        summary("a.one-v1:0"),
        summary("a.two-v1:0", "LEGACY"),
        summary("a.embed-v1:0", outputModalities=["EMBEDDING"]),
    )
    said = found.problem(model_id)
    assert found.offers(model_id) == offered
    assert said is None if problem is None else problem in (said or "")


def test_default_teachers_are_those_the_listing_calls_active() -> None:
    first, second, third = (row.model_id for row in default_teachers(TODAY)[:3])
    known = listing(summary(first), summary(second, "LEGACY"))
    assert [row.model_id for row in default_teachers(TODAY, known)] == [first]
    assert third in {row.model_id for row in default_teachers(TODAY)}


def test_refresh_writes_the_listing_beside_the_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (row.model_id for row in default_teachers(TODAY)[:2])
    pricing = boto3.client(
        "pricing", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="s"
    )
    prices = Stubber(pricing)
    prices.add_response("get_products", {"FormatVersion": "aws_v1", "PriceList": []})
    prices.activate()
    clients = {"pricing": pricing, "bedrock": stubbed(summary(first), summary(second, "LEGACY"))}
    monkeypatch.setattr(boto3, "client", lambda service, **_: clients[service])
    out = tmp_path / "servers.json"
    arguments = ["refresh", "--region", REGION, "--out", str(out), "--no-quotas"]
    ran = CliRunner().invoke(catalog_app, arguments)
    assert ran.exit_code == 0, ran.output
    assert f"{second} was legacy" in ran.output
    written = BedrockListing.model_validate_json((tmp_path / "teachers.json").read_text())
    assert [row.model_id for row in written.models] == [first, second]
    assert out.is_file()
