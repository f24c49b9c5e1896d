"""Changes of objects, table items and executions, kept before they are acknowledged.

All else (stacks, endpoints, schedules, secrets) is kept by the next whole save, moments later.
"""

from __future__ import annotations

import io
import json
import sys
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree

from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.stepfunctions.parser.api import ExecutionStatus
from werkzeug import Request, Response

from infra.local.host.clients import Cloud
from infra.local.host.disk import full_words, is_full
from infra.local.host.patching import Patches
from infra.local.iam.refusals import not_kept
from infra.local.iam.signatures import scope_of
from infra.local.saved.journal import Entry, Journal
from infra.local.saved.objects import SavedBodies, saved_key
from infra.local.stepfunctions.executions import StepFunctions, aborted_event

KILLED = "the embedded cloud was killed while it ran"
_READS = ("Get", "List", "Describe", "Head", "Query", "Scan", "Invoke", "Send", "Receive", "Batch")
_KEPT_BY_SAVES = frozenset(
    {"cloudformation", "scheduler", "sagemaker", "secretsmanager", "ssm", "application-autoscaling"}
)
"""Services whose changes a whole save keeps, by the names in signatures."""


class AcknowledgedChanges:
    """Looks at every request that has changed something, before it is answered."""

    def __init__(
        self, cloud: Cloud, journal: Journal, bodies: SavedBodies, changed: Callable[[], None]
    ) -> None:
        """
        Args:
            changed: Called after a change that only a whole save keeps.
        """
        self._cloud = cloud
        self._journal = journal
        self._bodies = bodies
        self._changed = changed
        self._patches = Patches()

    def watch(self) -> None:
        original = DomainDispatcherApplication.__call__
        publish = StepFunctions._publish

        def call(application: Any, environ: dict[str, Any], start_response: Any) -> Any:
            request = Request(environ)
            note = self._note_of(request, environ)
            if note is None:
                return original(application, environ, start_response)
            status: list[str] = []

            def start(told: str, *rest: Any) -> Any:
                status.append(told)
                return start_response(told, *rest)

            answer = original(application, environ, start)
            if not (status and status[0].startswith("2")):
                return answer
            try:
                note()
            except OSError as error:
                return self._not_kept(request, error)(environ, _instead(start_response))
            return answer

        def published(seam: Any, execution: Any, status: ExecutionStatus) -> None:
            self._note_execution(execution, status)
            publish(seam, execution, status)

        self._patches.replace(DomainDispatcherApplication, "__call__", call)
        self._patches.replace(StepFunctions, "_publish", published)

    def close(self) -> None:
        self._patches.restore()

    def _not_kept(self, request: Request, error: OSError) -> Response:
        _, service = scope_of(request)
        told = full_words(self._journal.directory) if is_full(error) else str(error)
        return not_kept(service, request.method, told)

    def _note_of(self, request: Request, environ: dict[str, Any]) -> Callable[[], None] | None:
        """What keeps the change of this request; None where it changes nothing that is kept."""
        region, service = scope_of(request)
        if service == "s3":
            if request.method not in ("PUT", "POST", "DELETE"):
                return None
            bucket, _, key = unquote(request.path).strip("/").partition("/")
            if key and request.method != "DELETE":
                return lambda: self._note_objects(bucket, [key])
            if key:
                return lambda: self._note_deleted(bucket, [key])
            if "delete" in request.args:
                keys = _keys_in(_body(request, environ))
                return lambda: self._note_deleted(bucket, keys)
            return self._changed
        target = request.headers.get("X-Amz-Target", "")
        action = target.rpartition(".")[2]
        if service == "dynamodb":
            if action not in _WRITES:
                return None if action.startswith(_READS) else self._changed
            items = list(_WRITES[action](json.loads(_body(request, environ))))
            return lambda: self._note_items(region, items)
        if service not in _KEPT_BY_SAVES or request.method == "GET":
            return None
        if service == "cloudformation":
            [action] = parse_qs(_body(request, environ).decode()).get("Action", [""])
        return None if action.startswith(_READS) else self._changed

    def _note_objects(self, bucket: str, keys: Iterable[str]) -> None:
        with self._journal.lock:
            for key in keys:
                saved = saved_key(bucket, key, self._bodies)
                if saved is not None:
                    blobs = {v["blob"] for v in saved["versions"] if not v["deleted"]}
                    self._journal.write({"object": saved}, frozenset(blobs))

    def _note_deleted(self, bucket: str, keys: Iterable[str]) -> None:
        """What is deleted is not to lie on the disk until something else changes."""
        self._note_objects(bucket, keys)
        self._changed()

    def _note_items(self, region: str, items: Iterable[tuple[str, Entry]]) -> None:
        dynamodb = self._cloud.in_region(region).client("dynamodb")
        with self._journal.lock:
            for table, given in items:
                names = [
                    part["AttributeName"]
                    for part in dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]
                ]
                key = {name: _from_the_wire(given[name]) for name in names}
                found = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)
                item = {"table": table, "region": region, "key": key, "item": found.get("Item")}
                self._journal.write({"item": item})

    def _note_execution(self, execution: Any, status: ExecutionStatus) -> None:
        told: Entry = {"arn": execution.exec_arn}
        if status == ExecutionStatus.RUNNING:
            told["aborted"] = aborted_event(execution, KILLED)
        self._journal.write({"execution": told})


def _instead(start_response: Any) -> Any:
    """Begins an answer anew of which nothing was sent yet."""
    failure = sys.exc_info()
    return lambda status, headers, *_: start_response(status, headers, failure)


def _put(request: Entry) -> Iterator[tuple[str, Entry]]:
    yield request["TableName"], request.get("Item") or request["Key"]


def _transact(request: Entry) -> Iterator[tuple[str, Entry]]:
    for one in request["TransactItems"]:
        for operation in ("Put", "Update", "Delete"):
            if operation in one:
                yield from _put(one[operation])


def _batch(request: Entry) -> Iterator[tuple[str, Entry]]:
    for table, writes in request["RequestItems"].items():
        for write in writes:
            [given] = write.values()
            yield table, given.get("Item") or given["Key"]


_WRITES: dict[str, Callable[[Entry], Iterator[tuple[str, Entry]]]] = {
    "PutItem": _put,
    "UpdateItem": _put,
    "DeleteItem": _put,
    "TransactWriteItems": _transact,
    "BatchWriteItem": _batch,
}


def _from_the_wire(value: Entry) -> Entry:
    return {"B": b64decode(value["B"])} if "B" in value else value


def _keys_in(body: bytes) -> list[str]:
    """Of a DeleteObjects request."""
    root = ElementTree.fromstring(body)
    return [found.text or "" for found in root.iter() if found.tag.rpartition("}")[2] == "Key"]


def _body(request: Request, environ: dict[str, Any]) -> bytes:
    """A small body, which is there to be read again."""
    body = environ["wsgi.input"].read(request.content_length or 0)
    environ["wsgi.input"] = io.BytesIO(body)
    return bytes(body)
