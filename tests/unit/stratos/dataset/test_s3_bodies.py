"""Bodies of calls in files of their own."""

from __future__ import annotations

import gzip
import io
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stratos.dataset import s3_bodies
from stratos.dataset.formats.row import RowError
from stratos.dataset.inspect_dataset import inspect_dataset
from stratos.dataset.lines import DataFile
from stratos.dataset.s3_bodies import S3Bodies, is_body
from tests import factories
from tests.unit.stratos.dataset.inspecting import files, task

HOUR = "logs/AWSLogs/111122223333/BedrockModelInvocationLogs/us-east-1/2026/11/29/10"


def body(name: str, content: bytes) -> S3Bodies:
    return S3Bodies.of([DataFile(name, partial(io.BytesIO, content))])


def log(number: int) -> dict[str, Any]:
    return {
        "schemaType": "ModelInvocationLog",
        "requestId": f"r{number}",
        "input": {"inputBodyS3Path": f"s3://b/{HOUR}/data/r{number}_input.json.gz"},
        "output": {"outputBodyS3Path": f"s3://b/{HOUR}/data/r{number}_output.json.gz"},
    }


def test_logs_with_bodies_in_files_beside_them_are_read_as_one_dataset(tmp_path: Path) -> None:
    contents = {f"{HOUR}/x.json.gz": gzip.compress(factories.jsonl(map(log, range(200))))}
    for number in range(200):
        request = {"messages": [{"role": "user", "content": f"question {number}"}]}
        reply = [
            {"contentBlockDelta": {"delta": {"text": f"s{number}"}, "contentBlockIndex": 0}},
            {"messageStop": {"stopReason": "end_turn"}},
        ]
        for side, value in (("input", request), ("output", reply)):
            name = f"{HOUR}/data/r{number}_{side}.json.gz"
            contents[name] = gzip.compress(json.dumps(value).encode())
    found = inspect_dataset(files(contents), task(), tmp_path)
    assert found.formats == {f"{HOUR}/x.json.gz": "bedrock_log"}
    assert (found.num_lines, found.num_gold, found.num_bad_lines) == (200, 200, 0)


def test_a_body_in_the_log_is_not_looked_for(tmp_path: Path) -> None:
    row = {
        "input": {"inputBodyJson": {"prompt": "a"}, "inputBodyS3Path": "s3://b/data/x_input.json"}
    }
    assert body("data/x_input.json", b"{}").filled(row) == row


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "data/r1_input.json.gz is not JSON"),
        (b"\xff", "is not UTF-8"),
        (
            gzip.compress(b"{}" * 4000, mtime=0)[:-20] + b"\x00" * 40,
            "is not (a sound gzip file|JSON)",
        ),
        (b" " * 101, "has more than 100 bytes"),
        (gzip.compress(b" " * 101, mtime=0), "has more than 100 bytes"),
    ],
)
def test_a_body_that_cannot_be_read_is_named(
    content: bytes, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_bodies, "MAX_BODY_BYTES", 100)
    with pytest.raises(RowError, match=told):
        body("data/r1_input.json.gz", content).filled(log(1))


def test_a_body_is_told_by_its_folder_and_name() -> None:
    assert is_body("a/data/x_input.json.gz")
    assert not is_body("a/data/x.json.gz")
    assert not is_body("a/x_input.json.gz")
