"""What a rule's target is given of an event."""

from __future__ import annotations

from typing import Any

import pytest
from event_rules import put_event, put_rule
from moto_cloud import Cloud


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"Input": '{"fixed": true}'}, {"fixed": True}),
        ({"InputPath": "$.detail.object"}, {"key": 'a "b".json', "size": 3}),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {
                        "key": "$.detail.object.key",
                        "size": "$.detail.object.size",
                        "type": "$.detail-type",
                        "first": "$.resources[0]",
                        "absent": "$.detail.nothing",
                        "object": "$.detail.object",
                    },
                    "InputTemplate": (
                        '{"key": <key>, "size": <size>, "text": "\\"<key>\\" is <type>", '
                        '"first": <first>, "absent": <absent>, "object": <object>, '
                        '"rule": <aws.events.rule-name>, "kept": "<unknown>"}'
                    ),
                }
            },
            {
                "key": 'a "b".json',
                "size": 3,
                "text": '"a "b".json" is Test',
                "first": "arn:z",
                "absent": None,
                "object": {"key": 'a "b".json', "size": 3},
                "rule": "shaped-2",
                "kept": "<unknown>",
            },
        ),
    ],
)
def test_the_input_of_a_target_is_shaped(
    cloud: Cloud, request: pytest.FixtureRequest, target: dict[str, Any], expected: Any
) -> None:
    name = f"shaped-{['Input', 'InputPath', 'InputTransformer'].index(next(iter(target)))}"
    url, arn = cloud.create_queue(name)
    put_rule(cloud, name, arn, **target)
    put_event(cloud, name, {"object": {"key": 'a "b".json', "size": 3}}, Resources=["arn:z"])
    assert cloud.receive(url)["Body"] == expected
