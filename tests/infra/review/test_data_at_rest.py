"""The reviewer's page says of every store how it is encrypted and what becomes of it."""

from __future__ import annotations

import copy

import pytest

from infra.review.data_at_rest import STORES, data_at_rest
from tests.infra.resources import of_type, only


def _row(page: str, name: str) -> str:
    (row,) = (line for line in page.splitlines() if line.startswith(f"| `{name}`"))
    return row


def test_everything_that_stays_after_the_stack_is_said_to_be_kept(template):
    page = data_at_rest(template)
    kept = [r for r in template["Resources"].values() if r.get("DeletionPolicy") == "Retain"]
    assert {resource["Type"] for resource in kept} <= STORES.keys()
    assert page.count("| **kept** |") == len(kept)


@pytest.mark.parametrize(
    "name", ["StorageBucket", "StorageRuns", "NotificationsTopic", "NotificationsDeadLetters"]
)
def test_what_holds_data_of_a_run_is_said_to_have_the_stack_s_key(template, name):
    assert "| `StorageKey` |" in _row(data_at_rest(template), name)


def test_a_store_that_loses_its_key_is_told_apart(template):
    changed = copy.deepcopy(template)
    del only(changed, "AWS::SQS::Queue")["Properties"]["KmsMasterKeyId"]
    assert "| AWS |" in _row(data_at_rest(changed), "NotificationsDeadLetters")


def test_groups_of_logs_with_the_same_answers_are_one_row(template):
    groups = len(of_type(template, "AWS::Logs::LogGroup"))
    assert f"`FunctionsClaimRunLogs` and {groups - 1} more" in data_at_rest(template)


def test_each_lifecycle_rule_of_the_bucket_is_named(template):
    row = _row(data_at_rest(template), "StorageBucket")
    (bucket,) = of_type(template, "AWS::S3::Bucket").values()
    for rule in bucket["LifecycleConfiguration"]["Rules"]:
        assert f"`{rule['Prefix']}`: " in row


def test_a_bucket_that_the_public_could_see_stops_the_page(template):
    changed = copy.deepcopy(template)
    bucket = only(changed, "AWS::S3::Bucket")["Properties"]
    bucket["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] = False
    with pytest.raises(ValueError, match="no longer blocks all public access"):
        data_at_rest(changed)
