"""Ask a model wherever it is served: the nearest region that is well, and the next one if it fails.

What the model refused is not asked again: another region would refuse it, too. Everything else is,
within the time there is: a region may be lost, and an endpoint is replaced by one of another name.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from stratos.client.health import Health
from stratos.client.passed_over import PassedOver, Verdict, is_unanswered, verdict_on
from stratos.client.stack import Stack, client
from stratos.client.whereabouts import LOOK_SECONDS, MakeClient, Whereabouts
from stratos.contracts.messages import Message, Tool, ToolChoice
from stratos.contracts.run import RunRow
from stratos.contracts.served import Served, ServedRegion
from stratos.errors import EndpointNotFound, HomeUnreachable, RequestFailed, RequestRefused
from stratos.hosting.absence import is_absent
from stratos.hosting.chat_request import Said, chat_request, said_in
from stratos.hosting.modes.interface import Connection
from stratos.hosting.modes.table import mode_named
from stratos.planning.forecast.network import round_trip_ms
from stratos.waiting import within

WITHIN_SECONDS = 120.0
ANSWER_SECONDS = 65.0
"""How long one endpoint is waited for. SageMaker itself gives up after 60 s."""
_MOST_KEPT = 100
_PAUSES_SECONDS = (0.0, 0.5, 2.0)
"""Before each round of all regions."""
_NO_ANSWER = (ClientError, BotoCoreError, EndpointNotFound, ValueError, LookupError, TypeError)
"""Of these, the last three say that what came is no chat completion."""
_ANSWERING = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack"})
"""Statuses of an endpoint that answers; what such a one refuses is the request's fault."""


@dataclass(frozen=True, kw_only=True)
class ServedAnswer(Said):
    """What a model answered, and where."""

    region: str
    endpoint_name: str
    passed_over: tuple[PassedOver, ...] = ()
    """Endpoints that were asked first and did not answer."""
    num_regions: int = 1
    """That serve the model."""


class Client:
    """Asks one spec's model. May be shared by threads, and is best kept: it remembers.

    Args:
        spec_name: The spec whose model is asked.
        stack: The stack, or its name; by default that of `STRATOS_STACK`, or the only one.
        home: Region of the stack; by default that of boto3's configuration.
        origin: Region that the caller is in, or nearest to; by default that of the configuration.
        regions: Those that are asked where the model is served if home does not answer.
        run: The run whose model is meant; by default the one in service.
        within_seconds: How long an answer may take, with all that fails before it.
        tell: Is told where a server has to start first, which takes minutes.
        now: A clock in seconds.
        sleep: Waits for so many seconds.
        make_client: Makes a boto3 client of a service in a region.
    """

    def __init__(
        self,
        spec_name: str,
        stack: Stack | str | None = None,
        *,
        home: str | None = None,
        origin: str | None = None,
        regions: Sequence[str] = (),
        run: RunRow | None = None,
        within_seconds: float = WITHIN_SECONDS,
        tell: Callable[[str], None] = lambda _: None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        make_client: MakeClient = client,
    ) -> None:
        self.spec_name = spec_name
        self._origin = origin or boto3.session.Session().region_name or home
        self._within, self._tell = within_seconds, tell
        self._now, self._sleep = now, sleep
        self._health = Health(now)
        self._clients = _Clients(make_client)
        self._whereabouts = Whereabouts(
            spec_name, stack, home, regions, run, now=now, make_client=self._clients.make
        )

    def ask(
        self,
        question: str,
        *,
        system: str | None = None,
        max_tokens: int = 256,
        tools: Sequence[Tool] = (),
        tool_choice: ToolChoice | None = None,
    ) -> ServedAnswer:
        """The answer to one question; raises as `converse` does.

        Args:
            system: What a system message before the question says; None for no such message.
        """
        asked = [] if system is None else [Message(role="system", content=system)]
        asked.append(Message(role="user", content=question))
        return self.converse(asked, max_tokens=max_tokens, tools=tools, tool_choice=tool_choice)

    def converse(
        self,
        messages: Sequence[Message | Mapping[str, Any]],
        *,
        max_tokens: int = 256,
        tools: Sequence[Tool] = (),
        tool_choice: ToolChoice | None = None,
    ) -> ServedAnswer:
        """The answer to a conversation, of `Message`s or of dicts with `role` and `content`.

        Raises:
            EndpointNotFound: nothing serves the model, or nothing answered in time.
            RequestRefused: the model, or SageMaker, refuses the request as it is.
            StackNotFound: there is no such stack.
            ValueError: the chosen tool is not among the tools, or a dict is no message.
        """
        said = [Message.model_validate(message) for message in messages]
        request = chat_request(said, self.spec_name, max_tokens, tools, tool_choice)
        asking = _Asking(json.dumps(request).encode(), within(self._within, self._now))
        for number, pause in enumerate(_PAUSES_SECONDS):
            if pause and self._left(asking) <= pause:
                break
            if pause:
                self._sleep(pause)
            try:
                answer = self._round(asking, first=number == 0)
            except HomeUnreachable as error:
                asking.unknown = str(error)
                continue
            if answer is not None:
                return answer
        raise EndpointNotFound(asking.told(self.spec_name, self._within))

    # --- one round ------------------------------------------------------------------------------

    def _round(self, asking: _Asking, *, first: bool) -> ServedAnswer | None:
        """Ask every region once; None if none answers."""
        left = self._left(asking)
        served = self._whereabouts.current(left) if first else self._whereabouts.anew(left)
        tried: set[str] = set()
        while (place := self._next(served, tried)) and self._left(asking) > 0:
            tried.add(_name_of(place))
            alone = len(served.regions) == 1
            waits = alone or not (first and mode_named(place.mode).in_component)
            try:
                said = self._said(place, asking, waits=waits)
            except RequestFailed:
                raise
            except _NO_ANSWER as error:
                gone = self._pass_over(place, asking, error)
                left = self._left(asking)
                served = self._whereabouts.anew(left) if gone and left > 0 else served
                continue
            self._health.answered(place.region, _name_of(place))
            return ServedAnswer(
                text=said.text,
                calls=said.calls,
                finished=said.finished,
                region=place.region,
                endpoint_name=place.endpoint_name,
                passed_over=tuple(asking.passed_over),
                num_regions=len(served.regions),
            )
        return None

    def _next(self, served: Served, tried: set[str]) -> ServedRegion | None:
        """The region to ask: of those that are well the one planned for this origin, or nearest."""
        left = [place for place in served.regions if _name_of(place) not in tried]
        origin = self._origin or served.home

        def order(place: ServedRegion) -> tuple[bool, bool, float, str]:
            is_well = self._health.is_well(place.region, _name_of(place))
            away = round_trip_ms(origin, place.region)
            return not is_well, origin not in place.origins, away, place.region

        return min(left, key=order, default=None)

    def _said(self, place: ServedRegion, asking: _Asking, *, waits: bool) -> Said:
        """What one endpoint says.

        Args:
            waits: Wait for a server that has to start first.
        """
        left, usual = self._left(asking), min(ANSWER_SECONDS, self._within)
        longest = usual if left > usual - 1 else max(1.0, float(math.floor(left)))
        connection = Connection(
            endpoint_name=place.endpoint_name,
            spec_name=self.spec_name,
            bucket=self._whereabouts.bucket(place.region),
            runtime=self._clients.of("sagemaker-runtime", place.region, longest),
            s3=self._clients.of("s3", place.region, longest),
            patience_seconds=left if waits else 0.0,
            tell=self._tell if waits else lambda _: None,
        )
        return said_in(json.loads(mode_named(place.mode).ask(connection, asking.body)))

    def _pass_over(self, place: ServedRegion, asking: _Asking, error: Exception) -> bool:
        """Note that an endpoint did not answer, and return whether it is gone.

        Raises:
            RequestRefused: it is the request that is at fault.
        """
        verdict, reason = self._verdict(place, error)
        if verdict == "refused":
            raise RequestRefused(
                f"endpoint {place.endpoint_name} in {place.region} does not take the request: "
                f"{error}. No other would, so none was asked"
            ) from error
        asking.passed_over.append(PassedOver(place.region, place.endpoint_name, reason))
        self._health.failed(_name_of(place) if verdict == "gone" else place.region)
        return verdict == "gone"

    def _verdict(self, place: ServedRegion, error: Exception) -> tuple[Verdict, str]:
        if isinstance(error, EndpointNotFound):
            return "region", str(error)  # no server of it is in service yet
        if not isinstance(error, ClientError | BotoCoreError):
            return "region", f"it answered with no chat completion ({error!r})"
        found = verdict_on(error)
        if found != "doubtful":
            return found, str(error)
        status = self._status(place)
        if status is None:
            return "gone", str(error)
        return ("refused" if status in _ANSWERING else "region"), f"it is {status}: {error}"

    def _status(self, place: ServedRegion) -> str | None:
        """Of an endpoint; None if there is none, and as if in service if that cannot be asked."""
        sagemaker = self._clients.of("sagemaker", place.region, LOOK_SECONDS)
        try:
            described = sagemaker.describe_endpoint(EndpointName=place.endpoint_name)
        except (ClientError, BotoCoreError) as error:
            gone = not is_unanswered(error) and is_absent(error, held_by_tag=False)
            return None if gone else "InService"
        return str(described["EndpointStatus"])

    def _left(self, asking: _Asking) -> float:
        return asking.deadline - self._now()


@dataclass
class _Asking:
    """One request under way."""

    body: bytes
    deadline: float
    passed_over: list[PassedOver] = field(default_factory=list)
    unknown: str = ""
    """Why it is not known where the model is."""

    def told(self, spec_name: str, seconds: float) -> str:
        """Why there is no answer."""
        if not self.passed_over:
            return self.unknown
        lines = [f"{spec_name} was not answered within {seconds:.0f} s:"]
        return "\n- ".join([*lines, *map(str, self.passed_over)])


class _Clients:
    """boto3's clients, made once for each service, region and time; threads may ask at once."""

    def __init__(self, make: MakeClient) -> None:
        self._make = make
        self._made: dict[tuple[str, str, float], Any] = {}
        self._lock = threading.Lock()

    def of(self, service: str, region: str, longest_seconds: float) -> Any:
        """A client that waits so long for an answer; there are only so many that are kept."""
        wanted = service, region, longest_seconds
        if wanted not in self._made:
            made = self.make(service, region=region, longest_seconds=longest_seconds)
            if len(self._made) >= _MOST_KEPT:
                return made
            self._made[wanted] = made
        return self._made[wanted]

    def make(self, service: str, *, region: str, longest_seconds: float) -> Any:
        with self._lock:  # botocore's default session is not for several threads
            return self._make(service, region=region, longest_seconds=longest_seconds)


def _name_of(place: ServedRegion) -> str:
    return f"{place.region}/{place.endpoint_name}"
