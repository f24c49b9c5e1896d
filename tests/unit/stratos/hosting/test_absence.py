"""What is read as "there is no such resource", and what is not."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from stratos.hosting.absence import is_absent, is_over, is_taken


def refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeEndpoint")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ValidationException", 'Could not find endpoint "arn:e".'),
        ("ValidationException", "Requested resource not found."),
        ("ValidationException", "Model m does not exist"),
        ("ResourceNotFound", "gone"),
    ],
)
def test_sagemaker_says_in_words_or_by_code_that_there_is_none(code: str, message: str) -> None:
    assert is_absent(refusal(code, message), held_by_tag=False)


def test_a_request_that_is_refused_for_another_reason_says_nothing() -> None:
    busy = refusal("ValidationException", "Cannot update endpoint e: it is being updated")
    assert not is_absent(busy, held_by_tag=True)
    throttled = refusal("ThrottlingException", "rate not found in the table")
    assert not is_absent(throttled, held_by_tag=True)
    assert not is_absent(RuntimeError("not found"), held_by_tag=True)


def test_a_denied_access_means_absent_only_where_the_tag_gives_access() -> None:
    denied = refusal("AccessDeniedException", "no identity-based policy allows the action")
    assert is_absent(denied, held_by_tag=True)
    assert not is_absent(denied, held_by_tag=False)


@pytest.mark.parametrize(
    ("message", "taken"),
    [
        ('Cannot create already existing endpoint "e".', True),
        ("Could not find endpoint configuration", False),
    ],
)
def test_a_name_is_taken_where_sagemaker_says_so(message: str, taken: bool) -> None:
    assert is_taken(refusal("ValidationException", message)) is taken


@pytest.mark.parametrize("kind", ["training", "transform"])
def test_a_job_that_has_ended_by_itself_needs_no_stop(kind: str) -> None:
    words = f"The request was rejected because the {kind} job is in status Completed."
    assert is_over(refusal("ValidationException", words))
    assert not is_over(refusal("ThrottlingException", words))
    assert not is_over(refusal("ValidationException", "Requested resource not found."))
    assert not is_over(RuntimeError(words))
