"""Who works and who waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stratos.contracts.run_queue import MAX_QUEUED_RUNS, Caps, QueuedRun, RunQueue
from stratos.errors import QueueFull

BEGAN = datetime(2026, 11, 24, 8, tzinfo=UTC)
CAPS = Caps(per_stack=2, per_spec=1)
ITEM_BYTES = 400_000
"""That an item of DynamoDB may have."""


def arrived(*specs: str) -> RunQueue:
    """Runs `a-0`, `b-1`, … of specs, a minute apart, none of which has a place."""
    queue = RunQueue()
    for number, spec in enumerate(specs):
        at = BEGAN + timedelta(minutes=number)
        queue = queue.with_run(
            QueuedRun(run_id=f"{spec}-{number}", spec_name=spec, arrived_at=at, entered_at=at)
        )
    return queue


def working(queue: RunQueue) -> list[str]:
    return [run.run_id for run in queue.runs if run.has_place]


def test_places_are_given_in_order_of_arrival_and_no_spec_holds_up_another():
    queue = arrived("a", "a", "b", "c").with_places_given(CAPS)
    assert working(queue) == ["a-0", "b-2"]
    queue = queue.without("a-0").with_places_given(CAPS)
    assert working(queue) == ["a-1", "b-2"]
    queue = queue.without("a-1").with_places_given(CAPS)
    assert working(queue) == ["b-2", "c-3"]


def test_whose_execution_began_first_comes_first_whoever_asked_first():
    late = arrived("a", "b").runs[0]
    queue = arrived("x", "b", "c").with_run(late).with_places_given(CAPS)
    assert working(queue) == ["a-0", "x-0"]


def test_a_run_that_asks_again_keeps_its_place():
    queue = arrived("a", "b", "c").with_places_given(CAPS)
    again = queue.runs[0].model_copy(update={"has_place": False, "entered_at": datetime.now(UTC)})
    assert queue.with_run(again) == queue


def test_caps_that_are_changed_hold_for_who_waits_and_take_nobodys_place():
    queue = arrived("a", "b", "c", "c").with_places_given(CAPS)
    fewer = queue.with_places_given(Caps(per_stack=1, per_spec=1))
    assert working(fewer) == ["a-0", "b-1"]
    assert working(fewer.without("a-0").with_places_given(Caps(per_stack=1, per_spec=1))) == ["b-1"]
    assert working(fewer.with_places_given(Caps(per_stack=9, per_spec=2))) == [
        "a-0", "b-1", "c-2", "c-3",
    ]  # fmt: skip


def test_a_run_that_awaits_approval_keeps_its_specs_place_and_takes_none_of_the_stacks():
    queue = arrived("a", "b", "a", "c").with_places_given(CAPS)
    asked = queue.with_approvals({"a-0": True, "b-1": False}).with_places_given(CAPS)
    assert working(asked) == ["a-0", "b-1", "c-3"]
    assert asked.why_would_wait("d") is not None
    approved = asked.with_approvals({"a-0": False}).with_places_given(CAPS)
    assert working(approved) == ["a-0", "b-1", "c-3"]
    assert working(approved.without("c-3").with_run(arrived("d").runs[0])) == ["a-0", "b-1"]


def test_a_run_is_told_its_place_and_what_it_waits_for():
    queue = arrived("a", "b", "a", "c", "a").with_places_given(CAPS)
    assert queue.why_waits("a-0") is None
    assert queue.why_waits("a-2") == (
        "place 1 in the queue: 1 of one spec at a time, and run a-0 comes first; "
        "`stratos stop RUN` ends one that is no longer wanted"
    )
    assert queue.why_waits("c-3") == "place 2 in the queue: the stack works on 2 runs at a time"
    assert "place 3 in the queue: 1 of one spec at a time, and runs a-0, a-2 come first" in str(
        queue.why_waits("a-4")
    )
    assert queue.why_waits("gone") is None


def test_a_message_names_a_few_runs_and_counts_the_others():
    queue = arrived(*"aaaaaa").with_places_given(CAPS)
    assert "runs a-0, a-1, a-2 and 2 more come first" in str(queue.why_waits("a-5"))


@pytest.mark.parametrize(
    ("specs", "comes", "told"),
    [
        ((), "a", None),
        (("a",), "b", None),
        (("a",), "a", "place 1 in the queue: 1 of one spec"),
        (("a", "b"), "c", "place 1 in the queue: the stack works on 2 runs"),
        (("a", "b", "c"), "d", "place 2 in the queue: the stack works on 2 runs"),
    ],
)
def test_who_submits_is_told_whether_the_run_will_wait(specs, comes, told):
    found = arrived(*specs).with_places_given(CAPS).why_would_wait(comes)
    assert (found is None) == (told is None)
    assert (told or "") in (found or "")


def test_nobody_waits_in_a_stack_that_has_had_no_run():
    assert RunQueue.of_item(None).why_would_wait("a") is None


def test_a_queue_that_a_later_release_wrote_is_read():
    text = '{"caps": {"per_stack": 2, "per_spec": 1, "per_user": 1}, "runs": [], "more": 1}'
    assert RunQueue.of_item({"queue": text}) == RunQueue(caps=CAPS)


def test_a_full_queue_refuses_more_and_fits_into_its_item():
    long = "n" * 32
    queue = RunQueue(
        runs=tuple(
            QueuedRun(
                run_id=f"{long}-{number:08x}",
                spec_name=long,
                arrived_at=BEGAN + timedelta(milliseconds=number),
                entered_at=BEGAN + timedelta(milliseconds=number),
            )
            for number in range(MAX_QUEUED_RUNS)
        )
    )
    text = queue.model_dump_json()
    assert len(text) < ITEM_BYTES
    assert RunQueue.of_item({"queue": text}) == queue
    assert queue.with_run(queue.runs[0]) == queue
    with pytest.raises(QueueFull, match="1000 runs work or wait already"):
        queue.with_run(arrived("a").runs[0])
