"""The `application/vnd.amazon.eventstream` framing that botocore parses a response stream from."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING_HEADER = 7
_PRELUDE_BYTES = 12
_CHECKSUM_BYTES = 4


def encode_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message: lengths and their CRC, string headers, payload, CRC of it all."""
    encoded = b"".join(
        struct.pack(">B", len(name)) + name + struct.pack(">BH", _STRING_HEADER, len(value)) + value
        for name, value in ((key.encode(), text.encode()) for key, text in headers.items())
    )
    total = _PRELUDE_BYTES + len(encoded) + len(payload) + _CHECKSUM_BYTES
    prelude = struct.pack(">II", total, len(encoded))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + encoded + payload
    return body + struct.pack(">I", zlib.crc32(body))


def payload_part(chunk: bytes) -> bytes:
    """A `PayloadPart` event holding a piece of the model's response."""
    headers = {
        ":event-type": "PayloadPart",
        ":content-type": "application/octet-stream",
        ":message-type": "event",
    }
    return encode_message(headers, chunk)


def stream_error(message: str) -> bytes:
    """A `ModelStreamError`, which ends a stream that had already begun."""
    headers = {
        ":exception-type": "ModelStreamError",
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    detail = {"Message": message, "ErrorCode": "ModelInvocationTimeExceeded"}
    return encode_message(headers, json.dumps(detail).encode())
