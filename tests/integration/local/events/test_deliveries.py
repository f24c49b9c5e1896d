"""What becomes of an event that is on its way when the cloud ends."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from event_rules import put_event, put_rule
from moto_cloud import running_cloud

from infra.local.events.deliveries import Deliveries
from infra.local.events.rules import Rules
from infra.local.events.targets import Targets
from infra.local.host.outbox import OUTBOX

FAILURES = {"a fault that may pass": (503, []), "a refusal": (400, ["done"])}


@pytest.mark.parametrize("what", FAILURES)
def test_what_a_stop_gives_up_is_left_to_the_next_start_and_not_buried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    status, struck = FAILURES[what]
    metadata = {"ResponseMetadata": {"HTTPStatusCode": status}}
    failure = ClientError({"Error": {"Code": "E"}, **metadata}, "SendMessage")
    under_way = threading.Event()
    lines: list[str] = []
    buried: list[str] = []

    def fail(targets: Targets, *_: Any, **named: Any) -> None:
        under_way.set()
        targets._closing.wait(600)
        raise failure

    monkeypatch.setattr(Targets, "deliver", fail)
    monkeypatch.setattr(Targets, "send_dead_letter", lambda *_: buried.append("buried"))
    with running_cloud(tmp_path, Rules(), Deliveries()) as cloud:
        dead = cloud.create_queue("dead")[1]
        put_rule(cloud, "given-up", cloud.create_queue("full")[1], DeadLetterConfig={"Arn": dead})
        OUTBOX.kept_by(lambda line: lines.extend(line))
        put_event(cloud, "given-up", {"n": 1})
        assert under_way.wait(600)
    OUTBOX.kept_by(None)
    assert lines == ["errand", *struck]
    assert buried == (["buried"] if struck else [])
