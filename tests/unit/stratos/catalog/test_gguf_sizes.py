from __future__ import annotations

from pathlib import Path

import pytest

from stratos.catalog.gguf_sizes import GgufSizes, rounded
from tests.unit.stratos.catalog.gguf_files import changed_gguf, header_of


def sizes(path: Path, **values: list[bool] | float) -> GgufSizes:
    header, _ = header_of(changed_gguf(path, values=values))
    return GgufSizes(header, path.name)


def test_a_number_is_found_by_its_key_without_the_architecture(tmp_path: Path) -> None:
    found = sizes(tmp_path / "x.gguf", told=2.5)
    assert (found.of("block_count"), found.number("told")) == (1, 2.5)


def test_a_number_that_is_missing_is_the_default(tmp_path: Path) -> None:
    found = sizes(tmp_path / "x.gguf")
    assert (found.of("no.size", 7), found.number("no.number", 0.5)) == (7, 0.5)


def test_a_number_without_a_default_is_asked_for_by_name(tmp_path: Path) -> None:
    found = sizes(tmp_path / "x.gguf", told=2.5)
    with pytest.raises(ValueError, match=r"x\.gguf needs a positive integer llama\.no\.size"):
        found.of("no.size")
    with pytest.raises(ValueError, match=r"needs a positive integer llama\.told, has 2\.5"):
        found.of("told")
    with pytest.raises(ValueError, match=r"x\.gguf has no llama\.no\.number"):
        found.number("no.number")


def test_a_number_of_32_bits_is_written_as_people_do() -> None:
    assert rounded(9.999999974752427e-07) == 1e-06
