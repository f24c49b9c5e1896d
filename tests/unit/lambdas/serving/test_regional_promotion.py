"""A model is put into service in every region at once, or in none."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError

from lambdas.aws import clients
from stratos.errors import RegionUnreachable
from stratos.hosting.ownership import STAGE_TAG
from tests.unit.lambdas.conftest import REGION
from tests.unit.lambdas.served_regions import ASIA, EUROPE, REGIONS, Fleet, fleet

__all__ = ["fleet"]


def test_a_model_is_in_service_everywhere_by_one_record(fleet: Fleet) -> None:
    pipeline = fleet.until_measured()
    promoted = fleet.promote()
    assert (promoted["former"], promoted["drain_seconds"]) == ([], None)
    record = fleet.record()
    assert record is not None
    assert (record.run_id, record.generation) == (pipeline.run.run_id, 1)
    assert {one.region: one.origins for one in record.regions} == {r: (r,) for r in REGIONS}
    assert all(origin.p95_ms is not None for origin in record.origins)
    for region in REGIONS:
        assert fleet.record(region) == record
        assert fleet.tags(region)[STAGE_TAG] == "promoted"
    row = fleet.account.row(pipeline.run.run_id)
    assert row["endpoint_name"] == fleet.staged.name
    assert row["serving_regions"] == list(REGIONS)


def test_a_region_that_is_cut_off_before_the_record_is_written_ends_the_promotion(
    fleet: Fleet,
) -> None:
    before = fleet.until_promoted()
    served, standing = fleet.record(), fleet.endpoints()
    fleet.until_measured()
    fleet.network.cut = {EUROPE}
    with pytest.raises(RegionUnreachable, match="in every region or in none"):
        fleet.promote()
    assert fleet.record() == served
    fleet.clean_up()
    left = fleet.endpoints()
    assert {region: left[region] for region in (REGION, ASIA)} == {
        region: standing[region] for region in (REGION, ASIA)
    }
    assert left[EUROPE] > standing[EUROPE]
    fleet.network.cut = set()
    fleet.end_run()
    assert set(fleet.sweep()) == {
        f"{kind} in {EUROPE}" for kind in ("endpoint", "endpoint-config", "model")
    }
    assert fleet.endpoints() == standing
    assert fleet.account.row(before.run.run_id)["endpoint_name"] is not None


def test_a_promotion_that_is_called_again_changes_nothing(fleet: Fleet) -> None:
    fleet.until_promoted()
    fleet.until_measured()
    first, record = fleet.promote(), fleet.record()
    assert fleet.promote() == first
    assert fleet.record() == record


def test_what_answered_before_goes_when_its_clients_have_read_the_record(fleet: Fleet) -> None:
    fleet.until_promoted(REGION, EUROPE)
    former = fleet.staged.name
    fleet.until_measured(REGION, ASIA)
    promoted = fleet.promote()
    assert promoted["drain_seconds"] == 300
    assert [one["region"] for one in promoted["former"]] == [REGION, EUROPE]
    assert former in fleet.endpoints()[EUROPE]
    assert fleet.record(EUROPE) == fleet.record()
    fleet.retire(promoted)
    assert fleet.endpoints() == {region: {fleet.staged.name} for region in (REGION, ASIA)}


def deny_absent(monkeypatch: pytest.MonkeyPatch, region: str | None) -> None:
    """Let IAM judge first, as at AWS: of an endpoint that is gone there is no tag."""
    sagemaker = clients.client("sagemaker", region)
    delete = sagemaker.delete_endpoint

    def judged(**named: str) -> object:
        there = {found["EndpointName"] for found in sagemaker.list_endpoints()["Endpoints"]}
        if named["EndpointName"] not in there:
            denied = {"Error": {"Code": "AccessDeniedException", "Message": "no tag"}}
            raise ClientError(denied, "DeleteEndpoint")
        return delete(**named)

    monkeypatch.setattr(sagemaker, "delete_endpoint", judged)


def test_what_is_gone_already_is_retired(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.until_promoted(REGION, EUROPE)
    fleet.until_measured(REGION, ASIA)
    promoted = fleet.promote()
    deny_absent(monkeypatch, EUROPE)
    former = promoted["former"][1]["endpoint_name"]
    boto3.client("sagemaker", region_name=EUROPE).delete_endpoint(EndpointName=former)
    retired = fleet.retire(promoted)
    assert retired["unreached"] == {}
    assert EUROPE not in fleet.endpoints()


def test_an_endpoint_that_has_another_model_by_now_is_not_retired(fleet: Fleet) -> None:
    fleet.until_promoted(REGION, EUROPE)
    fleet.until_measured(REGION, ASIA)
    promoted = fleet.promote()
    changed = [one | {"endpoint_config_name": "another"} for one in promoted["former"]]
    retired = fleet.retire(promoted | {"former": changed})
    assert (retired["deleted"], retired["unreached"]) == ([], {})
    assert changed[1]["endpoint_name"] in fleet.endpoints()[EUROPE]
