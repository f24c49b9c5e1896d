"""The boto3 clients with which a seam's own machinery talks to this cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from infra.local.host.settings import REGION, LocalSettings


@dataclass(frozen=True)
class CloudClients:
    """Clients are safe to share between threads, so one set serves every job or endpoint."""

    s3: Any
    logs: Any
    events: Any
    cloudwatch: Any

    @classmethod
    def connect(cls, settings: LocalSettings) -> CloudClients:
        session = boto3.session.Session(
            aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION
        )
        # At shutdown the server may go first; a long retry would hold the process up.
        config = Config(
            retries={"total_max_attempts": 2, "mode": "standard"},
            max_pool_connections=32,
            s3={"addressing_style": "path"},
        )

        def client(service: str) -> Any:
            return session.client(service, endpoint_url=settings.endpoint_url, config=config)

        return cls(
            s3=client("s3"),
            logs=client("logs"),
            events=client("events"),
            cloudwatch=client("cloudwatch"),
        )
