"""Objects here: their contents are files below the state directory, and move in pieces.

moto holds every body in memory, several times while it is uploaded, copied or downloaded. A body
that an SDK sends in signed chunks (`aws-chunked`, which boto3 uses with HTTPS only) is still read
by moto.
"""

from __future__ import annotations

import io
import weakref
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import md5, sha1, sha256
from typing import Any

from moto.core.common_models import BaseModel
from moto.s3.exceptions import EntityTooSmall, InvalidPart, MalformedXML
from moto.s3.models import FakeKey, FakeMultipart, S3Backend
from moto.s3.responses import S3Response
from moto.settings import S3_UPLOAD_PART_MIN_SIZE
from werkzeug.exceptions import HTTPException

from infra.local.host.disk import full_words, is_full
from infra.local.host.patching import Patches
from infra.local.host.settings import LocalSettings
from infra.local.iam.refusals import damaged, not_kept
from infra.local.s3.bodies import BodyStore, DamagedContentError, ObjectBody

_CHUNK_BYTES = 256 * 1024
_BODY = "stratos.object_body"
_SUBRESOURCES = frozenset({"acl", "legal-hold", "retention", "tagging"})
"""Query parameters with which a PUT to a key carries a document, not the object."""

_whole: ContextVar[bool] = ContextVar("whole", default=True)
"""Whether `FakeKey.value` reads the content; else it gives the body, to be passed on."""


@contextmanager
def _passing_bodies_on() -> Iterator[None]:
    token = _whole.set(False)
    try:
        yield
    finally:
        _whole.reset(token)


@contextmanager
def _room(store: BodyStore, method: str) -> Iterator[None]:
    """
    Raises:
        HTTPException: the disk is full; whoever asks is told so.
    """
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        answer = not_kept("s3", method, full_words(store.directory))
        raise HTTPException(response=answer) from error


class ObjectsOnDisk:
    """Seam: contents of objects as files."""

    def __init__(self) -> None:
        self._patches = Patches()
        self._store: BodyStore | None = None

    def install(self, settings: LocalSettings) -> None:
        self._store = store = BodyStore(settings.objects_dir)
        store.clear()
        self._let_go()
        self._keep_values(store)
        self._receive(store)
        self._complete(store)
        for owner, name in ((S3Response, "get_object"), (S3Backend, "upload_part_copy")):
            self._patches.replace(owner, name, _with_bodies(getattr(owner, name)))
        copied = _with_checksums(_with_bodies(S3Backend.copy_object))
        self._patches.replace(S3Backend, "copy_object", copied)

    def close(self) -> None:
        self._patches.restore()

    def _let_go(self) -> None:
        """moto keeps whatever it ever made, for its dashboard: then no file would ever go."""
        self._patches.replace(BaseModel, "__new__", staticmethod(_untracked))

    def _keep_values(self, store: BodyStore) -> None:
        def get(key: Any) -> ObjectBody | bytes:
            body: ObjectBody = key.body
            _check(key)
            return body.read() if _whole.get() else body

        def set_(key: Any, value: ObjectBody | bytes) -> None:
            key._value_buffer.close()
            key.disposed = True
            key.body = value if isinstance(value, ObjectBody) else store.write([value])
            key.contentsize = len(value)

        def etag(key: Any) -> str:
            if key._etag is None:
                key._etag = key.body.md5
            return f'"{key._etag}"'

        self._patches.replace(FakeKey, "value", property(get, set_))
        self._patches.replace(FakeKey, "etag", property(etag))

    def _receive(self, store: BodyStore) -> None:
        def set_up(response: Any, request: Any, *rest: Any, **named: Any) -> None:
            body = request.environ[_BODY]() if _BODY in request.environ else None
            if body is None and _carries_an_object(request):
                with _room(store, request.method):
                    body = store.write(_pieces(request.stream))
                # The server keeps a request for as long as its connection is idle.
                request.environ[_BODY] = weakref.ref(body)
                request.stream = io.BytesIO()
            original(response, request, *rest, **named)
            if body is not None:
                response.body = body
                # moto looks for a checksum here where no header has it.
                response.raw_body = b"" if _has_checksum(request) else body.read()

        original = self._patches.replace(S3Response, "setup_class", set_up)

    def _complete(self, store: BodyStore) -> None:
        def complete(
            multipart: Any, listed: Iterable[tuple[int, str]]
        ) -> tuple[ObjectBody, str, tuple[str, str, int]]:
            parts = _listed_parts(multipart, listed)
            for part in parts:
                _check(part, f"part {part.name} of the upload of {multipart.key_name}")
            with _room(store, "POST"):
                whole = store.write(chunk for part in parts for chunk in part.body)
            digest = md5(usedforsecurity=False)
            start = 0
            for part in parts:
                digest.update(bytes.fromhex(part.etag.strip('"')))
                part.body = whole[start : start + part.size]
                start += part.size
            algorithm = multipart.metadata.get("x-amz-checksum-algorithm") or "CRC64NVME"
            kind = multipart.metadata.get("x-amz-checksum-type") or (
                "FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE"
            )
            if kind == "COMPOSITE":
                summed = checksum((checksum(part.body, algorithm) for part in parts), algorithm)
            else:
                summed = checksum(whole, algorithm)
            count = len(parts) if kind == "COMPOSITE" else 1
            details = (kind, b64encode(summed).decode(), count)
            return whole, f"{digest.hexdigest()}-{len(parts)}", details

        self._patches.replace(FakeMultipart, "complete", complete)


def _check(key: Any, part: str = "") -> None:
    """
    Args:
        part: What a content is called that is no object's.

    Raises:
        HTTPException: It is not what was put. The words are for services that read the object for
            somebody.
    """
    try:
        key.body.file.check()
    except DamagedContentError as error:
        version = "" if key.version_id in (None, "null") else f" (version {key.version_id})"
        called = part or f"the content of s3://{key.bucket_name}/{key.name}{version}"
        to_do = "Upload the part again" if part else "Put the object again, or delete it"
        told = f"{called} is damaged: {error}. {to_do}; every other object is as it was"
        answer = damaged(told)
        refusal = HTTPException(told, answer)
        refusal.code = answer.status_code
        raise refusal from error


def checksum(chunks: Iterable[bytes], algorithm: str) -> bytes:
    """What moto calls the checksum of a content: other kinds than these are CRC32 here."""
    if algorithm in ("SHA1", "SHA256"):
        digest = (sha1 if algorithm == "SHA1" else sha256)(usedforsecurity=False)
        for chunk in chunks:
            digest.update(chunk)
        return digest.digest()
    value = 0
    for chunk in chunks:
        value = zlib.crc32(chunk, value)
    return value.to_bytes(4, "big")


def _untracked(cls: type, *arguments: Any, **named: Any) -> Any:
    return object.__new__(cls)


def _listed_parts(multipart: Any, listed: Iterable[tuple[int, str]]) -> list[Any]:
    parts: list[Any] = []
    for number, etag in listed:
        part = multipart.parts.get(number)
        if part is None or part.etag.strip('"') != etag.strip('"'):
            raise InvalidPart()
        if parts and parts[-1].size < S3_UPLOAD_PART_MIN_SIZE:
            raise EntityTooSmall()
        parts.append(part)
    if not parts:
        raise MalformedXML()
    return parts


def _with_bodies(original: Callable[..., Any]) -> Callable[..., Any]:
    def run(*arguments: Any, **named: Any) -> Any:
        with _passing_bodies_on():
            return original(*arguments, **named)

    return run


def _with_checksums(original: Callable[..., Any]) -> Callable[..., Any]:
    """moto copies a checksum without its kind: one of parts would be taken for one of the whole."""

    def run(backend: Any, source: Any, bucket: str, key: str, *rest: Any, **named: Any) -> None:
        original(backend, source, bucket, key, *rest, **named)
        copy = backend.get_object(bucket, key)
        copy.checksum_type, copy.checksum_parts = source.checksum_type, source.checksum_parts

    return run


def _carries_an_object(request: Any) -> bool:
    _, _, key = request.path.strip("/").partition("/")
    return (
        request.method == "PUT"
        and bool(key)
        and "x-amz-copy-source" not in request.headers
        and not request.headers.get("x-amz-content-sha256", "").startswith("STREAMING")
        and not _SUBRESOURCES & request.args.keys()
    )


def _has_checksum(request: Any) -> bool:
    algorithm = request.headers.get("x-amz-sdk-checksum-algorithm", "").lower()
    return not algorithm or f"x-amz-checksum-{algorithm}" in request.headers


def _pieces(stream: Any) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK_BYTES):
        yield chunk
