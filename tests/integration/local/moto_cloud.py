"""A moto server in this process with the given seams installed, for the contract tests."""

from __future__ import annotations

import io
import json
import os
import threading
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from moto.core.config import default_user_config
from moto.moto_api._internal.models import moto_api_backend
from moto.server import ThreadedMotoServer

from infra.local.host.seam import Seam
from infra.local.host.settings import ACCOUNT_ID, LocalSettings
from tests.patience import eventually

ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/local"
ECHO = "def handler(event, context):\n    return event\n"
"""A function that gives back what it is given."""


class Cloud:
    """boto3 on a region of a running server, and the few calls every test makes."""

    def __init__(self, settings: LocalSettings, region: str = "") -> None:
        self.settings = settings
        self.region = region or settings.home
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}

    def in_region(self, region: str) -> Cloud:
        """Another region of the same server."""
        return Cloud(self.settings, region)

    def __call__(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                self._clients[service] = boto3.Session().client(
                    service,
                    endpoint_url=self.settings.endpoint_url,
                    region_name=self.region,
                    aws_access_key_id=self.settings.key.owner.access_key,
                    aws_secret_access_key=self.settings.key.owner.secret_key,
                    config=Config(
                        retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
                    ),
                )
            return self._clients[service]

    def create_function(self, name: str, source: str, **properties: Any) -> str:
        """A function whose package is one module `app` with a `handler`; returns its ARN."""
        created = self("lambda").create_function(
            **{
                "FunctionName": name,
                "Runtime": "python3.11",
                "Role": ROLE,
                "Handler": "app.handler",
                "Timeout": 20,
                "Code": {"ZipFile": package({"app.py": source})},
                **properties,
            }
        )
        return created["FunctionArn"]

    def invoke(self, name: str, payload: Any = None, **named: Any) -> dict[str, Any]:
        """The response of Invoke with its payload parsed."""
        response = self("lambda").invoke(
            FunctionName=name, Payload=json.dumps(payload).encode(), **named
        )
        text = response["Payload"].read()
        return response | {"Payload": json.loads(text) if text else None}

    def create_queue(self, name: str) -> tuple[str, str]:
        """URL and ARN of a new queue."""
        url = self("sqs").create_queue(QueueName=name)["QueueUrl"]
        attributes = self("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, attributes["Attributes"]["QueueArn"]

    def receive(self, url: str) -> dict[str, Any]:
        """The next message, waited for, its body parsed."""

        def take() -> dict[str, Any] | None:
            answer = self("sqs").receive_message(QueueUrl=url, MessageAttributeNames=["All"])
            return next(iter(answer.get("Messages", [])), None)

        message = eventually(take, pause=0.02)
        self("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return message | {"Body": json.loads(message["Body"])}

    def queue_length(self, url: str) -> int:
        answer = self("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def stays_empty(self, url: str) -> bool:
        """Whether nothing reached the queue, given a moment for what is still on its way."""
        time.sleep(0.1)
        return self.queue_length(url) == 0

    def create_state_machine(self, name: str, definition: Mapping[str, Any]) -> str:
        return self("stepfunctions").create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=ROLE
        )["stateMachineArn"]

    def execute(self, state_machine_arn: str, document: Any) -> dict[str, Any]:
        """Run an execution to its end; its description."""
        arn = self("stepfunctions").start_execution(
            stateMachineArn=state_machine_arn,
            name=f"run-{time.time_ns()}",
            input=json.dumps(document),
        )["executionArn"]
        return self.wait_for_execution(arn)

    def wait_for_execution(self, arn: str) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            description = self("stepfunctions").describe_execution(executionArn=arn)
            return description if description["status"] != "RUNNING" else None

        return eventually(ended, pause=0.02)

    def executions_of(self, state_machine_arn: str) -> list[dict[str, Any]]:
        return self("stepfunctions").list_executions(stateMachineArn=state_machine_arn)[
            "executions"
        ]


def package(files: Mapping[str, str]) -> bytes:
    """A deployment package of these files."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package_file:
        for name, content in files.items():
            package_file.writestr(name, content)
    return archive.getvalue()


@contextmanager
def served(seams: Iterable[Seam], state_dir: Path, **settings: Any) -> Iterator[LocalSettings]:
    """An empty moto on a free port with the seams installed, as the daemon runs it.

    It leaves no process and no patch behind.
    """
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    local = LocalSettings(state_dir=state_dir, port=port, **settings)
    port_before = os.environ.get("MOTO_PORT")
    os.environ["MOTO_PORT"] = str(port)
    config_before = dict(default_user_config)
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    moto_api_backend.reset()
    installed: list[Seam] = []
    try:
        for seam in seams:
            seam.install(local)
            installed.append(seam)
        yield local
    finally:
        for seam in reversed(installed):
            seam.close()
        server.stop()
        default_user_config.clear()
        default_user_config.update(config_before)
        del os.environ["MOTO_PORT"]
        if port_before is not None:
            os.environ["MOTO_PORT"] = port_before


@contextmanager
def running_cloud(state_dir: Path, *seams: Seam, **settings: Any) -> Iterator[Cloud]:
    """Serve these seams, with the role of the tests."""
    with served(seams, state_dir, **settings) as local:
        cloud = Cloud(local)
        cloud("iam").create_role(RoleName="local", AssumeRolePolicyDocument="{}")
        yield cloud
