from __future__ import annotations

import struct
from pathlib import Path

import gguf
import pytest

from stratos.catalog import gguf_header
from stratos.catalog.gguf_header import STORED_TYPES, is_gguf, read_gguf_header
from tests.tiny_gguf import write_tiny_gguf
from tests.unit.stratos.catalog.gguf_files import header_of, range_of


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny_gguf(tmp_path / "tiny.gguf")


def test_the_header_is_what_llama_cpps_own_reader_finds(tiny: Path) -> None:
    header, _ = header_of(tiny)
    reader = gguf.GGUFReader(tiny)
    theirs = {n: f.contents() for n, f in reader.fields.items() if not n.startswith("GGUF.")}
    ours = {n: list(v) if isinstance(v, tuple) else v for n, v in header.metadata.items()}
    assert ours == theirs
    found = [(t.name, t.shape, t.stored, t.begin, t.end - t.begin) for t in header.tensors]
    assert found == [
        (t.name, t.data.shape, t.tensor_type.name, t.data_offset, t.n_bytes) for t in reader.tensors
    ]
    assert header.num_parameters == sum(int(t.n_elements) for t in reader.tensors)
    assert header.architecture == "llama"


def test_every_way_to_store_numbers_has_the_size_that_llama_cpp_gives_it() -> None:
    for kind, (name, block, size) in STORED_TYPES.items():
        theirs = gguf.GGMLQuantizationType(kind)
        assert (theirs.name, gguf.GGML_QUANT_SIZES[theirs]) == (name, (block, size))


def test_only_the_beginning_and_the_last_byte_are_read(tiny: Path) -> None:
    content = tiny.read_bytes() + b"\0" * 2**24
    asked: list[int] = []

    def read_range(offset: int, size: int) -> bytes:
        asked.append(offset + size)
        return content[offset : offset + size]

    read_gguf_header(read_range, "x")
    assert max(asked) < 2**23


def moved(content: bytes, offset: int) -> bytes:
    """With the first tensor at another offset: after its name, rank, two sizes and type."""
    name = b"token_embd.weight"
    at = content.index(name) + len(name) + 4 + 2 * 8 + 4
    return content[:at] + struct.pack("<Q", offset) + content[at + 8 :]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda b: b"PK\3\4" + b[4:], "does not begin with GGUF"),
        (lambda b: b[:4] + struct.pack("<I", 1) + b[8:], "is a GGUF of version 1"),
        (lambda b: b[:4] + struct.pack(">I", 3) + b[8:], "of another byte order"),
        (lambda b: b[:8] + struct.pack("<Q", 2**40) + b[16:], "counts 1,099,511,627,776 entries"),
        (lambda b: b[:500], "ends within its header"),
        (lambda b: b[:-1], "is cut off: its header promises"),
        (lambda b: b[:24] + struct.pack("<Q", 2**40) + b[32:], "header is larger than"),
        (lambda b: moved(b, 2**63), "tensor 'token_embd.weight' would end at byte 9,223,"),
    ],
)
def test_a_damaged_file_is_refused_with_what_is_wrong(
    tiny: Path, damage: object, message: str
) -> None:
    assert callable(damage)
    content: bytes = damage(tiny.read_bytes())
    with pytest.raises(ValueError, match=message):
        read_gguf_header(range_of(content), "tiny.gguf")


def test_a_gguf_is_told_by_its_first_bytes() -> None:
    assert is_gguf(b"GGUF\3\0\0\0")
    assert not is_gguf(b"GGU")


def test_arrays_may_not_be_more_than_a_vocabulary_needs(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_header, "_MAX_ITEMS", 300)
    with pytest.raises(ValueError, match="arrays of its header have more than 300 items"):
        header_of(tiny)
