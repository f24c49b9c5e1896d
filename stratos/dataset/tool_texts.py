"""The tools of a record as text, remembered: the rows of a log mostly offer the same ones."""

from __future__ import annotations

from dataclasses import dataclass

from stratos.contracts.messages import Tool


@dataclass
class ToolTexts:
    """Writes tools as JSON, unless they are those of the record before."""

    _tools: tuple[Tool, ...] | None = None
    _text: str = ""

    def text(self, tools: tuple[Tool, ...]) -> str:
        """A line of JSON for each tool."""
        if tools != self._tools:
            self._tools = tools
            self._text = "\n".join(tool.model_dump_json(exclude_none=True) for tool in tools)
        return self._text
