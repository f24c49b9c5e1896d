"""Which requests have changed something that is to be kept."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.stepfunctions.parser.asl.eval.event.event_manager import (
    EventHistoryContext,
    EventManager,
)
from werkzeug.test import EnvironBuilder, run_wsgi_app

from infra.local.host.outbox import OUTBOX
from infra.local.saved.acknowledged import AcknowledgedChanges
from infra.local.saved.journal import Journal
from infra.local.saved.objects import SavedBodies


class Watched:
    """An application that takes every request, and what was said to have changed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.status, self.changes = "200 OK", 0
        self.bodies: list[bytes] = []
        self.before: Callable[[], object] = bool
        """Called with each request."""

        def answer(environ: dict[str, Any], start_response: Any) -> Any:
            self.before()
            self.bodies.append(environ["wsgi.input"].read())
            start_response(self.status, [])
            return [b""]

        monkeypatch.setattr(DomainDispatcherApplication, "get_application", lambda *_: answer)
        self.journal = Journal(folder)
        self.watching = AcknowledgedChanges(
            self.journal,
            SavedBodies(folder / "blobs", folder / "objects"),
            self._changed,
            "us-east-1",
        )
        self.watching.watch()

    def _changed(self) -> None:
        self.changes += 1

    def ask(self, service: str, target: str = "", method: str = "POST", **more: Any) -> str:
        """Returns the status."""
        scope = f"AWS4-HMAC-SHA256 Credential=K/20260101/us-east-1/{service}/aws4_request, x"
        headers = {"Authorization": scope} if service else {}
        headers |= {"X-Amz-Target": target} if target else {}
        builder = EnvironBuilder(method=method, headers=headers, **more)
        application = DomainDispatcherApplication(lambda *_: None)
        return run_wsgi_app(application, builder.get_environ())[1]


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    watched = Watched(tmp_path, monkeypatch)
    yield watched
    watched.watching.close()
    watched.journal.close()


CHANGES = {
    "a stack": ("cloudformation", "", {"data": {"Action": "CreateStack", "StackName": "s"}}),
    "a role": ("iam", "", {"data": {"Action": "CreateRole", "RoleName": "r"}}),
    "an endpoint": ("sagemaker", "SageMaker.CreateEndpoint", {}),
    "a secret": ("secretsmanager", "secretsmanager.CreateSecret", {}),
    "a schedule": ("scheduler", "", {"path": "/schedules/a"}),
    "a table": ("dynamodb", "DynamoDB_20120810.CreateTable", {}),
    "a bucket": ("s3", "", {"path": "/kept", "method": "PUT"}),
    "a deletion": ("s3", "", {"path": "/none/a", "method": "DELETE"}),
    "a presigned bucket": ("", "", {"path": "/kept?AWSAccessKeyId=K&Signature=x", "method": "PUT"}),
    "an alarm": ("monitoring", "GraniteServiceVersion20100801.PutMetricAlarm", {}),
    "an alarm by its path": ("monitoring", "", {"path": "/service/G/operation/PutMetricAlarm"}),
    "a table's rows": ("dynamodb", "DynamoDB_20120810.ExecuteStatement", {}),
    "a target": ("application-autoscaling", "AnyScaleFrontendService.PutScalingPolicy", {}),
}
READS = {
    "stacks": ("cloudformation", "", {"data": {"Action": "DescribeStacks"}}),
    "a role": ("iam", "", {"data": {"Action": "GetRole", "RoleName": "r"}}),
    "endpoints": ("sagemaker", "SageMaker.ListEndpoints", {}),
    "a secret": ("secretsmanager", "secretsmanager.GetSecretValue", {}),
    "schedules": ("scheduler", "", {"path": "/schedules", "method": "GET"}),
    "a table": ("dynamodb", "DynamoDB_20120810.Scan", {}),
    "an object": ("s3", "", {"path": "/kept/a", "method": "GET"}),
    "an endpoint's answer": ("sagemaker", "", {"path": "/endpoints/e/invocations"}),
    "metrics": ("monitoring", "", {"path": "/service/G/operation/PutMetricData"}),
    "items": ("dynamodb", "DynamoDB_20120810.TransactGetItems", {}),
    "a function": ("lambda", "", {"path": "/2015-03-31/functions/f/invocations"}),
    "a message": ("sqs", "AmazonSQS.SendMessage", {}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_told_once_it_is_made(watched: Watched, what: str) -> None:
    service, target, more = CHANGES[what]
    watched.ask(service, target, **more)
    assert watched.changes == 1
    watched.status = "400 BAD REQUEST"
    watched.ask(service, target, **more)
    assert watched.changes == 1


@pytest.mark.parametrize("what", READS)
def test_whoever_only_looks_has_changed_nothing(watched: Watched, what: str) -> None:
    service, target, more = READS[what]
    watched.ask(service, target, **more)
    assert watched.changes == 0


def test_that_something_billed_was_deleted_is_kept_before_it_is_told(watched: Watched) -> None:
    watched.journal.begin()
    body = json.dumps({"EndpointName": "e"}).encode()
    watched.ask("sagemaker", "SageMaker.DeleteEndpoint", data=body)
    watched.status = "400 BAD REQUEST"
    watched.ask("sagemaker", "SageMaker.CreateEndpoint", data=body)
    told = {"noun": "Endpoint", "name": "e", "is_there": False, "region": "us-east-1"}
    assert list(watched.journal.read(0)) == [{"resource": told}]


def test_a_body_that_was_looked_at_is_there_to_be_read(watched: Watched) -> None:
    watched.ask("cloudformation", data=b"Action=CreateStack&StackName=s")
    item = json.dumps({"TableName": "none"}).encode()
    watched.status = "400 BAD REQUEST"
    watched.ask("dynamodb", "DynamoDB_20120810.CreateTable", data=item)
    assert watched.bodies == [b"Action=CreateStack&StackName=s", item]


def test_a_change_that_outlives_the_cloud_is_not_acknowledged(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.local.saved.acknowledged.saved_changes", lambda *_: {"versions": []})
    put = {"path": "/kept/a", "method": "PUT"}
    assert watched.ask("s3", **put) == "200 OK"
    watched.before = watched.watching.close
    # As werkzeug's client tells an answer that was taken back.
    with pytest.raises(OSError, match="has ended"):
        watched.ask("s3", **put)


def test_a_long_journal_is_saved_whoever_wrote_it(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.journal.begin()
    OUTBOX.put("nobody's", {"n": 1})
    assert watched.changes == 0
    monkeypatch.setattr("infra.local.saved.acknowledged._LONG_JOURNAL_BYTES", 10)
    errand = OUTBOX.open()[-1]
    OUTBOX.strike(errand)
    assert watched.changes == 1


def test_a_beginning_that_could_not_be_noted_is_noted_at_the_next_state(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[object] = []

    def note(manager: object) -> None:
        noted.append(manager)
        if len(noted) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(watched.watching, "_note_beginning", note)
    manager = EventManager()
    for _ in range(3):
        manager.add_event(EventHistoryContext.of_program_start(), "PassStateExited")
    assert noted == [manager, manager]
