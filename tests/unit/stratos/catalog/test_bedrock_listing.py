"""Bedrock's list of models, from a response in the documented shape to the choice of teachers."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.catalog.bedrock_listing import BedrockListing, ListedModel, fetch_listing
from stratos.catalog.models import default_teachers
from tests.unit.stratos.catalog.bedrock_summaries import REGION, TODAY, stubbed, summary


def listing(*summaries: dict[str, Any]) -> BedrockListing:
    return fetch_listing(stubbed(*summaries), REGION, TODAY)


def test_lifecycle_and_modalities_are_read() -> None:
    found = listing(
        summary("a.one-v1:0"),
        summary("a.two-v1:0", "LEGACY"),
        summary("a.three-v1:0", None),
        summary("a.embed-v1:0", outputModalities=["EMBEDDING"]),
    )
    assert (found.region, found.as_of) == (REGION, TODAY)
    assert found.models == (
        ListedModel(model_id="a.one-v1:0", lifecycle="active", chats=True),
        ListedModel(model_id="a.two-v1:0", lifecycle="legacy", chats=True),
        ListedModel(model_id="a.three-v1:0", lifecycle="active", chats=True),
        ListedModel(model_id="a.embed-v1:0", lifecycle="active", chats=False),
    )


@pytest.mark.parametrize(
    ("model_id", "offered", "problem"),
    [
        ("a.one-v1:0", True, None),
        ("us.a.one-v1:0", True, None),
        ("a.two-v1:0", True, "legacy in us-east-1"),
        ("a.gone-v1:0", False, "did not offer a.gone-v1:0"),
        ("a.embed-v1:0", False, "does not answer text"),
    ],
)
def test_what_speaks_against_a_teacher(model_id: str, offered: bool, problem: str | None) -> None:
    found = listing(
        summary("a.one-v1:0"),
        summary("a.two-v1:0", "LEGACY"),
        summary("a.embed-v1:0", outputModalities=["EMBEDDING"]),
    )
    said = found.problem(model_id)
    assert found.offers(model_id) == offered
    assert said is None if problem is None else problem in (said or "")


def test_default_teachers_are_those_the_listing_calls_active() -> None:
    first, second, third = (row.model_id for row in default_teachers(TODAY)[:3])
    known = listing(summary(first), summary(second, "LEGACY"))
    assert [row.model_id for row in default_teachers(TODAY, known)] == [first]
    assert third in {row.model_id for row in default_teachers(TODAY)}
