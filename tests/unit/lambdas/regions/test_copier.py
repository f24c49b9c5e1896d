"""Copies between regions: whole, in parts, interrupted, and each content once."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from lambdas.regions import copier as copying
from lambdas.regions import ledger
from lambdas.regions.contents import find_content
from lambdas.regions.copier import Copier
from lambdas.regions.ledger import CopyLedger
from lambdas.regions.places import Place
from stratos.errors import CopyUnfinished
from tests.unit.lambdas.two_regions import AWAY, TwoRegions

HOME = Place("us-east-1", "stratos-bucket", "arn:aws:kms:us-east-1:123456789012:key/k")
KEY = "specs/tiles/models/student/model.safetensors"
PART = 5 * 2**20


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts as small as S3 allows."""
    monkeypatch.setattr(copying, "PART_BYTES", PART)


def copier(owner: str = "job-1", pulse: Callable[[], None] = lambda: None) -> Copier:
    own = Place.own()
    return Copier(own, CopyLedger(own.files, AWAY), owner, math.inf, pulse)


class Interruption:
    """Ends a copy after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise CopyUnfinished("time is up")


@pytest.mark.usefixtures("small_parts")
def test_a_large_file_is_moved_in_parts_and_counted_once(regions: TwoRegions) -> None:
    weights = bytes(range(256)) * (2 * PART // 256) + b"rest"
    regions.put(KEY, weights, Tagging="a=b")
    moving = copier()
    moving.copy(HOME, KEY)
    assert regions.away() == {KEY: weights}
    assert sum(one.num_bytes for one in moving.transfers) == len(weights)
    tags = regions.s3(AWAY).get_object_tagging(Bucket=Place.own().bucket, Key=KEY)["TagSet"]
    assert tags == [{"Key": "a", "Value": "b"}]
    again = copier("job-2")
    again.copy(HOME, KEY)
    assert again.transfers == []


@pytest.mark.usefixtures("small_parts")
def test_an_interrupted_copy_leaves_nothing_half_used_and_goes_on_with_the_rest(
    regions: TwoRegions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_AT_ONCE", 1)
    weights = b"w" * (3 * PART)
    regions.put(KEY, weights)
    first = copier(pulse=Interruption(3))
    with pytest.raises(CopyUnfinished):
        first.copy(HOME, KEY)
    assert regions.away() == {}
    assert sum(one.num_bytes for one in first.transfers) == 2 * PART
    with pytest.raises(CopyUnfinished, match="for job-1"):
        copier("job-2").copy(HOME, KEY)
    second = copier()
    second.copy(HOME, KEY)
    assert regions.away() == {KEY: weights}
    assert sum(one.num_bytes for one in second.transfers) == PART


@pytest.mark.usefixtures("small_parts")
def test_a_large_content_under_another_key_is_copied_within_the_region(
    regions: TwoRegions,
) -> None:
    weights = b"w" * (2 * PART)
    other = KEY.replace("tiles", "other")
    for key in (KEY, other):
        regions.put(key, weights)
    moving = copier()
    moving.copy(HOME, KEY)
    moving.copy(HOME, other)
    assert regions.away() == {KEY: weights, other: weights}
    assert sum(one.num_bytes for one in moving.transfers) == len(weights)


@pytest.mark.usefixtures("small_parts")
def test_a_copy_whose_parts_are_gone_begins_anew(regions: TwoRegions) -> None:
    weights = b"w" * (2 * PART)
    regions.put(KEY, weights)
    with pytest.raises(CopyUnfinished):
        copier(pulse=Interruption(1)).copy(HOME, KEY)
    s3, bucket = regions.s3(AWAY), Place.own().bucket
    [upload] = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    s3.abort_multipart_upload(Bucket=bucket, Key=KEY, UploadId=upload["UploadId"])
    copier().copy(HOME, KEY)
    assert regions.away() == {KEY: weights}


def test_a_copy_whose_owner_is_long_silent_is_taken_over(
    regions: TwoRegions, monkeypatch: pytest.MonkeyPatch
) -> None:
    regions.put(KEY, b"weights")
    with pytest.raises(CopyUnfinished):
        copier(pulse=Interruption(0)).copy(HOME, KEY)
    content = find_content(HOME.files, KEY)
    assert content is not None
    CopyLedger(Place.own().files, AWAY).claim(content.identity, KEY, "job-1")
    monkeypatch.setattr(ledger, "CLAIM_SECONDS", 0.0)
    copier("job-2").copy(HOME, KEY)
    assert regions.away() == {KEY: b"weights"}


def test_one_file_that_is_missing_does_not_keep_the_others(regions: TwoRegions) -> None:
    regions.put(KEY, b"weights")
    with pytest.raises(FileNotFoundError, match="gone"):
        copier().copy_all(HOME, ["gone", KEY])
    assert regions.away() == {KEY: b"weights"}


def test_equal_files_of_one_job_are_moved_once(regions: TwoRegions) -> None:
    keys = [f"specs/tiles/{number}" for number in range(8)]
    for key in keys:
        regions.put(key, b"the same")
    moving = copier()
    moving.copy_all(HOME, keys)
    assert regions.away() == dict.fromkeys(keys, b"the same")
    assert sum(one.num_bytes for one in moving.transfers) == len(b"the same")
