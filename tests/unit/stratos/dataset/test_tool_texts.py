"""Tools as text."""

from __future__ import annotations

import json

from stratos.contracts.messages import Tool
from stratos.dataset.tool_texts import ToolTexts


def test_tools_are_written_anew_only_when_they_change() -> None:
    texts = ToolTexts()
    look_up, refund = Tool(name="look_up", description="finds"), Tool(name="refund")
    both = texts.text((look_up, refund))
    assert [json.loads(line)["name"] for line in both.splitlines()] == ["look_up", "refund"]
    alike = Tool(name="look_up", description="finds"), Tool(name="refund")
    assert texts.text(alike) is both
    assert texts.text((refund,)) == refund.model_dump_json(exclude_none=True)
    assert texts.text((look_up, refund)) == both
