"""Condition operators, on the tables and examples of IAM's user guide.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

from __future__ import annotations

import pytest

from infra.local.iam.conditions import Condition


def holds(operator: str, policy: str | list[str], *values: str, **others: tuple[str, ...]) -> bool:
    """Whether a condition over the key `k` holds in a call whose `k` has these values."""
    listed = (policy,) if isinstance(policy, str) else tuple(policy)
    context = {name.replace("_", ":"): found for name, found in others.items()}
    return Condition(operator, "K", listed).compiled()(context | ({"k": values} if values else {}))


@pytest.mark.parametrize(
    ("operator", "policy", "value", "expected"),
    [
        ("StringEquals", "iamuser-admin", "iamuser-admin", True),
        ("StringEquals", "iamuser-admin", "IAMUSER-ADMIN", False),
        ("StringEquals", "iamuser*", "iamuser-admin", False),
        ("StringNotEquals", "iamuser-admin", "other", True),
        ("StringNotEquals", "iamuser-admin", "iamuser-admin", False),
        ("StringEqualsIgnoreCase", "johndoe", "JohnDoe", True),
        ("StringNotEqualsIgnoreCase", "johndoe", "JohnDoe", False),
        ("StringLike", "home/*", "home/a/b", True),
        ("StringLike", "home/?", "home/ab", False),
        ("StringLike", "", "", True),
        ("StringNotLike", "home/*", "etc/a", True),
        ("NumericEquals", "10", "10.0", True),
        ("NumericNotEquals", "10", "11", True),
        ("NumericLessThan", "10", "9.5", True),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericLessThanEquals", "10", "11", False),
        ("NumericGreaterThan", "10", "10", False),
        ("NumericGreaterThanEquals", "10", "10", True),
        ("NumericLessThan", "10", "many", False),
        ("DateGreaterThan", "2020-01-01T00:00:01Z", "2020-01-01T00:00:02Z", True),
        ("DateGreaterThan", "2020-01-01T00:00:01Z", "1577836800", False),
        ("DateLessThan", "2020-02", "2020-01-31T23:59:59Z", True),
        ("DateLessThanEquals", "2020", "2020-01-01", True),
        ("DateEquals", "2020-01-01T01:00:00+01:00", "2020-01-01T00:00:00Z", True),
        ("DateNotEquals", "2020-01-01", "2020-01-02", True),
        ("DateGreaterThanEquals", "2020-01-02", "2020-01-01", False),
        ("Bool", "true", "true", True),
        ("Bool", "false", "true", False),
        ("Bool", "True", "true", True),
        ("IpAddress", "203.0.113.0/24", "203.0.113.255", True),
        ("IpAddress", "203.0.113.0/24", "203.0.114.0", False),
        ("IpAddress", "203.0.113.7", "203.0.113.7", True),
        ("IpAddress", "2001:DB8:1234:5678::/64", "2001:db8:1234:5678::1", True),
        ("IpAddress", "2001:DB8:1234:5678::/64", "203.0.113.7", False),
        ("NotIpAddress", "203.0.113.0/24", "198.51.100.1", True),
        ("ArnEquals", "arn:aws:sns:*:1:t", "arn:aws:sns:us-east-1:1:t", True),
        ("ArnLike", "arn:aws:sns:*:1:t?", "arn:aws:sns:us-east-1:1:t", False),
        ("ArnNotEquals", "arn:aws:sns:*:1:t", "arn:aws:sns:us-east-1:1:t", False),
        ("ArnNotLike", "arn:aws:sns:*:1:t", "arn:aws:sns:us-east-1:2:t", True),
    ],
)
def test_an_operator_compares_as_the_table_says(
    operator: str, policy: str, value: str, expected: bool
) -> None:
    assert holds(operator, policy, value) is expected


@pytest.mark.parametrize("operator", ["StringEquals", "ArnLike", "NumericLessThan", "Bool"])
def test_a_key_that_is_absent_does_not_match(operator: str) -> None:
    policy = {"ArnLike": "arn:aws:s3:::b", "NumericLessThan": "1", "Bool": "true"}
    assert not holds(operator, policy.get(operator, "x"))
    assert holds(f"{operator}IfExists", policy.get(operator, "x"))


@pytest.mark.parametrize("operator", ["StringNotEquals", "StringNotLike", "NotIpAddress"])
def test_a_negated_operator_matches_a_key_that_is_absent(operator: str) -> None:
    policy = "203.0.113.0/24"
    assert holds(operator, policy)
    assert holds(f"{operator}IfExists", policy)


def test_if_exists_compares_a_key_that_is_there() -> None:
    """The example `ec2:InstanceType` of …IfExists."""
    types = ["t1.*", "t2.*", "m3.*"]
    assert holds("StringLikeIfExists", types, "t2.micro")
    assert not holds("StringLikeIfExists", types, "m4.large")
    assert holds("StringLikeIfExists", types)


def test_one_of_several_values_is_enough_and_none_of_them_for_a_negated_operator() -> None:
    """reference_policies_condition-logic-multiple-context-keys-or-values: OR, or NOR."""
    assert holds("StringEquals", ["finance", "hr", "legal"], "hr")
    assert not holds("StringNotEquals", ["finance", "hr", "legal"], "hr")
    assert holds("StringNotEquals", ["finance", "hr", "legal"], "audit")


def test_null_asks_whether_a_key_is_absent() -> None:
    """The example `aws:TokenIssueTime` of the Null operator."""
    assert holds("Null", "true")
    assert not holds("Null", "true", "2020-01-01T00:00:00Z")
    assert holds("Null", "false", "2020-01-01T00:00:00Z")
    assert not holds("Null", "false")


@pytest.mark.parametrize(
    ("asked", "for_all", "for_any"),
    [
        (["Message", "Tags"], True, True),
        (["Message", "UserName"], False, True),
        (["UserName"], False, False),
        ([], True, False),
        ([""], True, False),
    ],
)
def test_set_operators_compare_every_value_or_any(
    asked: list[str], for_all: bool, for_any: bool
) -> None:
    """The attributes of the table `Thread`; of no values, all match and none does."""
    attributes = ["ID", "Message", "Tags"]
    assert holds("ForAllValues:StringEquals", attributes, *asked) is for_all
    assert holds("ForAnyValue:StringEquals", attributes, *asked) is for_any


def test_negated_set_operators_ask_for_values_that_match_nothing() -> None:
    assert not holds("ForAllValues:StringNotEquals", ["ID"], "ID", "Tags")
    assert holds("ForAnyValue:StringNotEquals", ["ID"], "ID", "Tags")
    assert not holds("ForAnyValue:StringNotEquals", ["ID"], "ID")
    assert holds("ForAllValues:StringEqualsIfExists", ["ID"])


def test_a_variable_is_compared_by_its_value() -> None:
    assert holds("StringEquals", "${aws:username}", "ana", aws_username=("ana",))
    assert not holds("StringEquals", "${aws:username}", "ana", aws_username=("bob",))


def test_a_variable_without_a_value_is_equal_to_nothing_and_unequal_to_everything() -> None:
    """reference_policies_variables.html#policy-vars-no-value"""
    assert not holds("StringEquals", "${aws:PrincipalTag/Team}", "red")
    assert holds("StringNotEquals", "${aws:PrincipalTag/Team}", "red")


def test_the_keys_that_decide_a_condition_are_known() -> None:
    condition = Condition("StringEquals", "s3:ExistingObjectTag/T", ("${aws:PrincipalTag/T}",))
    assert condition.keys() == {"s3:existingobjecttag/t", "aws:principaltag/t"}


@pytest.mark.parametrize(
    ("operator", "values"),
    [
        ("StringMatches", ["x"]),
        ("ForEachValue:StringEquals", ["x"]),
        ("ForAnyValue:StringEqualsIfExists", ["x"]),
        ("NullIfExists", ["true"]),
        ("Null", ["perhaps"]),
        ("Bool", ["yes"]),
        ("NumericEquals", ["${aws:username}"]),
        ("DateEquals", ["yesterday"]),
        ("IpAddress", ["here"]),
        ("ArnLike", ["*"]),
        ("StringEquals", []),
    ],
)
def test_what_cannot_be_decided_is_an_error(operator: str, values: list[str]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Condition(operator, "k", tuple(values)).compiled()


def test_several_values_under_an_operator_for_one_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"k has 2 values; ForAllValues or ForAnyValue is needed"):
        holds("StringEquals", "a", "a", "b")
