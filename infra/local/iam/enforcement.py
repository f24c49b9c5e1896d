"""Every request of a role or a service is judged before moto answers it."""

from __future__ import annotations

from typing import Any

from moto.core.responses import BaseResponse
from werkzeug import Response
from werkzeug.exceptions import HTTPException

from infra.local.host.patching import Patches
from infra.local.host.settings import LocalSettings
from infra.local.iam.actions import UnmappedOperationError, requirements
from infra.local.iam.api_request import ApiRequest
from infra.local.iam.authority import AUTHORITY
from infra.local.iam.records import records_of
from infra.local.iam.refusals import refused, unrecognized
from infra.local.iam.sessions import InvalidCredentialsError, Session
from infra.local.iam.signatures import session_of


class AccessControl:
    """Seam: requests are judged once moto has read them, and the account's own are not."""

    def __init__(self) -> None:
        self._patches = Patches()

    def install(self, settings: LocalSettings) -> None:
        if not settings.iam:
            return
        AUTHORITY.begin(records_of(settings.state_dir).add)
        original = BaseResponse.setup_class

        def setup_class(response: Any, request: Any, *arguments: Any, **named: Any) -> None:
            original(response, request, *arguments, **named)
            try:
                session = session_of(request)
            except InvalidCredentialsError as error:
                answer = unrecognized(response.boto3_service_name, response.method)
                raise HTTPException(response=answer) from error
            if session is not None:
                _admit(session, response)

        self._patches.replace(BaseResponse, "setup_class", setup_class)

    def close(self) -> None:
        self._patches.restore()
        AUTHORITY.end()


def _admit(session: Session, response: Any) -> None:
    """
    Raises:
        HTTPException: with the refusal, where the session may not do what it asks for.
    """
    request = ApiRequest.of(response)
    try:
        found = AUTHORITY.refusal(session, requirements(request), request.region)
    except UnmappedOperationError as error:
        raise _answer(request, response, str(error)) from error
    if found is not None:
        raise _answer(request, response, found.message)


def _answer(request: ApiRequest, response: Any, message: str) -> HTTPException:
    answer: Response = refused(request.service, response.method, message)
    return HTTPException(response=answer)
