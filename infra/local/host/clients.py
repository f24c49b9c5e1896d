"""The boto3 clients with which the embedded cloud's own machinery calls it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

from infra.local.host.settings import ACCOUNT_ID, REGION, LocalSettings

_CONFIG = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})

_MODELS = Loader()
"""Service models, loaded once for every client here: SageMaker's alone takes megabytes."""


class Cloud:
    """Clients of one embedded cloud, one per service, safe to share between threads."""

    account_id = ACCOUNT_ID
    region = REGION

    def __init__(self, endpoint_url: str, config: Config = _CONFIG) -> None:
        self.endpoint_url = endpoint_url
        self._config = config
        session = botocore.session.get_session()
        session.register_component("data_loader", _MODELS)
        self._session = boto3.Session("local", "local", botocore_session=session)
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = Lock()

    def client(self, service: str, region: str = REGION) -> Any:
        # A session's client factory is not thread-safe; the clients it makes are.
        with self._lock:
            if (service, region) not in self._clients:
                make: Any = self._session.client  # the service is known only at run time
                self._clients[service, region] = make(
                    service,
                    region_name=region,
                    endpoint_url=self.endpoint_url,
                    config=self._config,
                )
            return self._clients[service, region]

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"


@lru_cache(maxsize=8)
def cloud_at(endpoint_url: str) -> Cloud:
    """The one set of clients for an endpoint: making them takes seconds."""
    return Cloud(endpoint_url)


@dataclass(frozen=True)
class BackgroundClients:
    """What the threads of jobs and endpoints call; they go on while the server may be going."""

    s3: Any
    logs: Any
    events: Any
    cloudwatch: Any

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
        )
