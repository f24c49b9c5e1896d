"""What conditions see of a request."""

from __future__ import annotations

from api_requests import api_request

from infra.local.iam.requirement import needs, pass_role, request_tags, resource_tags


def test_tags_that_a_request_gives_have_a_key_each_and_one_for_all() -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    assert request_tags(tags) == {
        "aws:RequestTag/a": ("1",),
        "aws:RequestTag/b": ("2",),
        "aws:TagKeys": ("a", "b"),
    }
    assert request_tags([]) == {}
    assert resource_tags({"a": "1"}) == {"aws:ResourceTag/a": ("1",)}


def test_only_a_role_that_is_named_is_passed() -> None:
    assert list(pass_role("", "sagemaker.amazonaws.com")) == []


def test_a_resource_is_taken_from_the_request() -> None:
    request = api_request("sns", "Publish", {"TopicArn": "arn:t"})
    [found] = needs("sns:Publish", lambda asked: asked.get("TopicArn"))(request)
    assert (found.action, found.resource) == ("sns:Publish", "arn:t")
    [everything] = needs("sns:ListTopics")(request)
    assert everything.resource == "*"
