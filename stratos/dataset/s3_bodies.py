"""Bodies of Bedrock's calls that are too large for its log, in files of their own below the prefix.

Bedrock writes a body of more than 100 kB beside the log, as `data/<id>_input.json.gz` or
`data/<id>_output.json.gz`, and the log names it by its address in S3.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from stratos.dataset.formats.row import Row, RowError, read_json
from stratos.dataset.lines import DataFile
from stratos.units import MIB

MAX_BODY_BYTES = 16 * MIB
_SUFFIXES = ("_input.json", "_input.json.gz", "_output.json", "_output.json.gz")


@dataclass(frozen=True)
class S3Bodies:
    """The bodies that lie below the dataset's prefix, by the names of their files."""

    files: Mapping[str, DataFile] = field(default_factory=dict)

    @staticmethod
    def of(files: Iterable[DataFile]) -> S3Bodies:
        return S3Bodies(
            {PurePosixPath(file.name).name: file for file in files if is_body(file.name)}
        )

    def filled(self, row: Row) -> Row:
        """An invocation log with the bodies that it only names, where they are here.

        Raises:
            RowError: if one cannot be read.
        """
        whole = dict(row)
        for side, name in (("input", "inputBody"), ("output", "outputBody")):
            part = row.get(side)
            if not isinstance(part, dict) or part.get(f"{name}Json") is not None:
                continue
            path = part.get(f"{name}S3Path")
            file = self.files.get(str(path).rpartition("/")[2]) if path else None
            if file is not None:
                whole[side] = {**part, f"{name}Json": _read(file)}
        return whole


def is_body(name: str) -> bool:
    """Whether a file holds one body and no rows."""
    return PurePosixPath(name).parent.name == "data" and name.endswith(_SUFFIXES)


def _read(file: DataFile) -> object:
    content = bytearray()
    with closing(file.open()) as stream:
        while chunk := stream.read(MIB):
            content += chunk
            if len(content) > MAX_BODY_BYTES:
                raise RowError(f"{file.name} has more than {MAX_BODY_BYTES:,} bytes")
    body = bytes(content)
    if body.startswith(b"\x1f\x8b"):
        try:
            inflate = zlib.decompressobj(wbits=31)
            body = inflate.decompress(body, MAX_BODY_BYTES + 1)
        except zlib.error as error:
            raise RowError(f"{file.name} is not a sound gzip file ({error})") from error
        if len(body) > MAX_BODY_BYTES:
            raise RowError(f"{file.name} has more than {MAX_BODY_BYTES:,} bytes")
    try:
        return read_json(body.decode(), file.name)
    except UnicodeDecodeError as error:
        raise RowError(f"{file.name} is not UTF-8 (byte {error.start})") from error
