"""`stratos delete RUN --objects`: what it says and refuses."""

from __future__ import annotations

import json

import pytest

from stratos.contracts.bucket import RunKeys
from stratos.errors import StratosError
from tests.unit.stratos.cli.stack_contents import all_versions, put_endpoint, put_run, run, streams

KEYS = RunKeys("r-1")


def test_it_says_before_what_will_go_and_after_how_much_went(kept):
    code, out = run("delete", "r-1", "--objects")
    assert code == 0
    before, _, after = out.partition("left are:")
    assert "runs/r-1/: 4 objects in 6 versions" in before
    assert "1 unfinished upload" in before
    assert "3 log streams" in before
    assert "specs/tiles/: 2 objects in 2 versions" in after
    assert "deleted 8 versions of objects, 1 version in the model registry" in after


def test_a_second_call_finds_nothing_and_is_no_error(kept):
    run("delete", "r-1", "--objects")
    code, out = run("delete", "r-1", "--objects", "--json")
    assert code == 0
    assert sum(json.loads(out)["versions"].values()) == 0


def test_a_dry_run_deletes_nothing(kept):
    before = all_versions(kept)
    code, out = run("delete", "r-1", "--objects", "--dry-run")
    assert code == 0
    assert "runs/r-1/" in out
    assert all_versions(kept) == before
    assert len(streams()) == 5


def test_the_upload_goes_only_if_it_is_asked_for(kept):
    run("delete", "r-1", "--objects", "--upload")
    assert all_versions(kept) == [RunKeys("r-10").summary]


def test_a_run_under_way_is_refused(kept):
    put_run(kept, status="running")
    with pytest.raises(StratosError, match="still running"):
        run("delete", "r-1", "--objects")


def test_a_run_in_service_is_refused_unless_told(kept):
    put_endpoint(kept, "e", "r-1")
    put_run(kept, endpoint_name="e")
    with pytest.raises(StratosError, match="in service as e"):
        run("delete", "r-1", "--objects")
    assert KEYS.summary in all_versions(kept)
    code, out = run("delete", "r-1", "--objects", "--live", "--json")
    assert code == 0
    assert json.loads(out)["deleted"] == ["e", "r-1", "r-1"]
    assert KEYS.summary not in all_versions(kept)


def test_a_model_for_batches_is_in_service_too(kept):
    put_run(kept, batch_model_name="stratos-r-1-a0")
    with pytest.raises(StratosError, match="in service as stratos-r-1-a0"):
        run("delete", "r-1", "--objects")


def test_what_only_objects_need_is_refused_without_them(kept):
    code, _ = run("delete", "r-1", "--upload")
    assert code == 2
    assert KEYS.summary in all_versions(kept)
