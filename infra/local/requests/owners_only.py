"""Nobody calls the embedded cloud but its owner, and what runs in it.

It holds data and starts processes, and every web page that a browser on this machine has open can
send requests to its port. So a request has to name a key of this cloud, and to come from no page.
"""

from __future__ import annotations

import json
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from werkzeug import Request, Response

from infra.local.host.clients import MACHINERY
from infra.local.host.patching import Patches
from infra.local.host.settings import LocalSettings
from infra.local.iam.refusals import unrecognized
from infra.local.iam.sessions import SIGNED_BY, InvalidCredentialsError
from infra.local.iam.signatures import access_key_of, scope_of, session_of
from stratos.loopback import refusal

_NAMES = {"monitoring": "cloudwatch"}
"""Of services that boto3 calls otherwise than their signatures do."""


class OwnersOnly:
    """Seam: looks at every request before moto does."""

    def __init__(self) -> None:
        self._patches = Patches()

    def install(self, settings: LocalSettings) -> None:
        key = settings.key
        SIGNED_BY.key = key
        known = {key.owner.access_key, MACHINERY.access_key}
        where = f" `stratos local up` prints the key of the embedded cloud of {settings.state_dir}."
        original = DomainDispatcherApplication.__call__

        def call(application: Any, environ: dict[str, Any], start_response: Any) -> Any:
            request = Request(environ)
            found = _of_a_page(request)
            if found is None and not _is_known(request, known):
                found = unrecognized(_service(request), request.method, where)
            if found is not None:
                return found(environ, start_response)
            return original(application, environ, start_response)

        self._patches.replace(DomainDispatcherApplication, "__call__", call)

    def close(self) -> None:
        self._patches.restore()


def _of_a_page(request: Request) -> Response | None:
    why = refusal({name.lower(): value for name, value in request.headers.items()})
    if why is None:
        return None
    body = {"__type": "AccessDeniedException", "message": f"{why}; call it from a program"}
    return Response(json.dumps(body), 403, content_type="application/json")


def _is_known(request: Request, known: set[str]) -> bool:
    try:
        return access_key_of(request) in known or session_of(request) is not None
    except InvalidCredentialsError:
        return False


def _service(request: Request) -> str:
    _, service = scope_of(request)
    return _NAMES.get(service, service)
