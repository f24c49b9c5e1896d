"""Columns that a person would know at sight."""

from __future__ import annotations

import pytest

from stratos.dataset.usual_columns import other_columns, usual_columns


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.csv", "id,Message,Intent\n1,hi,greet\n", {"prompt": "Message", "answer": "Intent"}),
        ("a.csv", "\ufeffText,Label\nhi,greet\n", {"prompt": "Text", "answer": "Label"}),
        (
            "a.jsonl",
            '{"ticket": "hi", "category": "greet"}\n',
            {"prompt": "ticket", "answer": "category"},
        ),
        ("a.csv", "question,label,answer\nx,y,z\n", {"prompt": "question", "answer": "answer"}),
    ],
)
def test_usual_names_are_found_however_they_are_cased(tmp_path, name, text, found):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert usual_columns(tmp_path / name) == {"columns": found}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "prompt,completion\nx,y\n"),  # a format of its own
        ("a.csv", "first,second\nx,y\n"),
        ("a.jsonl", '{"messages": [], "label": "x"}\n'),
        ("a.jsonl", "no json\n"),
        ("a.parquet", "PAR1"),
        ("a.csv", ""),
    ],
)
def test_nothing_is_named_where_a_format_or_a_person_must_say(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert usual_columns(tmp_path / name) == {}


def test_a_folder_has_no_columns(tmp_path):
    assert usual_columns(tmp_path) == {}


def test_the_other_columns_of_a_table_are_told(tmp_path):
    (tmp_path / "a.csv").write_text("id,subject,Body,label\n1,x,y,z\n")
    found = {"prompt": "Body", "answer": "label"}
    assert other_columns(tmp_path / "a.csv", found) == ["id", "subject"]
