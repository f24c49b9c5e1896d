"""Which regions a stack may have."""

from __future__ import annotations

import pytest

from infra.regions import Regions


def test_a_stack_without_worker_regions_is_for_wherever_it_is_deployed() -> None:
    assert Regions.of("", "") == Regions(home="", workers=())


def test_regions_are_given_with_commas_between() -> None:
    named = Regions.of(" us-east-1", "eu-west-1, ap-northeast-1,")
    assert named == Regions("us-east-1", ("eu-west-1", "ap-northeast-1"))


@pytest.mark.parametrize(
    ("home", "workers", "problem"),
    [
        ("", "eu-west-1", "names eu-west-1, and stratos:home_region is empty: .* set it to"),
        ("eu-west-1", "us-east-1,eu-west-1", "names eu-west-1, which is .*; .* leave it out"),
        ("us-east-1", "eu-west-1,eu-west-1", "names eu-west-1 more than once; name it once"),
        ("us-east-1", "eu-west-9", "no region of AWS is called eu-west-9; the catalog knows af-"),
        ("us-east-1", "cn-north-1", "no account has regions in aws and in aws-cn"),
        ("mars-1", "", "no region of AWS is called mars-1"),
    ],
)
def test_a_region_that_cannot_be_one_is_refused_in_words(
    home: str, workers: str, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        Regions.of(home, workers)
