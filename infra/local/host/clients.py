"""The boto3 clients with which the embedded cloud's own machinery calls it."""

from __future__ import annotations

from collections import OrderedDict
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

from infra.local.host.cloud_key import CloudKey, Credentials
from infra.local.host.settings import ACCOUNT_ID, REGION, LocalSettings

_CONFIG = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})

_KEPT = 64
_UNNAMED_BY_S3 = "us-east-1"

_MODELS = Loader()
"""Service models, loaded once for every client here: SageMaker's alone takes megabytes."""


MACHINERY = CloudKey.random().credentials("AKIASTRATOSCLOUD", "machinery")
"""Of AWS's services where they act on no role's behalf. They call from the region that they call,
and from no other process.
"""


class _Clients:
    """The latest clients of one embedded cloud, by service, region and credentials.

    Not all are kept, because of sessions there is no end.
    """

    def __init__(self, endpoint_url: str, config: Config, *, follows_buckets: bool) -> None:
        self._endpoint_url = endpoint_url
        self._config = config
        self._follows_buckets = follows_buckets
        session = botocore.session.get_session()
        session.register_component("data_loader", _MODELS)
        self._session = boto3.Session(botocore_session=session)
        self._clients: OrderedDict[tuple[str, str, Credentials], Any] = OrderedDict()
        self._lock = Lock()

    def get(self, service: str, region: str, credentials: Credentials) -> Any:
        # A session's client factory is not thread-safe; the clients it makes are.
        key = (service, region, credentials)
        with self._lock:
            if key not in self._clients:
                make: Any = self._session.client  # the service is known only at run time
                self._clients[key] = make(
                    service,
                    region_name=region,
                    endpoint_url=self._endpoint_url,
                    config=self._config,
                    aws_access_key_id=credentials.access_key,
                    aws_secret_access_key=credentials.secret_key,
                    aws_session_token=credentials.token,
                )
                if not self._follows_buckets:
                    self._clients[key].meta.events.register(
                        "before-parameter-build.s3", _take_for_redirected
                    )
            self._clients.move_to_end(key)
            if len(self._clients) > _KEPT:
                # Not closed: somebody may be calling with it, and it goes with the last who has it.
                self._clients.popitem(last=False)
            return self._clients[key]


def _take_for_redirected(context: dict[str, Any], **_: Any) -> None:
    """Let botocore believe that it has asked a second region already."""
    context.setdefault("s3_redirect", {})["redirected"] = True


class Cloud:
    """One region of an embedded cloud, as boto3 sees it; safe to share between threads."""

    account_id = ACCOUNT_ID

    def __init__(
        self,
        endpoint_url: str,
        config: Config = _CONFIG,
        region: str = REGION,
        *,
        caller: Credentials,
        follows_buckets: bool = True,
    ) -> None:
        """Without `follows_buckets`, S3 clients do not go on to the region of a bucket."""
        self.endpoint_url = endpoint_url
        self.region = region
        self._caller = caller
        self._clients = _Clients(endpoint_url, config, follows_buckets=follows_buckets)

    def in_region(self, region: str) -> Cloud:
        """Another region of the same cloud."""
        other = copy(self)
        other.region = region
        return other

    def client(self, service: str, credentials: Credentials | None = None) -> Any:
        """A client that signs with these credentials, or else with those of the cloud's caller."""
        return self._clients.get(service, self.region, credentials or self._caller)

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"


def make_bucket(cloud: Cloud, name: str) -> None:
    """Make a bucket in a region, which S3 wants to be told in any but its first."""
    constraint = {"CreateBucketConfiguration": {"LocationConstraint": cloud.region}}
    given = {} if cloud.region == _UNNAMED_BY_S3 else constraint
    cloud.client("s3").create_bucket(Bucket=name, **given)


@lru_cache(maxsize=8)
def _cloud_at(endpoint_url: str) -> Cloud:
    return Cloud(endpoint_url, caller=MACHINERY)


def cloud_at(endpoint_url: str, region: str = REGION) -> Cloud:
    """A region as AWS's services call it, of one set of clients: making them takes seconds."""
    return _cloud_at(endpoint_url).in_region(region)


@dataclass(frozen=True)
class BackgroundClients:
    """What the threads of jobs and endpoints call; they go on while the server may be going.

    Attributes:
        s3, logs, cloudwatch: Called on behalf of a role, once `acting` has said which.
        events: SageMaker's own.
        cloud: The region in which they are.
    """

    s3: Any
    logs: Any
    events: Any
    cloudwatch: Any
    cloud: Cloud

    def acting(self, credentials: Credentials) -> BackgroundClients:
        """The same on behalf of the role that credentials were given for."""
        return self._of(self.cloud, credentials)

    def in_region(self, region: str) -> BackgroundClients:
        """The same in another region, on nobody's behalf."""
        return self._of(self.cloud.in_region(region), None)

    @classmethod
    def connect(cls, settings: LocalSettings) -> BackgroundClients:
        # At shutdown the server may go first; a long retry would hold the process up.
        config = Config(
            retries={"total_max_attempts": 2, "mode": "standard"},
            max_pool_connections=32,
            s3={"addressing_style": "path"},
        )
        # SageMaker reads and writes buckets of its own region alone.
        cloud = Cloud(
            settings.endpoint_url,
            config,
            settings.home,
            caller=MACHINERY,
            follows_buckets=False,
        )
        return cls._of(cloud, None)

    @classmethod
    def _of(cls, cloud: Cloud, credentials: Credentials | None) -> BackgroundClients:
        return cls(
            s3=cloud.client("s3", credentials),
            logs=cloud.client("logs", credentials),
            events=cloud.client("events"),
            cloudwatch=cloud.client("cloudwatch", credentials),
            cloud=cloud,
        )
