"""Calls between regions: how long they take, and that none gets into a region that is cut off.

From where a call comes is written in its credentials. Whatever runs in a region was given a
session there (`infra.local.iam.sessions`), and signs with it whichever region it calls; a header
or an address would depend on how a program makes its clients. Credentials of no session are the
user's, who is outside of every region; the machinery has its own, and acts where it is.

A call that does not get through has its connection closed without an answer, so that botocore
raises ConnectionClosedError: whoever calls has made the connection before it can be known where
to. Code that is to outlive a lost region has to take every BotoCoreError for one.

A region may be cut off at a call that is yet to come (`RegionNetwork.cut_at`), so that a test knows
between which two calls it went.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from moto.core.responses import BaseResponse
from moto.s3.models import s3_backends
from werkzeug import Response
from werkzeug.exceptions import HTTPException

from infra.local.host.clients import MACHINERY
from infra.local.host.network import NetworkCall, RegionNetwork
from infra.local.host.patching import Patches
from infra.local.host.settings import ACCOUNT_ID, LocalSettings
from infra.local.iam.api_request import ApiRequest
from infra.local.iam.sessions import InvalidCredentialsError
from infra.local.iam.signatures import access_key_of, session_of

_OF_NO_REGION = frozenset({"iam"})
"""Services that are there whatever region is lost."""


class BetweenRegions:
    """Seam: every request is held to the network between where it comes from and where it goes."""

    def __init__(self, sleep: Callable[[float], object] = time.sleep) -> None:
        self._sleep = sleep
        self._noticing = threading.Lock()
        self._patches = Patches()

    def install(self, settings: LocalSettings) -> None:
        network, are_several = RegionNetwork(settings), len(settings.regions) > 1
        original = BaseResponse.setup_class

        def setup_class(response: Any, request: Any, *arguments: Any, **named: Any) -> None:
            origin = _origin(request)
            ways: list[tuple[str, str]] = []
            # moto's own reading of the region, which it does again.
            full_url = str(arguments[0] if arguments else named["full_url"])
            asked = response.get_region_from_url(request, full_url)
            if origin is not None and response.boto3_service_name not in _OF_NO_REGION:
                ways = list(_ways(response, request, origin, asked))
                for here, there in ways:
                    if not network.reaches(here, there):
                        _hang_up(request)
                    if seconds := network.seconds(here, there):
                        self._sleep(seconds)
            original(response, request, *arguments, **named)
            if ways and are_several:
                if network.awaits_call():
                    with self._noticing:
                        network.notice(_call(response, *ways[0]))
                # Also a call that was under way when another one cut the region off.
                if not all(network.reaches(*way) for way in ways):
                    _hang_up(request)

        self._patches.replace(BaseResponse, "setup_class", setup_class)

    def close(self) -> None:
        self._patches.restore()


def _origin(request: Any) -> str | None:
    """The region from which a request comes: empty for outside, None for wherever it goes."""
    if access_key_of(request) == MACHINERY.access_key:
        return None
    try:
        session = session_of(request)
    except InvalidCredentialsError:
        return ""  # it is refused for that
    if session is None:
        return ""
    if session.principal.service is not None and not session.region:
        return None
    return session.region


def _ways(response: Any, request: Any, origin: str, asked: str) -> Iterator[tuple[str, str]]:
    """From where to where a request goes: a copy of S3's goes on to where its source is."""
    yield origin, asked
    source = request.headers.get("x-amz-copy-source")
    if response.boto3_service_name == "s3" and source:
        bucket = s3_backends[ACCOUNT_ID]["aws"].buckets.get(
            unquote(source).lstrip("/").partition("/")[0]
        )
        if bucket is not None:
            yield asked, bucket.region_name


def _call(response: Any, origin: str, region: str) -> NetworkCall:
    """What moto is about to answer."""
    request = ApiRequest.of(response)
    return NetworkCall(
        origin=origin,
        region=region,
        service=request.service,
        operation=request.operation,
        key=request.get("Key"),
    )


def _hang_up(request: Any) -> None:
    """
    Raises:
        HTTPException: Always. Nobody reads its answer.
    """
    with contextlib.suppress(OSError):
        request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise HTTPException(response=Response(status=503))
