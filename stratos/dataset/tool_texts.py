"""The calls and the tools of a record as text; tools are remembered, for the rows of a log mostly
offer the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from stratos.contracts.messages import Tool, calls_text
from stratos.contracts.records import Record


class RecordTexts(NamedTuple):
    """What a record asks, besides what is said."""

    calls: tuple[str | None, ...]
    """Of each message."""
    tools: str | None


@dataclass
class ToolTexts:
    """Writes tools as JSON, unless they are those of the record before."""

    _tools: tuple[Tool, ...] | None = None
    _text: str = ""

    def of(self, record: Record) -> RecordTexts:
        """The calls and the tools of a record as text."""
        calls = [
            None if said.tool_calls is None else calls_text(said.tool_calls)
            for said in record.messages
        ]
        return RecordTexts(tuple(calls), None if record.tools is None else self.text(record.tools))

    def text(self, tools: tuple[Tool, ...]) -> str:
        """A line of JSON for each tool."""
        if tools != self._tools:
            self._tools = tools
            self._text = "\n".join(tool.model_dump_json(exclude_none=True) for tool in tools)
        return self._text
