"""Rows of a file by what it holds: lines of JSON, a JSON array, or JSON over several lines.

The name does not say which: Bedrock and others write one object a line into `.json` files.
"""

from __future__ import annotations

import codecs
import itertools
import json
import re
from collections.abc import Iterable, Iterator

from stratos.dataset.encodings import conversion
from stratos.dataset.formats.row import Row, RowError, check_text
from stratos.dataset.lines import (
    CHUNK_BYTES,
    MAX_LINE_BYTES,
    BrokenFileError,
    Readable,
    chunks_of,
    lines_of,
    refuse_other_encoding,
)

_BOM = b"\xef\xbb\xbf"
_SPACE = re.compile(r"[ \t\r\n]*")
_BETWEEN = re.compile(r"[ \t\r\n]*,?[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def json_rows(stream: Readable, *, gzipped: bool) -> Iterator[bytes | Row | RowError]:
    """Yield lines, or the objects of a file that is no list of lines, in bounded memory.

    Raises:
        BrokenFileError: if it cannot be decompressed, or is an array that ends in the middle.
    """
    chunks = chunks_of(stream, gzipped=gzipped)
    start = b""
    for chunk in chunks:
        start += chunk
        if start.removeprefix(_BOM).strip() or len(start) > MAX_LINE_BYTES:
            break
    refuse_other_encoding(start)
    chunks = itertools.chain((start,), chunks)
    first = start.removeprefix(_BOM).lstrip()
    if first.startswith(b"[") and not first.startswith(b"[["):
        return _objects(chunks, is_array=True)
    if first.startswith(b"{") and first[1:].lstrip(b" \t\r").startswith(b"\n"):
        return _objects(chunks, is_array=False)
    return lines_of(chunks)


def _objects(chunks: Iterable[bytes], *, is_array: bool) -> Iterator[Row | RowError]:
    """Yield the objects of one array, or those that follow each other.

    Each is parsed from what is there; if that is too little, another chunk is read and it is
    parsed again, up to the longest row that is allowed.
    """
    texts = _decoded(chunks)
    text, position, number = next(texts, "").removeprefix("\ufeff"), 0, 0
    if is_array:
        position = text.index("[") + 1
    while True:
        position = _end(_BETWEEN if number else _SPACE, text, position)
        if position < len(text) and text[position] == "]" and is_array:
            _check_end(itertools.chain((text[position + 1 :],), texts))
            return
        try:
            value, end = _DECODER.raw_decode(text, position)
        except (json.JSONDecodeError, RecursionError, ValueError) as error:
            more = next(texts, None)
            if more is None and position == len(text) and not is_array:
                return
            if more is None or len(text) - position > MAX_LINE_BYTES:
                raise BrokenFileError(_broken(number + 1, error, is_cut=more is None)) from error
            text, position = text[position:] + more, 0
            continue
        number += 1
        yield _row(value, text[position:end])
        position = end
        if position > CHUNK_BYTES:
            text, position = text[position:], 0


def _check_end(texts: Iterable[str]) -> None:
    if any(text.strip() for text in texts):
        raise BrokenFileError(
            "more follows the array that it begins with; write one array, or one object a line: "
            "jq -c '{messages: .}' OLD > NEW.jsonl, if each line is a list of messages"
        )


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    return position if found is None else found.end()


def _row(value: object, written: str) -> Row | RowError:
    if not isinstance(value, dict):
        return RowError("is not a JSON object; each element must be one, in braces")
    try:
        check_text(written, value, "it")
    except RowError as error:
        return error
    return value


def _broken(number: int, error: Exception, *, is_cut: bool) -> str:
    told = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
    if is_cut:
        return f"the JSON ends within element {number}, or that is no JSON ({told}); write it again"
    return (
        f"element {number} is no JSON, or longer than {MAX_LINE_BYTES:,} bytes ({told}). One "
        "object a line is read whatever its neighbours hold: jq -c '.[]' OLD > NEW.jsonl"
    )


def _decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    read = 0
    for chunk in chunks:
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError as error:
            raise BrokenFileError(
                f"byte {read + error.start} is not UTF-8; {conversion()}"
            ) from error
        read += len(chunk)
        yield text
