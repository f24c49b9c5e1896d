"""Pieces of a template read as a person would write them."""

from __future__ import annotations

from infra.review.template_text import conditions_of, listed, plain, table, text


def test_an_arn_loses_what_all_arns_of_the_account_share():
    parts = ["arn:", {"Ref": "AWS::Partition"}, ":logs:", {"Ref": "AWS::Region"}, ":x"]
    assert text({"Fn::Join": ["", parts]}) == "logs:REGION:x"


def test_a_reference_is_the_resource_without_its_hash():
    assert text({"Fn::GetAtt": ["StorageKeyBAA9457B", "Arn"]}) == "StorageKey"
    assert text({"Ref": "StorageBucket5CB7C8EA"}) == plain("StorageBucket5CB7C8EA")


def test_each_test_of_a_condition_is_told_with_its_values():
    condition = {"StringLike": {"s3:prefix": ["a/*", "b/*"]}, "Null": {"k": "false"}}
    assert conditions_of(condition) == ["StringLike `s3:prefix` `a/*` or `b/*`", "Null `k` `false`"]


def test_one_value_stands_for_a_list_of_it():
    assert listed("s3:GetObject") == listed(["s3:GetObject"])


def test_a_table_has_a_line_below_its_head():
    assert table(("A", "B"), ("1", "2")) == "| A | B |\n|---|---|\n| 1 | 2 |\n"
