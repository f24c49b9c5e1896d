"""Rules of tests, and the events put for them."""

from __future__ import annotations

import json
from typing import Any

from moto_cloud import Cloud


def put_rule(cloud: Cloud, name: str, arn: str, pattern: Any = None, **target: Any) -> str:
    """A rule with one target; its ARN."""
    events = cloud("events")
    pattern = pattern or {"source": [name]}
    rule = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "t", "Arn": arn, **target}])
    return rule


def put_event(cloud: Cloud, source: str, detail: Any = None, **fields: Any) -> str:
    """The id of an event that was put."""
    entry = {"Source": source, "DetailType": "Test", "Detail": json.dumps(detail or {}), **fields}
    return cloud("events").put_events(Entries=[entry])["Entries"][0]["EventId"]
