"""Every version under a prefix, deleted for good or told."""

from __future__ import annotations

import pytest

from stratos.cli import versions
from stratos.cli.versions import delete_kept, kept_under
from stratos.errors import StratosError


def put(stack, key: str) -> None:
    stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"12345")


def test_more_versions_than_one_call_takes_are_all_deleted(stack, monkeypatch):
    monkeypatch.setattr(versions, "_KEYS_PER_CALL", 4)
    for number in range(10):
        put(stack, f"p/{number % 3}")
    kept = kept_under(stack, "p/")
    assert (len(kept.versions), len(kept.keys), kept.num_bytes) == (10, 3, 50)
    delete_kept(stack, kept)
    assert not kept_under(stack, "p/")


def test_what_is_written_meanwhile_is_deleted_too(stack):
    put(stack, "p/a")
    kept = kept_under(stack, "p/")
    put(stack, "p/b")
    delete_kept(stack, kept)
    assert not kept_under(stack, "p/")


def test_something_that_goes_on_writing_is_told(stack, monkeypatch):
    put(stack, "p/a")
    kept, delete_objects = kept_under(stack, "p/"), stack.s3.delete_objects

    def delete_and_write(**asked):
        answer = delete_objects(**asked)
        put(stack, "p/again")
        return answer

    monkeypatch.setattr(stack.s3, "delete_objects", delete_and_write)
    with pytest.raises(StratosError, match="something still writes there"):
        delete_kept(stack, kept)


def test_a_refusal_of_s3_names_the_right_that_is_needed(stack, monkeypatch):
    put(stack, "p/a")
    refused = {"Errors": [{"Key": "p/a", "Code": "AccessDenied", "Message": "no"}]}
    monkeypatch.setattr(stack.s3, "delete_objects", lambda **_: refused)
    with pytest.raises(StratosError, match=r"p/a for one .*s3:DeleteObjectVersion"):
        delete_kept(stack, kept_under(stack, "p/"))
