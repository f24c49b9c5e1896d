"""Rows read into records, and what cannot be read."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.dataset.reading import _parsed, normalised, words_of
from stratos.errors import DatasetRejected
from tests import factories
from tests.unit.stratos.dataset.inspecting import inspect, inspect_bytes


def test_the_gold_answer_is_what_follows_the_marker(tmp_path: Path) -> None:
    rows = [
        {"question": f"What is {i} + {i}?", "answer": f"It is {i} + {i}.\n#### {2 * i}"}
        for i in range(200)
    ]
    found, splits = inspect(tmp_path, rows, verifier={"kind": "number"})
    assert found.formats == {"d.jsonl": "gsm8k"}
    assert all(r.gold is not None and r.gold.isdigit() for r in splits["heldout"])


def test_bad_lines_are_named_by_file_and_line(tmp_path: Path) -> None:
    rows = factories.jsonl(factories.dataset_rows(300)).splitlines(keepends=True)
    rows[4] = b"{broken\n"
    rows[9] = b'{"prompt": 5}\n'
    rows[11] = b"\xff\n"
    rows[12] = b"[" * 100_000 + b"\n"
    with pytest.raises(DatasetRejected) as caught:
        inspect_bytes(tmp_path, b"".join(rows))
    told = str(caught.value)
    assert "4 of 300 lines cannot be read" in told
    for place in ("d.jsonl:5: is not JSON", "d.jsonl:10: prompt is a number", "d.jsonl:12: byte 0"):
        assert place in told
    found, _ = inspect_bytes(tmp_path, b"".join(rows), on_bad_line="skip")
    assert (found.num_bad_lines, found.num_lines) == (4, 300)


def test_the_format_that_a_spec_names_holds_for_every_line(tmp_path: Path) -> None:
    rows = [row | {"question": "?", "answer": "!"} for row in factories.dataset_rows(300)]
    found, _ = inspect(tmp_path, rows, format="prompt_completion")
    assert found.formats == {"d.jsonl": "prompt_completion"}
    with pytest.raises(DatasetRejected, match="has no field 'messages', which the format openai"):
        inspect(tmp_path, rows, format="openai_chat")


@given(st.text() | st.text(st.characters(max_codepoint=127)))
def test_text_is_normalised_alike_whatever_its_alphabet(text: str) -> None:
    expected = unicodedata.normalize("NFKC", text).casefold().split()
    assert normalised(text) == " ".join(expected)
    assert words_of(text) == expected


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), _JSON), st.booleans())
def test_a_line_is_parsed_as_json_does(row: dict[str, object], escaped: bool) -> None:
    line = json.dumps(row, ensure_ascii=escaped)
    assert repr(_parsed(line.encode())) == repr(json.loads(line))


@pytest.mark.parametrize(
    "line",
    [
        r'{"a": "\ud800"}',
        '{"a": ' + "[" * 400 + "]" * 400 + "}",
        '{"a": 123456789012345678901234567890}',
        '{"a": NaN, "b": -Infinity, "c": 1e999}',
        '{"a": 1, "a": 2}',
    ],
)
def test_a_line_that_the_fast_parser_refuses_is_still_read(line: str) -> None:
    assert repr(_parsed(line.encode())) == repr(json.loads(line))


@pytest.mark.parametrize(
    "line", ['{"a": 01}', '{"a": 1,}', "{'a': 1}", '{"a": "\t"}', '{"a": nan}']
)
def test_what_json_refuses_is_refused(line: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        _parsed(line.encode())
