"""Deliver a document to whatever an ARN names, as EventBridge, Scheduler and Lambda do."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.model import (
    ListShape,
    MapShape,
    OperationNotFoundError,
    Shape,
    StructureShape,
)

from infra.local.host.clients import MACHINERY, Cloud
from infra.local.host.cloud_key import Credentials
from infra.local.host.settings import LocalSettings
from infra.local.iam.authority import AccessDeniedError

DELIVERY = "delivery"
"""The errand of an event to one target of a rule that it matches."""

RETRIES = 3
"""Attempts after the first on a failure that may pass; AWS goes on for 24 hours."""

RETRY_WAIT_SECONDS = 0.2

UNIVERSAL_TARGET = re.compile(r"arn:aws[\w-]*:scheduler:::aws-sdk:(?P<service>\w+):(?P<action>\w+)")

SDK_SERVICES = {
    "applicationautoscaling": "application-autoscaling",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "sfn": "stepfunctions",
}
"""Names of a universal target's service that boto3 spells otherwise."""


class UndeliverableTargetError(ValueError):
    """The ARN names something the embedded cloud cannot deliver to."""


class Targets:
    """`deliver` sends one document; `deliver_or_bury` retries and falls back to a dead letter."""

    def __init__(self, settings: LocalSettings) -> None:
        config = Config(retries={"total_max_attempts": 1}, read_timeout=900)
        self._cloud = Cloud(settings.endpoint_url, config, caller=MACHINERY)
        self._closing = threading.Event()

    def close(self) -> None:
        """Make waiting retries give up."""
        self._closing.set()

    def gave_up(self, failure: Exception) -> bool:
        """Whether a delivery was only cut off by the end of the cloud: the next start makes it."""
        return self._closing.is_set() and _may_pass(failure)

    def deliver(
        self,
        arn: str,
        document: str,
        *,
        caller: Credentials,
        region: str,
        parameters: Mapping[str, Any] | None = None,
        execution_name: str | None = None,
    ) -> None:
        """Send the JSON text `document` to the resource.

        `caller` is whose rights count, and `region` where it is. `parameters` is the target's own
        configuration (`SqsParameters`, `EventBridgeParameters`), if it has one.

        Raises:
            UndeliverableTargetError: the ARN's service is none of those below.
            ClientError: the service refused.
        """
        extra = parameters or {}
        if universal := UNIVERSAL_TARGET.fullmatch(arn):
            service, action = universal["service"], universal["action"]
            self._call(
                self._client(caller, region, SDK_SERVICES.get(service, service)), action, document
            )
            return
        service, region, _, resource = _parts(arn)
        if service == "states":
            self._client(caller, region, "stepfunctions").start_execution(
                stateMachineArn=arn, name=execution_name or str(uuid.uuid4()), input=document
            )
        elif service == "lambda":
            self._client(caller, region, "lambda").invoke(
                FunctionName=arn, InvocationType="Event", Payload=document.encode()
            )
        elif service == "sns":
            self._client(caller, region, "sns").publish(TopicArn=arn, Message=document)
        elif service == "sqs":
            self._send(caller, arn, document, extra.get("SqsParameters", {}).get("MessageGroupId"))
        elif service == "events" and resource.startswith("event-bus/"):
            self._put_event(caller, arn, document, extra.get("EventBridgeParameters"))
        else:
            raise UndeliverableTargetError(
                f"Cannot deliver to {arn}: the embedded cloud delivers to Step Functions, Lambda, "
                "SNS, SQS and event buses. Choose one of those, or deploy to AWS."
            )

    def deliver_or_bury(
        self,
        attempt: Callable[[], None],
        *,
        document: str,
        dead_letter_arn: str | None,
        buried_by: Callable[[], Credentials],
        attributes: Mapping[str, str],
        retries: int = RETRIES,
    ) -> Exception | None:
        """Attempt a delivery; when it fails for good, send `document` to the dead-letter queue.

        `buried_by` gives whose rights count there. Returns the failure, or None when the target
        took it. One that `gave_up` tells is not buried.
        """
        failure: Exception | None = None
        for tried in range(min(retries, RETRIES) + 1):
            try:
                attempt()
            except (AccessDeniedError, ClientError, BotoCoreError, ValueError) as error:
                failure = error
            else:
                return None
            if not _may_pass(failure) or self._closing.wait(RETRY_WAIT_SECONDS * 2**tried):
                break
        assert failure is not None
        if dead_letter_arn and not self.gave_up(failure):
            reasons = {
                **attributes,
                "ERROR_CODE": _error_code(failure),
                "ERROR_MESSAGE": str(failure),
            }
            self.send_dead_letter(buried_by(), dead_letter_arn, document, reasons)
        return failure

    def send_dead_letter(
        self, caller: Credentials, arn: str, document: str, attributes: Mapping[str, str]
    ) -> None:
        """Put a document that nobody took, and why, into a queue or topic."""
        described = {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        }
        service, region, _, _ = _parts(arn)
        if service == "sns":
            self._client(caller, region, "sns").publish(
                TopicArn=arn, Message=document, MessageAttributes=described
            )
        else:
            self._send(caller, arn, document, None, described)

    def _client(self, caller: Credentials | None, region: str, service: str) -> Any:
        return self._cloud.in_region(region).client(service, caller)

    def _send(
        self,
        caller: Credentials,
        arn: str,
        body: str,
        group: str | None,
        attributes: dict[str, Any] | None = None,
    ) -> None:
        _, region, account, name = _parts(arn)
        # AWS knows the queue by its ARN; only boto3 needs a URL.
        found = self._client(None, region, "sqs").get_queue_url(
            QueueName=name, QueueOwnerAWSAccountId=account
        )
        url = found["QueueUrl"]
        message: dict[str, Any] = {"QueueUrl": url, "MessageBody": body}
        if group is not None:
            message["MessageGroupId"] = group
        if attributes:
            message["MessageAttributes"] = attributes
        self._client(caller, region, "sqs").send_message(**message)

    def _put_event(
        self,
        caller: Credentials,
        bus_arn: str,
        document: str,
        parameters: Mapping[str, str] | None,
    ) -> None:
        """A schedule's input becomes the detail; a whole event is passed on as it is."""
        if parameters is not None:
            entry = {
                "Source": parameters["Source"],
                "DetailType": parameters["DetailType"],
                "Detail": document,
            }
        else:
            event = json.loads(document)
            if lacking := {"source", "detail-type", "detail", "time"} - event.keys():
                raise UndeliverableTargetError(
                    f"An event for {bus_arn} lacks {', '.join(sorted(lacking))}; give the target "
                    "the whole event, without an input of its own."
                )
            entry = {
                "Source": event["source"],
                "DetailType": event["detail-type"],
                "Detail": json.dumps(event["detail"]),
                "Resources": event.get("resources", []),
                "Time": event["time"],
            }
        events = self._client(caller, _parts(bus_arn)[1], "events")
        answer = events.put_events(Entries=[entry | {"EventBusName": bus_arn}])
        if answer.get("FailedEntryCount"):
            error = answer["Entries"][0]
            raise ClientError(
                {"Error": {"Code": error["ErrorCode"], "Message": error["ErrorMessage"]}},
                "PutEvents",
            )

    def _call(self, client: Any, action: str, document: str) -> None:
        """A universal target: any API action, its parameters given as JSON."""
        service = client.meta.service_model.service_name
        operation = action[0].upper() + action[1:]
        try:
            shape = client.meta.service_model.operation_model(operation).input_shape
        except OperationNotFoundError as error:
            raise UndeliverableTargetError(
                f"{service} has no operation {operation}. Name one that it has, as in "
                "aws-sdk:sfn:startExecution."
            ) from error
        getattr(client, xform_name(operation))(**_spelled(json.loads(document), shape))


def _parts(arn: str) -> tuple[str, str, str, str]:
    """Service, region, account and resource of an ARN."""
    fields = arn.split(":", 5)
    if len(fields) != 6 or fields[0] != "arn":
        raise UndeliverableTargetError(f"{arn!r} is no ARN; an ARN has six fields split by colons.")
    return fields[2], fields[3], fields[4], fields[5]


def _spelled(value: Any, shape: Shape | None) -> Any:
    """The value with its keys spelled as boto3 has them: Scheduler accepts `Input` for `input`."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = {name.lower(): (name, member) for name, member in shape.members.items()}
        spelled = {}
        for key, item in value.items():
            name, member = members.get(key.lower(), (key, None))  # boto3 refuses an unknown key
            spelled[name] = _spelled(item, member)
        return spelled
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_spelled(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: _spelled(item, shape.value) for key, item in value.items()}
    return value


def _may_pass(failure: Exception) -> bool:
    """Whether trying again could help: throttling and server faults, not a refused request."""
    if isinstance(failure, ClientError):
        status = failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        return status >= 500 or status == 429
    return isinstance(failure, HTTPClientError | BotoConnectionError)


def _error_code(failure: Exception) -> str:
    if isinstance(failure, AccessDeniedError):
        return "NO_PERMISSIONS"
    if isinstance(failure, ClientError):
        return str(failure.response["Error"]["Code"])
    return type(failure).__name__
