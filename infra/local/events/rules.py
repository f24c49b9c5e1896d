"""Which rules an event matches, behind moto's `Rule.send_to_targets`."""

from __future__ import annotations

import copy
import logging
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from moto.events.models import Rule

from infra.local.events.object_events import ObjectEvents
from infra.local.events.patterns import mend_patterns
from infra.local.events.targets import DELIVERY
from infra.local.host.outbox import OUTBOX
from infra.local.host.patching import Patches
from infra.local.host.settings import LocalSettings

ENVELOPE = ("account", "region", "resources", "detail", "replay-name")

logger = logging.getLogger(__name__)


class Rules:
    """Matches events to rules. What is to be delivered goes to the outbox, also while the cloud
    ends and nobody delivers any more."""

    def __init__(self) -> None:
        self._patches = Patches()

    def install(self, settings: LocalSettings) -> None:
        seam = self
        self._moto_send = Rule.send_to_targets

        def send_to_targets(rule: Any, original_event: Any, transform_input: bool = True) -> None:
            seam._send(rule, original_event, transform_input)

        self._patches.replace(Rule, "send_to_targets", send_to_targets)
        ObjectEvents().install(self._patches)
        mend_patterns(self._patches)

    def close(self) -> None:
        self._patches.restore()

    def _send(self, rule: Any, moto_event: Mapping[str, Any], transform_input: bool) -> None:
        event = envelope(moto_event)
        if rule.state == "DISABLED" or not _matches(rule, event):
            return
        left_to_moto = [t for t in rule.targets if _is_left_to_moto(t["Arn"])]
        if left_to_moto:
            stand_in = copy.copy(rule)
            stand_in.targets = left_to_moto
            timed = {**copy.deepcopy(dict(moto_event)), "time": _instant(event["time"]).timestamp()}
            try:
                self._moto_send(stand_in, timed, transform_input)
            except Exception:  # a sender never sees what its event came to
                logger.exception("Rule %s could not deliver", rule.name)
        ingested = _iso(moto_event.get("ingestion-time") or moto_event["time"])
        told = {"name": rule.name, "arn": rule.arn, "region": rule.region_name}
        for target in rule.targets:
            if target not in left_to_moto:
                # One name for every retry, so that what did start is not started again.
                name = f"{event['id']}_{uuid.uuid4()}"
                delivery = {"rule": told, "target": dict(target), "event": event}
                OUTBOX.put(DELIVERY, delivery | {"ingested": ingested, "execution_name": name})


def envelope(moto_event: Mapping[str, Any]) -> dict[str, Any]:
    """The event as EventBridge documents it; moto keeps `time` as a number."""
    kept = {name: moto_event[name] for name in ENVELOPE if name in moto_event}
    return {
        "version": "0",
        "id": moto_event["id"],
        "detail-type": moto_event["detail-type"],
        "source": moto_event["source"],
        "account": "",
        "time": _iso(moto_event["time"]),
        "region": "",
        "resources": [],
        **copy.deepcopy(kept),
    }


def _matches(rule: Any, event: dict[str, Any]) -> bool:
    """A rule without a pattern takes only the ticks of its own schedule."""
    if event["source"] == "aws.events" and event["resources"] == [rule.arn]:
        return True
    return bool(rule.event_pattern.get_pattern()) and bool(rule.event_pattern.matches_event(event))


def _is_left_to_moto(arn: str) -> bool:
    """Log groups, archives and API destinations, which moto serves itself."""
    service, resource = arn.split(":", 5)[2::3]
    return service == "logs" or (service == "events" and not resource.startswith("event-bus/"))


def _instant(time: float | str) -> datetime:
    """The time of an event, which moto has as epoch seconds and senders also as text."""
    try:
        return datetime.fromtimestamp(float(time), UTC)
    except ValueError:
        return datetime.fromisoformat(str(time)).astimezone(UTC)


def _iso(time: float | str) -> str:
    return f"{_instant(time):%Y-%m-%dT%H:%M:%SZ}"
