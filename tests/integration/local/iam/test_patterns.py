"""Wildcards and variables, on the examples of IAM's user guide.

Each example is named by its page below https://docs.aws.amazon.com/IAM/latest/UserGuide/.
"""

from __future__ import annotations

import pytest

from infra.local.iam import patterns


@pytest.mark.parametrize(
    ("key", "is_matched"),
    [
        ("1/test/object.jpg", True),
        ("1/2/test/object.jpg", True),
        ("1/2/test/3/object.jpg", True),
        ("1/2/3/test/4/object.jpg", True),
        ("1///test///object.jpg", True),
        ("1/test/.jpg", True),
        ("/test/object.jpg", True),
        ("1/test/", True),
        ("1-test/object.jpg", False),
        ("test/object.jpg", False),
        ("1/2/test.jpg", False),
    ],
)
def test_an_asterisk_reaches_over_slashes(key: str, is_matched: bool) -> None:
    """reference_policies_elements_resource.html: wildcards in resource ARNs."""
    match = patterns.resources(["arn:aws:s3:::DOC-EXAMPLE-BUCKET/*/test/*"])
    assert match(f"arn:aws:s3:::DOC-EXAMPLE-BUCKET/{key}", {}) is is_matched


def test_a_wildcard_of_an_arn_does_not_reach_over_a_colon_and_that_of_a_text_does() -> None:
    """reference_policies_elements_condition_operators.html, at ARN operators."""
    pattern = "arn:aws:someservice:*:111122223333:finance/*"
    value = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt"
    assert patterns.text(pattern, wildcards=True)(value, {})
    assert not patterns.arn(pattern)(value, {})


def test_the_last_part_of_an_arn_may_hold_colons() -> None:
    match = patterns.arn("arn:aws:logs:us-east-1:1:log-group:/aws/*:*")
    assert match("arn:aws:logs:us-east-1:1:log-group:/aws/lambda/a:log-stream:b", {})


def test_a_question_mark_is_one_character() -> None:
    match = patterns.text("AWS?", wildcards=True)
    assert match("AWS1", {})
    assert not match("AWS", {})
    assert not match("AWS12", {})


def test_what_has_no_resource_is_matched_by_the_asterisk_alone() -> None:
    """reference_policies_elements_notaction.html: ListAllMyBuckets needs `*`."""
    assert patterns.resources(["*"])("*", {})
    assert not patterns.resources(["arn:aws:s3:::*"])("*", {})


def test_a_variable_stands_for_the_value_of_a_key() -> None:
    """reference_policies_variables.html"""
    match = patterns.resources(["arn:aws:s3:::mybucket/${aws:username}/*"])
    assert match("arn:aws:s3:::mybucket/David/a", {"aws:username": ("David",)})
    assert not match("arn:aws:s3:::mybucket/Ana/a", {"aws:username": ("David",)})


def test_wildcards_in_the_value_of_a_variable_are_literal() -> None:
    match = patterns.resources(["arn:aws:s3:::mybucket/${aws:username}/*"])
    assert not match("arn:aws:s3:::mybucket/David/a", {"aws:username": ("*",)})


def test_a_variable_without_a_value_matches_no_resource() -> None:
    """reference_policies_variables.html#policy-vars-no-value"""
    assert not patterns.resources(["arn:aws:s3:::b/${aws:username}"])("arn:aws:s3:::b/", {})


@pytest.mark.parametrize(("team", "bucket"), [(("yellow",), "yellow"), ((), "company-wide")])
def test_a_default_stands_in_for_a_value(team: tuple[str, ...], bucket: str) -> None:
    """reference_policies_variables.html#policy-vars-default-values"""
    match = patterns.resources(["arn:aws:s3:::EXAMPLE-${aws:PrincipalTag/team, 'company-wide'}"])
    assert match(f"arn:aws:s3:::EXAMPLE-{bucket}", {"aws:principaltag/team": team})
    assert not match("arn:aws:s3:::EXAMPLE-red", {"aws:principaltag/team": team})


@pytest.mark.parametrize("character", ["*", "?", "$"])
def test_special_variables_are_the_characters_themselves(character: str) -> None:
    """reference_policies_variables.html#policy-vars-specialchars"""
    match = patterns.text(f"a${{{character}}}b", wildcards=True)
    assert match(f"a{character}b", {})
    assert not match("axb", {})


def test_the_keys_of_variables_are_known() -> None:
    assert patterns.variables("a/${aws:username}/${*}/${aws:PrincipalTag/Team, 'x'}") == {
        "aws:username",
        "aws:principaltag/team",
    }


@pytest.mark.parametrize("pattern", ["queue", "arn:aws:s3*", "arn:aws:s3:::b/${aws:username"])
def test_what_is_no_arn_or_no_variable_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"no ARN|does not close"):
        patterns.resources([pattern])
