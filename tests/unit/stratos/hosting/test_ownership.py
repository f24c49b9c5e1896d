"""What the sweeper takes, and what it must never touch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.hosting.ownership import Kind, Owner, Ownership, Resource

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def owner(run_id: str = "r1", spec: str = "tiles", **changes: Any) -> Owner:
    values = {
        "run_id": run_id,
        "spec_name": spec,
        "status": "succeeded",
        "running": False,
        "endpoint_name": None,
        "expires_at": None,
    }
    return Owner.model_validate(values | changes)


def endpoint(run_id: str | None = "r1", config: str = "c1", **changes: Any) -> Resource:
    values = {
        "kind": "endpoint",
        "name": "stratos-tiles",
        "run_id": run_id,
        "spec_name": "tiles",
        "config_name": config,
        "status": "InService",
    }
    return Resource.model_validate(values | changes)


def resource(kind: str, name: str, run_id: str = "r1", spec: str | None = "tiles") -> Resource:
    return Resource.model_validate(
        {"kind": kind, "name": name, "run_id": run_id, "spec_name": spec}
    )


def component(run_id: str = "r1", **changes: Any) -> Resource:
    values = {
        "kind": "inference-component",
        "name": "stratos-tiles",
        "run_id": run_id,
        "spec_name": "tiles",
        "endpoint_name": "stratos-tiles",
        "status": "InService",
    }
    return Resource.model_validate(values | changes)


def expiry(endpoint_name: str = "stratos-tiles", spec: str = "tiles") -> Resource:
    return Resource(
        kind="schedule",
        name=f"{endpoint_name}-expiry",
        run_id=None,
        spec_name=spec,
        endpoint_name=endpoint_name,
    )


def swept(resources: list[Resource], *owners: Owner, turn: str | None = None) -> dict[str, str]:
    turns = {} if turn is None else {"stratos-tiles": turn}
    return {o.name: o.reason for o in Ownership(resources, owners, NOW, turns).orphans()}


def test_a_model_that_batches_ask_stays_while_its_run_is_in_charge() -> None:
    model = resource("model", "m1")
    assert swept([model], owner(batch_model_name="m1")) == {}
    assert swept([model], owner()) == {"m1": "run r1 is succeeded and serves nothing"}


def test_a_batch_that_somebody_waits_for_ends_only_with_its_run_deleted() -> None:
    gate = resource("transform-job", "j1")
    asked = gate.model_copy(update={"name": "j2", "awaited": True})
    assert swept([gate, asked], owner(running=True, status="running")) == {}
    assert set(swept([gate, asked], owner(batch_model_name="m1"))) == {"j1"}
    assert set(swept([gate, asked], owner(status="deleted"))) == {"j1", "j2"}
    assert set(swept([asked])) == {"j2"}


def live(**changes: Any) -> Owner:
    return owner(endpoint_name="stratos-tiles", **changes)


def everything() -> list[Resource]:
    return [
        endpoint(),
        resource("endpoint-config", "c1"),
        resource("model", "m1"),
        expiry(),
    ]


def test_what_a_kept_endpoint_serves_is_kept_with_it() -> None:
    assert swept(everything(), live()) == {}


def test_an_endpoint_lives_until_its_time_is_over() -> None:
    assert swept(everything(), live(expires_at=NOW + timedelta(seconds=1))) == {}
    over = swept(everything(), live(expires_at=NOW))
    assert list(over) == ["stratos-tiles", "c1", "m1", "stratos-tiles-expiry"]
    assert "time of run r1 was over" in over["stratos-tiles"]


def test_an_endpoint_of_a_run_that_failed_has_no_owner() -> None:
    found = swept(everything(), owner(status="failed"))
    assert found["stratos-tiles"] == "run r1 is failed and has no claim to it"
    assert set(found) == {"stratos-tiles", "c1", "m1", "stratos-tiles-expiry"}


def test_a_run_that_nobody_remembers_owns_nothing() -> None:
    assert "does not exist" in swept([endpoint()])["stratos-tiles"]


def test_what_carries_no_tag_is_never_touched() -> None:
    assert swept([endpoint(run_id=None)]) == {}


def test_an_endpoint_does_not_end_while_a_run_that_goes_on_has_the_turn_at_it() -> None:
    over = live(expires_at=NOW - timedelta(hours=1))
    going_on = owner("r2", running=True, status="running")
    assert swept(everything(), over, going_on, turn="r2") == {}
    stopped = owner("r2", status="stopped")
    assert "stratos-tiles" in swept(everything(), over, stopped, turn="r2")


def test_what_an_endpoint_had_is_kept_while_clean_up_makes_it_anew() -> None:
    resources = [resource("endpoint-config", "c1"), resource("model", "m1")]
    stopped = owner("r2", status="stopped")
    assert swept(resources, live(), stopped, turn="r2") == {}
    assert set(swept(resources, live(), stopped)) == {"c1", "m1"}
    ownership = Ownership(resources, [live(), stopped], NOW, {"stratos-tiles": "r2"})
    assert list(ownership.without_endpoint()) == []


def test_an_endpoint_whose_time_is_over_goes_though_a_run_of_its_spec_trains() -> None:
    over = live(expires_at=NOW - timedelta(hours=1))
    running = owner("r2", running=True, status="running")
    resources = [component(), *everything()]
    ownership = Ownership(resources, [over, running], NOW, {})
    assert [(item.kind, item.name) for item in ownership.orphans()] == [
        ("inference-component", "stratos-tiles"),
        ("endpoint", "stratos-tiles"),
        ("schedule", "stratos-tiles-expiry"),
    ]  # the rest is not billed, and goes later
    assert list(ownership.without_endpoint()) == [over]


def test_an_endpoint_without_a_claim_is_left_while_a_run_of_its_spec_goes_on() -> None:
    running = owner("r2", running=True, status="running")
    assert swept(everything(), owner(status="failed"), running) == {}


def test_a_run_that_waits_for_its_place_protects_nothing_of_its_spec() -> None:
    leaked = [endpoint(), resource("model", "m1"), resource("endpoint-config", "c2")]
    ended, waits = owner(status="failed"), owner("r2", status="running", running=True, waiting=True)
    at_work = waits.model_copy(update={"waiting": False})
    assert set(swept(leaked, ended, waits)) == {"stratos-tiles", "m1", "c2"}
    assert swept(leaked, ended, at_work) == {}


def test_another_specs_run_does_not_protect_it() -> None:
    running = owner("r2", spec="letters", running=True, status="running")
    assert "stratos-tiles" in swept(everything(), owner(status="failed"), running)


def test_an_endpoint_that_changes_is_left_until_it_has_settled() -> None:
    for status in ("Creating", "Updating", "RollingBack"):
        assert swept([endpoint(status=status)], owner(status="failed")) == {}


def test_the_model_of_a_run_whose_endpoint_was_taken_over_goes() -> None:
    resources = [
        endpoint("r1", "c2"),  # tagged by the run that made it, serving that of the next
        resource("endpoint-config", "c1", "r1"),
        resource("endpoint-config", "c2", "r2"),
        resource("model", "m1", "r1"),
        resource("model", "m2", "r2"),
    ]
    assert set(swept(resources, owner("r1"), live(run_id="r2"))) == {"c1", "m1"}


def test_what_an_endpoint_really_serves_is_kept_whoever_is_down_as_its_owner() -> None:
    resources = [endpoint(config="c2"), resource("endpoint-config", "c2", "r2")]
    assert swept(resources, live(), owner("r2", status="failed")) == {}


def test_a_job_is_stopped_once_its_run_is_over() -> None:
    job = resource("training-job", "r1-distill-a0-0", spec=None)
    assert swept([job], owner(running=True, status="running")) == {}
    assert swept([job], owner(status="stopped")) == {"r1-distill-a0-0": "run r1 is stopped"}


@pytest.mark.parametrize("kind", ["training-job", "transform-job"])
def test_a_job_that_is_being_stopped_is_left_to_end_and_keeps_its_role(kind: Kind) -> None:
    job = resource(kind, "r1-job", spec=None).model_copy(update={"status": "Stopping"})
    role = Resource(kind="role", name="stratos-r1-job", run_id="r1")
    assert swept([job, role], owner(status="stopped")) == {}
    assert set(swept([role], owner(status="stopped"))) == {"stratos-r1-job"}


def test_the_schedule_of_an_endpoint_that_is_gone_goes() -> None:
    assert swept([expiry()]) == {"stratos-tiles-expiry": "its endpoint is gone"}
    assert swept([expiry()], owner(running=True, status="running")) == {}


def test_the_alarm_of_an_update_goes_with_its_run() -> None:
    alarm = Resource(kind="alarm", name="stratos-r1-a0-errors", run_id="r1")
    assert swept([alarm], owner(running=True, status="running")) == {}
    assert swept([alarm], owner(status="stopped")) == {alarm.name: "run r1 is stopped"}
    assert swept([alarm], owner("r2", running=True)) == {alarm.name: "run r1 does not exist"}


def test_a_rerun_goes_with_its_spec_but_not_under_a_run_of_it() -> None:
    kept = Resource(kind="rerun", name="stratos-rerun-tiles", run_id=None, spec_name="tiles")
    gone = kept.model_copy(update={"spec_is_gone": True})
    assert swept([kept]) == {}
    assert swept([gone], live()) == {"stratos-rerun-tiles": "its spec is gone"}
    assert swept([gone], owner(running=True, status="running")) == {}


def test_a_run_is_told_that_its_endpoint_is_gone() -> None:
    ownership = Ownership([], [live(), owner("r2")], NOW, {})
    assert [item.run_id for item in ownership.without_endpoint()] == ["r1"]
    assert list(Ownership([endpoint()], [live()], NOW, {}).without_endpoint()) == []


@given(
    status=st.sampled_from(["InService", "Failed", "Updating"]),
    hours=st.none() | st.floats(-100, 100),
    others=st.lists(st.sampled_from(["failed", "stopped", "succeeded"]), max_size=3),
)
def test_a_live_endpoint_is_kept_with_all_it_serves_whatever_else_there_is(
    status: str, hours: float | None, others: list[str]
) -> None:
    expires = None if hours is None else NOW + timedelta(hours=hours)
    owners = [
        live(expires_at=expires),
        *(owner(f"x{i}", status=value) for i, value in enumerate(others)),
    ]
    resources = [
        endpoint(status=status),
        resource("endpoint-config", "c1"),
        resource("model", "m1"),
        *(resource("model", f"mx{i}", f"x{i}") for i in range(len(others))),
    ]
    found = set(swept(resources, *owners))
    assert {f"mx{i}" for i in range(len(others))} <= found
    is_over = expires is not None and expires <= NOW and status != "Updating"
    assert ({"stratos-tiles", "c1", "m1"} <= found) if is_over else ("c1" not in found)


def test_a_component_goes_with_its_endpoint_and_not_before() -> None:
    assert swept([component("r0"), endpoint()], live()) == {}  # an earlier run made it
    assert swept([component()]) == {"stratos-tiles": "its endpoint is gone"}
    assert swept([component(status="Updating")]) == {}
    over = live(expires_at=NOW - timedelta(minutes=1))
    orphans = Ownership([component(), endpoint()], [over], NOW, {}).orphans()
    assert [orphan.kind for orphan in orphans] == ["inference-component", "endpoint"]
    busy = owner("r2", running=True)
    assert swept([component(), endpoint()], busy) == {}


@pytest.mark.parametrize(
    ("ended", "others", "orphaned"),
    [
        (timedelta(minutes=50), [], False),  # a job that was stopped uploads what it has
        (timedelta(minutes=70), [], True),
        (timedelta(minutes=70), [resource("model", "m1")], False),
        (timedelta(minutes=70), [resource("model", "m2", run_id="r2")], True),
    ],
)
def test_a_role_goes_an_hour_after_its_run_once_nothing_else_of_it_is_there(
    ended, others, orphaned
):
    over = owner(status="failed", ended_at=NOW - ended)
    role = resource("role", "stratos-r1-job", spec=None)
    assert ("stratos-r1-job" in swept([role, *others], over)) is orphaned


def test_a_role_of_a_run_that_goes_on_stays_and_one_of_no_run_goes():
    role = resource("role", "stratos-r1-job", spec=None)
    assert swept([role], owner(status="running", running=True)) == {}
    reason = "run r1 does not exist and nothing runs under it"
    assert swept([role]) == {"stratos-r1-job": reason}


def test_a_role_stays_while_a_region_cannot_be_looked_at():
    role = resource("role", "stratos-r1-job", spec=None)
    assert list(Ownership([role], [], NOW, {}, ["eu-west-1"]).orphans()) == []
