"""Requests and responses of batches, from files of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stratos.dataset.inspect_dataset import inspect_dataset
from stratos.errors import DatasetRejected
from tests import factories
from tests.unit.stratos.dataset.inspecting import files, task


def request(number: int) -> dict[str, Any]:
    body = {"model": "m", "messages": [{"role": "user", "content": f"question {number}"}]}
    return {"custom_id": f"request-{number}", "method": "POST", "url": "/v1/x", "body": body}


def response(number: int, **changes: Any) -> dict[str, Any]:
    choice = {"message": {"role": "assistant", "content": f"s{number}"}, "finish_reason": "stop"}
    told = {"status_code": 200, "body": {"choices": [choice | changes]}}
    return {"id": "x", "custom_id": f"request-{number}", "response": told, "error": None}


def test_input_and_output_meet_by_their_ids_in_any_order(tmp_path: Path) -> None:
    contents = {
        "b/a-output.jsonl": factories.jsonl(response(n) for n in reversed(range(200))),
        "b/input.jsonl": factories.jsonl(request(n) for n in range(250)),
    }
    found = inspect_dataset(files(contents), task(), tmp_path)
    assert found.num_lines == 450
    assert (found.num_gold, found.no_answer) == (200, {"absent": 50})
    assert sum(found.num_records.values()) == 250
    assert not (tmp_path / ".halves").exists()


def test_batches_in_folders_of_their_own_may_use_the_same_ids(tmp_path: Path) -> None:
    other = [request(n) for n in range(100)]
    for line in other:
        line["body"]["messages"][0]["content"] += "?"
    contents = {
        "a/in.jsonl": factories.jsonl(request(n) for n in range(100)),
        "a/out.jsonl": factories.jsonl(response(n) for n in range(100)),
        "b/in.jsonl": factories.jsonl(other),
        "b/out.jsonl": factories.jsonl(response(n) for n in range(100)),
    }
    found = inspect_dataset(files(contents), task(), tmp_path)
    assert (found.num_gold, sum(found.num_records.values())) == (200, 200)


def test_halves_that_do_not_fit_are_told(tmp_path: Path) -> None:
    contents = {
        "b/in.jsonl": factories.jsonl([*(request(n) for n in range(199)), request(5)]),
        "b/out.jsonl": factories.jsonl(response(n) for n in range(200)),
    }
    with pytest.raises(DatasetRejected) as caught:
        inspect_dataset(files(contents), task(), tmp_path)
    told = str(caught.value)
    assert "b/out.jsonl:200: the response to 'request-199' has no request" in told
    assert "2 requests and 1 responses of the custom_id 'request-5'" in told
