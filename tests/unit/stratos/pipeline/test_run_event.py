"""What an execution is started with."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from stratos.pipeline.run_event import RunEvent, read_event

KEY = "specs/tiles/spec.yaml"
UPLOADED: dict[str, Any] = {
    "detail-type": "Object Created",
    "detail": {"bucket": {"name": "data"}, "object": {"key": KEY, "version-id": "v1"}},
}


def changed(place: str, value: object) -> dict[str, Any]:
    """The event with another value at a place; without it, where that is None."""
    event = copy.deepcopy(UPLOADED)
    *path, last = place.split("/")
    holder = event
    for part in path:
        holder = holder[part]
    holder[last] = value
    return event


def test_an_upload_names_the_version_and_a_rerun_the_moment() -> None:
    assert read_event(UPLOADED) == RunEvent(bucket="data", key=KEY, version_id="v1", rerun=False)
    rerun = {"rerun": {"bucket": "data", "key": KEY}, "scheduled_at": "2026-01-05T06:00:00Z"}
    assert read_event(rerun) == RunEvent(
        bucket="data",
        key=KEY,
        version_id=None,
        rerun=True,
        scheduled_at="2026-01-05T06:00:00Z",
    )


def test_an_upload_without_a_version_is_of_the_newest() -> None:
    assert read_event(changed("detail/object/version-id", None)).version_id is None


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ([], "the input is list, and no object"),
        ({}, "'detail' is missing in the input"),
        (changed("detail", []), "'bucket' is missing in detail"),
        (changed("detail/bucket", "data"), "'name' is missing in detail.bucket"),
        (changed("detail/bucket/name", {"a": 1}), "of type dict is no name of a bucket"),
        (changed("detail/bucket/name", "Data "), "'Data ' is no name of a bucket"),
        (changed("detail/object/key", "models/a"), "'models/a' is no key of a spec"),
        (changed("detail/object/key", "specs/\ud800/spec.yaml"), "key is 'specs/"),
        (changed("detail/object/key", f"specs/{'x' * 1020}/spec.yaml"), "1 to 1,024 bytes"),
        (changed("detail/object/version-id", 7), "version-id is of type int"),
        ({"rerun": "tiles"}, "'bucket' is missing in rerun"),
        ({"rerun": {"bucket": "data", "key": KEY}, "scheduled_at": 5}, "scheduled_at"),
        ({"rerun": {"bucket": "data", "key": KEY}, "scheduled_at": "\ud800"}, "scheduled_at"),
    ],
)
def test_an_input_of_another_shape_says_what_is_wrong_and_how_to_start(
    event: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        read_event(event)
    assert 'start with {"rerun"' in str(refused.value)
