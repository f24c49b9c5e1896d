"""The boto3 clients with which the embedded cloud's own machinery calls it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import lru_cache
from threading import Lock
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

from infra.local.host.settings import ACCOUNT_ID, REGION, LocalSettings

_CONFIG = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})

_KEPT = 64

_MODELS = Loader()
"""Service models, loaded once for every client here: SageMaker's alone takes megabytes."""


@dataclass(frozen=True)
class Credentials:
    """What a client signs with. Without a token it is the administrator of the account."""

    access_key: str = "local"
    secret_key: str = "local"
    token: str | None = None

    def environment(self) -> dict[str, str]:
        """The same for a process."""
        given = {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}
        return given if self.token is None else given | {"AWS_SESSION_TOKEN": self.token}


ADMINISTRATOR = Credentials()


class Cloud:
    """Clients of one embedded cloud, safe to share between threads.

    The latest are kept, by service and credentials: of sessions there is no end.
    """

    account_id = ACCOUNT_ID
    region = REGION

    def __init__(self, endpoint_url: str, config: Config = _CONFIG) -> None:
        self.endpoint_url = endpoint_url
        self._config = config
        session = botocore.session.get_session()
        session.register_component("data_loader", _MODELS)
        self._session = boto3.Session(botocore_session=session)
        self._clients: OrderedDict[tuple[str, str, Credentials], Any] = OrderedDict()
        self._lock = Lock()

    def client(
        self, service: str, region: str = REGION, credentials: Credentials = ADMINISTRATOR
    ) -> Any:
        # A session's client factory is not thread-safe; the clients it makes are.
        key = (service, region, credentials)
        with self._lock:
            if key not in self._clients:
                make: Any = self._session.client  # the service is known only at run time
                self._clients[key] = make(
                    service,
                    region_name=region,
                    endpoint_url=self.endpoint_url,
                    config=self._config,
                    aws_access_key_id=credentials.access_key,
                    aws_secret_access_key=credentials.secret_key,
                    aws_session_token=credentials.token,
                )
            self._clients.move_to_end(key)
            if len(self._clients) > _KEPT:
                # Not closed: somebody may be calling with it, and it goes with the last who has it.
                self._clients.popitem(last=False)
            return self._clients[key]

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"


@lru_cache(maxsize=8)
def cloud_at(endpoint_url: str) -> Cloud:
    """The one set of clients for an endpoint: making them takes seconds."""
    return Cloud(endpoint_url)


@dataclass(frozen=True)
class BackgroundClients:
    """What the threads of jobs and endpoints call; they go on while the server may be going.

    Attributes:
        s3, logs, cloudwatch: Called on behalf of a role, once `acting` has said which.
        events: SageMaker's own.
    """

    s3: Any
    logs: Any
    events: Any
    cloudwatch: Any
    cloud: Cloud

    def acting(self, credentials: Credentials) -> BackgroundClients:
        """The same on behalf of the role that credentials were given for."""
        return replace(
            self,
            s3=self.cloud.client("s3", credentials=credentials),
            logs=self.cloud.client("logs", credentials=credentials),
            cloudwatch=self.cloud.client("cloudwatch", credentials=credentials),
        )

    @classmethod
    def connect(cls, settings: LocalSettings) -> BackgroundClients:
        # At shutdown the server may go first; a long retry would hold the process up.
        config = Config(
            retries={"total_max_attempts": 2, "mode": "standard"},
            max_pool_connections=32,
            s3={"addressing_style": "path"},
        )
        cloud = Cloud(settings.endpoint_url, config)
        return cls(
            s3=cloud.client("s3"),
            logs=cloud.client("logs"),
            events=cloud.client("events"),
            cloudwatch=cloud.client("cloudwatch"),
            cloud=cloud,
        )
