"""What is promised is written down first, and struck off once it is done."""

from __future__ import annotations

import errno
import json
from typing import Any

import pytest

from infra.local.host.outbox import Errand, Outbox


class Kept:
    """An outbox with what was written of it and what was carried out, in order."""

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.seen: list[str] = []
        self.carried: list[Errand] = []
        self.outbox.kept_by(self.write)
        self.outbox.carries("a", self.carry)

    def write(self, line: dict[str, Any]) -> None:
        self.seen.append(
            f"written {line['errand']['content']['n']}" if "errand" in line else "done"
        )

    def carry(self, errand: Errand) -> None:
        self.seen.append(f"carried {errand.content['n']}")
        self.carried.append(errand)


@pytest.fixture
def kept() -> Kept:
    return Kept()


def test_an_errand_is_written_down_before_it_is_carried_out_and_open_until_it_is_done(
    kept: Kept,
) -> None:
    kept.outbox.put("a", {"n": 1})
    [errand] = kept.outbox.open()
    kept.outbox.strike(errand)
    kept.outbox.strike(errand)
    assert kept.seen == ["written 1", "carried 1", "done"]
    assert kept.outbox.open() == []


def test_what_a_request_puts_waits_until_the_request_is_kept(kept: Kept) -> None:
    with kept.outbox.holding() as held:
        kept.outbox.put("a", {"n": 1})
        kept.outbox.put("a", {"n": 2})
    assert (kept.seen, kept.outbox.open()) == ([], [])
    kept.outbox.release(held, kept.write)
    assert kept.seen == ["written 1", "carried 1", "written 2", "carried 2"]


def full(_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_cannot_be_written_down_is_refused_if_somebody_can_be_told(kept: Kept) -> None:
    with kept.outbox.holding() as held:
        kept.outbox.put("a", {"n": 1})
    with pytest.raises(OSError, match="No space"):
        kept.outbox.release(held, full)
    assert (kept.carried, kept.outbox.open()) == ([], [])
    kept.outbox.kept_by(full)
    kept.outbox.put("a", {"n": 2})  # by no request
    assert [errand.content for errand in kept.carried] == [{"n": 2}]
    kept.outbox.strike(kept.carried[0])
    assert kept.outbox.open() == []


def test_an_errand_waits_for_who_carries_its_kind(kept: Kept) -> None:
    kept.outbox.take_up(Errand("later", {"n": 1}))
    assert kept.carried == []
    kept.outbox.carries("later", kept.carry)
    assert [errand.content for errand in kept.carried] == [{"n": 1}]
    kept.outbox.put("a", {"n": 2})
    kept.outbox.leave("later")
    assert [errand.kind for errand in kept.outbox.open()] == ["a"]
    assert "done" not in kept.seen
    kept.outbox.put("later", {"n": 3})  # for the next start
    assert kept.seen[-1] == "written 3"
    assert [errand.kind for errand in kept.outbox.open()] == ["a"]


def test_an_errand_is_as_deep_as_its_event_and_one_that_cannot_be_written_is_not_kept(
    kept: Kept,
) -> None:
    deep: dict[str, Any] = {"n": 1}
    for _ in range(700):
        deep = {"n": 1, "in": deep}
    assert json.loads(json.dumps(Errand("a", deep).as_json()))["content"] == deep
    endless: dict[str, Any] = {"n": 2}
    endless["in"] = endless

    def write(line: dict[str, Any]) -> None:
        json.dumps(line)

    with pytest.raises(ValueError, match="Circular"):
        kept.outbox.release([Errand("a", endless)], write)
    assert (kept.outbox.open(), kept.carried) == ([], [])
