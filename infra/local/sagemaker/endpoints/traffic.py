"""Where requests to an endpoint or a component go, and how they move to its next fleet."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from infra.local.host.clients import BackgroundClients
from infra.local.host.log_stream import LogStream
from infra.local.host.settings import LocalSettings
from infra.local.host.transfers import TransferError
from infra.local.iam.authority import AccessDeniedError
from infra.local.iam.sessions import Session
from infra.local.sagemaker.alarm_watch import AlarmWatch, Observations
from infra.local.sagemaker.execution_role import model_session
from infra.local.sagemaker.model_server import ModelServer, StartupError
from infra.local.sagemaker.traffic_shift import TrafficShift
from stratos.waiting import every, wait_until, within

logger = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/Endpoints"
_DRAIN_SECONDS = 60.0
_GRACE_SECONDS = 10.0
_BAKE_POLL_SECONDS = 0.05


class ServingFleet:
    """The servers of one endpoint configuration, one a variant."""

    def __init__(self, servers: Sequence[ModelServer], observations: Observations) -> None:
        self.servers = {server.variant_name: server for server in servers}
        self.observations = observations
        self.problem: str | None = None
        """Why one of its servers died for good."""

    def choose(self, weights: Mapping[str, float], target: str | None) -> ModelServer | None:
        """The server of the target variant, else one by traffic weight."""
        if target is not None:
            return self.servers.get(target)
        names = list(self.servers)
        shares = [weights.get(name, 1.0) for name in names]
        if not names or sum(shares) <= 0:
            return None
        [name] = random.choices(names, shares)
        return self.servers[name]

    def abandon(self) -> None:
        for server in self.servers.values():
            server.abandon()

    def stop(self, *, drain_seconds: float, grace_seconds: float) -> None:
        """Let requests in flight finish, then end every process."""
        deadline = time.monotonic() + drain_seconds
        for server in self.servers.values():
            server.drain(max(0.0, deadline - time.monotonic()))
        for server in self.servers.values():
            server.stop(grace_seconds)


class Traffic:
    """Of one endpoint or component: the fleet in service and the one on its way in, if any."""

    def __init__(
        self,
        name: str,
        settings: LocalSettings,
        clients: BackgroundClients,
        lost: Callable[[str], None],
        log_group: str = LOG_GROUP,
    ) -> None:
        """Nothing is in service yet.

        Args:
            clients: In the region where it is.
            lost: Gets why the fleet in service is not any more: it died for good.
        """
        self.name = name
        self._lost = lost
        self._log_group = f"{log_group}/{name}"
        self._settings = settings
        self._clients = clients
        self._live: ServingFleet | None = None
        self._starting: ServingFleet | None = None
        self._incoming_share = 0.0
        """Of the traffic, to the fleet that starts."""
        self._rolling_out = False
        self._loss: str | None = None
        """Why nothing is in service, which is told once a roll-out that is under way has failed."""
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._closed = False
        self._threads: list[threading.Thread] = []

    def roll_out(
        self,
        variants: Sequence[Mapping[str, Any]],
        containers: Mapping[str, Mapping[str, Any]],
        finished: Callable[[str | None], None],
        shift: TrafficShift = TrafficShift(),  # noqa: B008 - it is frozen
    ) -> None:
        """In the background, start a fleet, move the traffic to it and stop the one before it.

        `finished` gets None, or why the new fleet is not in service; it is called before the
        fleet that lost is stopped, and not at all once this is closed. No request is
        lost either way: a fleet is stopped once what it was given has been answered.
        """
        arguments = (variants, containers, finished, shift)
        thread = threading.Thread(target=self._roll_out, args=arguments, daemon=True)
        with self._lock:
            self._threads.append(thread)
            self._rolling_out = True
        thread.start()

    def enter(self, weights: Mapping[str, float], target: str | None) -> ModelServer | None:
        """A server with one more request in flight, or None where nothing is in service."""
        with self._lock:
            incoming = random.random() < self._incoming_share
            fleet = self._starting if incoming else self._live
            server = fleet.choose(weights, target) if fleet else None
            if server is not None:
                server.enter()
            return server

    def stand_down(self) -> None:
        """Take the fleet out of service and end it once its requests are answered."""
        with self._lock:
            live, self._live = self._live, None
        if live is not None:
            live.stop(drain_seconds=_DRAIN_SECONDS, grace_seconds=_GRACE_SECONDS)

    def close(self, *, drain: bool) -> None:
        """Take everything out of service and end its processes."""
        with self._lock:
            self._closed = True
            self._incoming_share = 0.0
            live, self._live = self._live, None
            starting = self._starting
        self._closing.set()
        if starting is not None:
            starting.abandon()
        if live is not None:
            if not drain:
                live.abandon()
            live.stop(drain_seconds=_DRAIN_SECONDS if drain else 0.0, grace_seconds=_GRACE_SECONDS)
        for thread in self._threads:
            thread.join()

    def _roll_out(
        self,
        variants: Sequence[Mapping[str, Any]],
        containers: Mapping[str, Mapping[str, Any]],
        finished: Callable[[str | None], None],
        shift: TrafficShift,
    ) -> None:
        try:
            fleet = self._build(variants, containers)
        except Exception as error:
            logger.exception("Endpoint %s broke the local cloud", self.name)
            self._finish(finished, f"InternalServerError: {type(error).__name__}: {error}")
            return
        with self._lock:
            self._starting = None if self._closed else fleet
            closed = self._closed
        reason = "The endpoint was deleted." if closed else self._start(fleet)
        if reason is None:
            for server in fleet.servers.values():
                server.keep_up(partial(self._lose, fleet))
            reason = self._move_traffic(fleet, shift)
        with self._lock:
            self._starting = None
            self._incoming_share = 0.0
            closed = self._closed
            reason = reason or fleet.problem
            in_service = reason is None and not closed
            retired = self._live if in_service else fleet
            if in_service:
                self._live, self._loss = fleet, None
        if not closed:
            self._finish(finished, reason)
        if retired is not None:
            drain = 0.0 if closed else _DRAIN_SECONDS
            retired.stop(drain_seconds=drain, grace_seconds=_GRACE_SECONDS)

    def _finish(self, finished: Callable[[str | None], None], reason: str | None) -> None:
        finished(reason)
        with self._lock:
            self._rolling_out = False
            loss, self._loss = self._loss, None
        if loss is not None:
            self._lost(loss)

    def _lose(self, fleet: ServingFleet, problem: str) -> None:
        """A server of a fleet died for good; if the fleet is in service, it is no longer."""
        with self._lock:
            fleet.problem = problem
            if fleet is not self._live or self._closed:
                return  # its roll-out looks at the problem, or it is on its way out
            self._live = None
            self._threads.append(threading.current_thread())
            told_later = self._rolling_out
            self._loss = problem if told_later else None
        if not told_later:
            self._lost(problem)
        fleet.stop(drain_seconds=_DRAIN_SECONDS, grace_seconds=_GRACE_SECONDS)

    def _move_traffic(self, fleet: ServingFleet, shift: TrafficShift) -> str | None:
        """Give a fleet its share of the traffic step by step; why it has to give it back."""
        with self._lock:
            if self._live is None:
                return None  # nothing is in service yet that could share
        alarms = self._alarms(fleet, shift.alarm_names)
        watch = AlarmWatch(alarms, fleet.observations, self._settings.rollout_scale)
        last = len(shift.shares) - 1
        for step, share in enumerate(shift.shares):
            with self._lock:
                self._incoming_share = 0.0 if self._closed else share
            wait = shift.final_seconds if step == last else shift.wait_seconds
            tripped = self._bake(watch, fleet, wait)
            if fleet.problem is not None:
                return fleet.problem
            if tripped:
                return (
                    f"The deployment was rolled back: {', '.join(tripped)} went into alarm while "
                    f"the new fleet had {share:.0%} of the traffic."
                )
        return None

    def _alarms(self, fleet: ServingFleet, names: Sequence[str]) -> list[Mapping[str, Any]]:
        """Alarms are looked at by the rights of the model's role."""
        if not names:
            return []
        session = next(iter(fleet.servers.values())).session
        cloudwatch = self._clients.acting(session.credentials()).cloudwatch
        return list(cloudwatch.describe_alarms(AlarmNames=list(names))["MetricAlarms"])

    def _session(self, container: Mapping[str, Any]) -> Session:
        kind = "endpoint" if self._log_group.startswith(LOG_GROUP) else "inference-component"
        arn = self._clients.cloud.arn("sagemaker", f"{kind}/{self.name}")
        return model_session(container, arn)

    def _bake(self, watch: AlarmWatch, fleet: ServingFleet, seconds: float) -> list[str]:
        """Wait, unless the fleet dies, and return the alarms that trip meanwhile."""
        if not seconds:
            return []
        return wait_until(
            watch.tripped,
            lambda tripped: tripped or fleet.problem or self._closing.is_set(),
            deadline=within(seconds),
            pauses=every(_BAKE_POLL_SECONDS),
            sleep=self._closing.wait,
        )

    def _build(
        self,
        variants: Sequence[Mapping[str, Any]],
        containers: Mapping[str, Mapping[str, Any]],
    ) -> ServingFleet:
        servers = []
        observations = Observations()
        for variant in variants:
            instance = f"{variant['VariantName']}/{uuid4().hex[:12]}"
            home = self._settings.folder_of(self._clients.cloud.region)
            directory: Path = home / "endpoints" / self.name / instance
            container = containers[variant["VariantName"]]
            session = self._session(container)
            log = LogStream(
                self._clients.acting(session.credentials()).logs,
                self._log_group,
                instance,
                directory / "output.log",
            )
            servers.append(
                ModelServer(
                    variant,
                    container,
                    session=session,
                    directory=directory / "opt-ml",
                    log=log,
                    settings=self._settings,
                    observations=observations,
                )
            )
        return ServingFleet(servers, observations)

    def _start(self, fleet: ServingFleet) -> str | None:
        try:
            for server in fleet.servers.values():
                server.start(self._clients.acting(server.session.credentials()).s3)
        except (AccessDeniedError, StartupError, TransferError) as error:
            return str(error)
        except Exception as error:
            logger.exception("Endpoint %s broke the local cloud", self.name)
            return f"InternalServerError: {type(error).__name__}: {error}"
        return None
