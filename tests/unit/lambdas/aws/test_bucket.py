"""A bucket that several functions write at once."""

from __future__ import annotations

import time
from typing import Any

import pytest

from lambdas.aws.bucket import AlwaysChanging, Bucket
from stratos.frozen import FrozenModel
from tests.unit.lambdas.conftest import BUCKET, Account

KEY = "catalog/lines.jsonl"


class Line(FrozenModel):
    writer: str


def others_write(account: Account, monkeypatch: pytest.MonkeyPatch, times: int) -> list[float]:
    """Others add a line before each of the first writes; the pauses between."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    client = Bucket(BUCKET).client
    put, before = client.put_object, iter(range(times))

    def put_after_others(**request: Any) -> Any:
        if (number := next(before, None)) is not None:
            account.put(KEY, Line(writer=f"other {number}").model_dump_json() + "\n")
        return put(**request)

    monkeypatch.setattr(client, "put_object", put_after_others)
    return pauses


def test_who_is_overtaken_while_appending_waits_longer_each_time(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda _low, high: high)
    pauses = others_write(account, monkeypatch, times=6)
    Bucket(BUCKET).append_rows(KEY, [Line(writer="this")])
    assert len(pauses) == 6
    assert pauses == sorted(set(pauses))
    writers = [line.writer for line in Bucket(BUCKET).read_rows(KEY, Line)]
    assert writers == ["other 5", "this"]


def test_who_is_always_overtaken_says_so(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    others_write(account, monkeypatch, times=1000)
    with pytest.raises(AlwaysChanging, match="changed 8 times while appending"):
        Bucket(BUCKET).append_rows(KEY, [Line(writer="this")])
