"""Every row that docs/datasets.md shows is read as the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from stratos.contracts.messages import Message, Tool, ToolCall
from stratos.dataset.formats.batch_files import BatchHalf, whole_row
from stratos.dataset.formats.detection import FORMATS, detect_format, read_fields
from stratos.dataset.formats.row import NoAnswer, ParsedRow
from stratos.spec import FormatName

PAGE = (Path(__file__).parents[5] / "docs" / "datasets.md").read_text()
EXAMPLES: dict[str, list[list[Any]]] = {}
for section in re.split(r"^##+ ", PAGE, flags=re.MULTILINE):
    blocks = re.findall(r"```json\n(.*?)```", section, re.DOTALL)
    rows = [[json.loads(line) for line in block.splitlines()] for block in blocks]
    EXAMPLES[section.partition("\n")[0]] = rows


def read(rows: list[Any], name: FormatName) -> ParsedRow:
    """A row, or the two of a batch."""
    found = [read_fields(row, name) for row in rows]
    halves = [half for half in found if isinstance(half, BatchHalf)]
    if halves:
        request, response = halves
        return whole_row(request.custom_id, request.request, response.response)
    (row,) = found
    assert isinstance(row, ParsedRow)
    return row


@pytest.mark.parametrize("name", FORMATS)
def test_an_example_of_each_format_is_told_and_read(name: FormatName) -> None:
    assert EXAMPLES[name]
    for rows in EXAMPLES[name]:
        assert {detect_format(row) for row in rows} == {name}
        row = read(rows, name)
        assert row.messages[-1] == Message(role="user", content="What is 2 + 2?")
        assert row.answer.reply == Message(role="assistant", content="4")


def test_calls_in_each_style_are_the_same_row() -> None:
    ((openai, anthropic, converse),) = EXAMPLES["Tool calls"]
    for row in (openai, anthropic, converse):
        found = read([row], detect_format(row))
        assert found.tools == (Tool(name="add", parameters={"type": "object"}),)
        assert found.answer.reply == Message(
            role="assistant",
            content="",
            tool_calls=(ToolCall(name="add", arguments={"numbers": [2, 2]}, id="c1"),),
        )


def test_the_page_names_every_format_and_every_kind_of_no_answer() -> None:
    rows = set(re.findall(r"^\| `([\w ]+)` \|", PAGE, re.MULTILINE))
    assert rows == {*get_args(FormatName), *get_args(NoAnswer)}
