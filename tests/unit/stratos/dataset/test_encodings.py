"""Text files that are not UTF-8."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from stratos.dataset.documents import json_rows
from stratos.dataset.encodings import conversion, other_encoding
from stratos.dataset.lines import BrokenFileError
from tests.unit.stratos.dataset.test_lines import Trickle

LINE = '{"prompt": "Käse?"}\n'


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("utf-16", "UTF-16"),
        ("utf-32", "UTF-32"),
        ("utf-16-le", "UTF-16LE"),
        ("utf-16-be", "UTF-16BE"),
        ("utf-8", None),
        ("utf-8-sig", None),
        ("cp1252", None),
    ],
)
def test_an_encoding_is_told_by_its_first_bytes(written: str, told: str | None) -> None:
    assert other_encoding(LINE.encode(written)) == told


def test_an_empty_file_has_every_encoding() -> None:
    assert other_encoding(b"") is None
    assert other_encoding(b"{") is None


@pytest.mark.parametrize("written", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_the_command_that_is_told_converts_the_file(tmp_path: Path, written: str) -> None:
    (tmp_path / "OLD").write_bytes(LINE.encode(written))
    command = conversion(other_encoding(LINE.encode(written))).removeprefix("convert it: ")
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    assert (tmp_path / "NEW").read_text(encoding="utf-8") == LINE


@pytest.mark.parametrize(
    "text", [LINE, f"[{LINE}]", '{\n "a": 1\n}'], ids=["lines", "array", "one"]
)
def test_json_in_utf_16_is_refused_with_the_command(text: str) -> None:
    with pytest.raises(BrokenFileError, match="it is UTF-16; convert it: iconv -f UTF-16"):
        list(json_rows(Trickle(text.encode("utf-16")), gzipped=False))
