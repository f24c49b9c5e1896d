"""Changes of objects, table items and executions, kept before they are acknowledged.

All else (stacks, schedules, secrets) is kept by the next whole save, moments later; so are new
endpoints. That one was deleted is kept at once.
"""

from __future__ import annotations

import io
import json
import logging
import sys
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qs, unquote
from weakref import WeakSet
from xml.etree import ElementTree

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.utilities import dynamo_json_dump
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from werkzeug import Request, Response

from infra.local.host.disk import full_words, is_full
from infra.local.host.outbox import OUTBOX, Line
from infra.local.host.patching import Patches
from infra.local.host.settings import ACCOUNT_ID
from infra.local.iam.refusals import not_kept
from infra.local.iam.signatures import scope_of
from infra.local.saved.hosting_kinds import BILLED_ACTIONS, billed_change
from infra.local.saved.journal import Entry, Journal
from infra.local.saved.objects import SavedBodies, saved_changes
from infra.local.stepfunctions.executions import (
    StepFunctions,
    aborted_event,
    has_begun,
    running_executions,
)

log = logging.getLogger(__name__)

KILLED = "the embedded cloud was killed while it ran"
STOPPED = "the embedded cloud was stopped while it ran"
_READS = (
    *("Get", "List", "Describe", "Head", "Query", "Scan", "Invoke", "Send", "Receive"),
    *("BatchGet", "TransactGet", "PutMetricData"),
)
_KEPT_BY_SAVES = frozenset(
    {
        *("cloudformation", "iam", "scheduler", "sagemaker", "secretsmanager", "ssm"),
        *("application-autoscaling", "monitoring"),
    }
)
"""Services whose changes a whole save keeps, by the names in signatures."""
_LONG_JOURNAL_BYTES = 8 * 2**20
"""A whole save takes the place of what is longer."""


class AcknowledgedChanges:
    """Looks at every request that has changed something, before it is answered.

    It stands behind whatever refuses requests: nobody else's is so much as read.
    """

    def __init__(
        self, journal: Journal, bodies: SavedBodies, changed: Callable[[], None], home: str
    ) -> None:
        """
        Args:
            changed: Called after a change that only a whole save keeps.
            home: The region of a request that names none.
        """
        self._journal = journal
        self._bodies = bodies
        self._changed = changed
        self._home = home
        self._noted: dict[tuple[str, str], str] = {}
        """Of each key, the version that was noted last."""
        self._begun: WeakSet[Any] = WeakSet()
        """What writes the histories of executions that have left a state."""
        self._ending, self._has_ended = False, False
        self._of_requests, self._of_executions = Patches(), Patches()

    def watch(self) -> None:
        original = DomainDispatcherApplication.get_application
        publish = StepFunctions._publish

        def get_application(dispatcher: Any, environ: dict[str, Any]) -> Any:
            application = original(dispatcher, environ)
            return lambda environ, start: self._answer(application, environ, start)

        def published(seam: Any, execution: Any, status: ExecutionStatus) -> None:
            # In this order: an execution that has ended is always one whose end is told.
            with self._journal.lock:
                if self._ending and status != ExecutionStatus.RUNNING:
                    return
                publish(seam, execution, status)
                self._note_execution(execution, status)

        def add_event(manager: Any, context: Any, event_type: Any, *rest: Any, **named: Any) -> Any:
            number = original_add(manager, context, event_type, *rest, **named)
            if str(event_type).endswith("StateExited") and manager not in self._begun:
                try:
                    self._note_beginning(manager)
                except OSError as error:  # no reason to fail what goes on; the next state tries
                    log.warning("it is not kept that an execution has begun: %s", error)
                else:
                    self._begun.add(manager)
            return number

        OUTBOX.kept_by(self._write)
        original_add = self._of_executions.replace(EventManager, "add_event", add_event)
        self._of_requests.replace(DomainDispatcherApplication, "get_application", get_application)
        self._of_executions.replace(StepFunctions, "_publish", published)

    def leave_ends(self) -> None:
        """From now on executions end because the cloud does: its next start reports them.

        All else is still kept: events are on their way to their targets, and start executions.
        """
        self._ending = True

    def close(self) -> None:
        self._has_ended = True
        self._of_executions.restore()
        OUTBOX.kept_by(None)
        self._of_requests.restore()

    def _answer(self, application: Any, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        note = self._note_of(request, environ)
        if note is None:
            return application(environ, start_response)
        status: list[str] = []

        def start(told: str, *rest: Any) -> Any:
            status.append(told)
            return start_response(told, *rest)

        with OUTBOX.holding() as sent:
            answer = application(environ, start)
        if not (status and status[0].startswith("2")):
            return answer
        try:
            note()
            OUTBOX.release(sent, self._write)
        except OSError as error:
            return self._not_kept(request, error)(environ, _instead(start_response))
        return answer

    def _write(self, line: Line, blobs: frozenset[str] = frozenset()) -> None:
        if self._has_ended:
            raise OSError("the embedded cloud has ended")
        self._journal.write(line, blobs)
        if self._journal.num_bytes > _LONG_JOURNAL_BYTES:
            self._changed()

    def _not_kept(self, request: Request, error: OSError) -> Response:
        _, service = _scope(request)
        told = full_words(self._journal.directory) if is_full(error) else str(error)
        return not_kept(service, request.method, told)

    def _note_of(self, request: Request, environ: dict[str, Any]) -> Callable[[], None] | None:
        """What keeps the change of this request; None where it changes nothing that is kept."""
        region, service = _scope(request)
        if service == "s3":
            return self._note_of_objects(request, environ)
        action = _action(request)
        if service == "dynamodb":
            if action not in _WRITES:
                return None if action.startswith(_READS) else self._changed
            items = list(_WRITES[action](json.loads(_body(request, environ))))
            return lambda: self._note_items(region or self._home, items)
        if service not in _KEPT_BY_SAVES or request.method == "GET":
            return None
        if service in ("cloudformation", "iam"):
            [action] = parse_qs(_body(request, environ).decode()).get("Action", [""])
        if service == "sagemaker" and not action:
            return None  # an endpoint is asked
        if service == "sagemaker" and action in BILLED_ACTIONS:
            change = billed_change(action, json.loads(_body(request, environ) or b"{}"))
            return lambda: self._note_billed(region or self._home, change)
        return None if action.startswith(_READS) else self._changed

    def _note_of_objects(
        self, request: Request, environ: dict[str, Any]
    ) -> Callable[[], None] | None:
        if request.method not in ("PUT", "POST", "DELETE"):
            return None
        bucket, _, key = unquote(request.path).strip("/").partition("/")
        if key and (request.method == "DELETE" or "versionId" in request.args):
            return lambda: self._note_deleted(bucket, [key])
        if key:
            return lambda: self._note_object(bucket, key)
        if "delete" in request.args:
            keys = _keys_in(_body(request, environ))
            return lambda: self._note_deleted(bucket, keys)
        return self._changed

    def _note_object(self, bucket: str, key: str, *, whole: bool = False) -> None:
        with self._journal.lock:
            after = None if whole else self._noted.get((bucket, key))
            saved = saved_changes(bucket, key, self._bodies, after)
            if saved is None:
                return
            blobs = {version["blob"] for version in saved["versions"] if not version["deleted"]}
            self._write({"object": saved}, frozenset(blobs))
            if saved["versions"]:
                self._noted[bucket, key] = str(saved["versions"][-1]["id"])
            else:
                self._noted.pop((bucket, key), None)

    def _note_deleted(self, bucket: str, keys: Iterable[str]) -> None:
        """What is deleted is not to lie on the disk until something else changes."""
        for key in keys:
            self._note_object(bucket, key, whole=True)
        self._changed()

    def _note_billed(self, region: str, change: Entry) -> None:
        try:
            self._write({"resource": change | {"region": region}})
        except OSError as error:  # it is done all the same, and the next save has it
            log.warning("%s is not kept at once: %s", change["name"], error)
        self._changed()

    def _note_items(self, region: str, items: Iterable[tuple[str, Entry]]) -> None:
        backend = dynamodb_backends[ACCOUNT_ID][region]
        with self._journal.lock:
            for name, given in items:
                table = backend.tables.get(name.rpartition("/")[2])
                if table is None:
                    continue  # deleted meanwhile
                attributes = filter(None, (table.hash_key_attr, table.range_key_attr))
                key = {attribute: given[attribute] for attribute in attributes}
                found = backend.get_item(table.name, key)
                item = None if found is None else _as_json(found)
                noted = {"table": table.name, "region": region, "key": _from_the_wire(key)}
                self._write({"item": noted | {"item": _from_the_wire(item)}})

    def _note_execution(self, execution: Any, status: ExecutionStatus) -> None:
        told: Entry = {"arn": execution.exec_arn}
        is_running = execution.exec_status == ExecutionStatus.RUNNING
        # It may have ended before its start is noted.
        if status == ExecutionStatus.RUNNING and (is_running or self._ending):
            told["aborted"] = aborted_event(execution, STOPPED if self._ending else KILLED)
            told["has_begun"] = has_begun(execution)
        self._write({"execution": told})

    def _note_beginning(self, manager: Any) -> None:
        """An execution has left its first state, and is now one that cannot begin again."""
        with self._journal.lock:
            for execution in running_executions():
                worker = execution.exec_worker
                if worker is not None and worker.env and worker.env.event_manager is manager:
                    self._note_execution(execution, ExecutionStatus.RUNNING)


def _scope(request: Request) -> tuple[str, str]:
    """Region and service; a presigned address of before Signature Version 4 is S3's."""
    region, service = scope_of(request)
    in_query = {"AWSAccessKeyId", "X-Amz-Credential"} & request.args.keys()
    return region, service or ("s3" if in_query else "")


def _action(request: Request) -> str:
    """The operation's name, from the header or the path that has it; empty where none does."""
    target = request.headers.get("X-Amz-Target", "")
    named = target.rpartition(".")[2] or request.path.rpartition("/operation/")[2]
    return "" if named.startswith("/") else named


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


def _as_json(item: Any) -> Entry:
    found: Entry = json.loads(dynamo_json_dump(item.to_json("Item")))["Item"]
    return found


def _from_the_wire(value: Any) -> Any:
    """Items as boto3 has them: binary values are bytes, at any depth."""
    if isinstance(value, list):
        return [_from_the_wire(one) for one in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and "B" in value and isinstance(value["B"], str):
        return {"B": b64decode(value["B"])}
    if len(value) == 1 and "BS" in value and isinstance(value["BS"], list):
        return {"BS": [b64decode(one) for one in value["BS"]]}
    return {name: _from_the_wire(one) for name, one in value.items()}


def _keys_in(body: bytes) -> list[str]:
    """Of a DeleteObjects request."""
    root = ElementTree.fromstring(body)
    return [found.text or "" for found in root.iter() if found.tag.rpartition("}")[2] == "Key"]


def _body(request: Request, environ: dict[str, Any]) -> bytes:
    """A small body, which is there to be read again."""
    body = environ["wsgi.input"].read(request.content_length or 0)
    environ["wsgi.input"] = io.BytesIO(body)
    return bytes(body)
