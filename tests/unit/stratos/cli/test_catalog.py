"""`stratos catalog`."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber
from typer.testing import CliRunner

from stratos.catalog.bedrock_listing import BedrockListing
from stratos.catalog.models import default_teachers
from stratos.catalog.servers import ServerCatalog
from stratos.cli.catalog import catalog_app
from tests.unit.stratos.catalog.bedrock_summaries import REGION, TODAY, stubbed, summary


def test_the_catalog_is_shown_as_json_that_reads_back() -> None:
    done = CliRunner().invoke(catalog_app, ["show", "servers", "--json"])
    assert ServerCatalog.model_validate_json(done.output) == ServerCatalog.aws()
    teachers = json.loads(CliRunner().invoke(catalog_app, ["show", "teachers", "--json"]).output)
    assert len(teachers) > 200


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
