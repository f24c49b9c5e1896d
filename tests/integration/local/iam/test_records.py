"""What is written down of calls that were judged, and read back."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from infra.local.iam.documents import Statement, parse
from infra.local.iam.evaluator import Call, Decision, Principal, judge
from infra.local.iam.records import GATHERED, Judged, Records, read, records_of

ROLE = Principal("arn:aws:iam::1:role/job", "1")


def policy(*statements: dict[str, Any]) -> tuple[Statement, ...]:
    return parse({"Version": "2012-10-17", "Statement": list(statements)}, "JobPolicy")


READING = policy(
    {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::b/*",
        "Condition": {"StringEquals": {"aws:SourceAccount": "1"}},
    },
    {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"},
)


def get(key: str, account: str = "1") -> tuple[Call, Decision]:
    context = {"aws:SourceAccount": (account,), "aws:SourceIp": ("203.0.113.7",)}
    call = Call(ROLE, "s3:GetObject", f"arn:aws:s3:::b/{key}", context)
    return call, judge(call, READING, ())


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_call_is_read_back_with_what_decided_it(tmp_path: Path) -> None:
    file = tmp_path / "state" / "iam.jsonl"
    call, decision = get("a")
    Records(file).add(call, decision, READING, ())
    (judged,) = read(file)
    assert judged == Judged(
        Call(ROLE, "s3:GetObject", "arn:aws:s3:::b/a", {"aws:SourceAccount": ("1",)}),
        decision,
        READING[:1],
        (),
    )
    assert judge(judged.call, judged.identity, judged.resource) == decision


def test_of_calls_that_the_same_statements_allow_the_first_is_written(tmp_path: Path) -> None:
    file = tmp_path / "iam.jsonl"
    records = Records(file)
    for key in ("a", "b", "c"):
        records.add(*get(key), READING, ())
    assert [line["resource"] for line in lines(file)] == ["arn:aws:s3:::b/a"]


def test_what_was_refused_is_written_for_each_resource(tmp_path: Path) -> None:
    file = tmp_path / "iam.jsonl"
    records = Records(file)
    for key in ("a", "b", "a"):
        records.add(*get(key, account="2"), READING, ())
    assert [(line["resource"], line["reason"]) for line in lines(file)] == [
        ("arn:aws:s3:::b/a", "no_allow"),
        ("arn:aws:s3:::b/b", "no_allow"),
    ]


def test_a_file_is_continued_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "iam.jsonl"
    Records(file).add(*get("a"), READING, ())
    again = Records(file)
    again.add(*get("b"), READING, ())
    again.add(*get("b", account="2"), READING, ())
    assert [line["allowed"] for line in lines(file)] == [True, False]


def test_many_threads_write_each_kind_once(tmp_path: Path) -> None:
    file = tmp_path / "iam.jsonl"
    records = Records(file)
    with ThreadPoolExecutor(8) as threads:
        for number in range(200):
            threads.submit(records.add, *get(str(number % 20), account="2"), READING, ())
    assert sorted(line["resource"] for line in lines(file)) == sorted(
        f"arn:aws:s3:::b/{number}" for number in range(20)
    )


def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "iam.jsonl"
    Records(file).add(*get("a"), READING, ())
    with file.open("a") as appended:
        appended.write('{"principal": {"arn"')
    assert len(list(read(file))) == 1


def test_a_cloud_writes_beside_its_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(GATHERED, raising=False)
    records_of(tmp_path).add(*get("a"), READING, ())
    assert [path.name for path in tmp_path.iterdir()] == ["iam.jsonl"]


def test_the_records_of_many_clouds_are_gathered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathered = tmp_path / "gathered"
    monkeypatch.setenv(GATHERED, str(gathered))
    for cloud, key in (("one", "a"), ("two", "b")):
        records_of(tmp_path / cloud).add(*get(key), READING, ())
    assert sorted(judged.call.resource for judged in read(gathered)) == [
        "arn:aws:s3:::b/a",
        "arn:aws:s3:::b/b",
    ]
    assert len(lines(tmp_path / "one" / "iam.jsonl")) == 1


def test_what_a_cloud_wrote_before_is_gathered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(GATHERED, raising=False)
    records_of(tmp_path / "cloud").add(*get("a"), READING, ())
    monkeypatch.setenv(GATHERED, str(tmp_path / "gathered"))
    records_of(tmp_path / "cloud").add(*get("a"), READING, ())
    assert len(list(read(tmp_path / "gathered"))) == 1
    assert len(lines(tmp_path / "cloud" / "iam.jsonl")) == 1
