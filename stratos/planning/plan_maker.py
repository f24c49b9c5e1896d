"""A row of the pool as a `Plan`, with an interval around every prediction."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from stratos.catalog.servers import InstanceType, Price
from stratos.catalog.terms import open_rights
from stratos.contracts.plan import (
    Interval,
    Plan,
    PlannedEngine,
    PlannedHosting,
    PlannedStep,
    ServedPrecision,
    Server,
)
from stratos.contracts.time_limit import ask_for
from stratos.hosting.monthly import requests_per_month
from stratos.planning.candidates.effort import planned_steps
from stratos.planning.candidates.pairing import Pairing
from stratos.planning.candidates.pool import Pool
from stratos.planning.candidates.regional import RegionalFleet
from stratos.planning.candidates.serving_side import Outlook
from stratos.planning.candidates.split_steps import why_split
from stratos.planning.deadlines import rounded_up
from stratos.planning.forecast.calibration import Correction, correction
from stratos.planning.forecast.engine import BYTES_PER_PARAMETER, EFFICIENCIES, SERVED_BY
from stratos.planning.forecast.llama_cpp import memory_gib
from stratos.planning.forecast.memory import vllm_gib
from stratos.planning.forecast.replica import Replica
from stratos.planning.forecast.server_table import ServerRow
from stratos.planning.forecast.transformer import transformer
from stratos.planning.limits import Limit, misses
from stratos.planning.places import Places
from stratos.planning.request import PlanningRequest
from stratos.statistics.normal import Z_95

PRICE_SD = {"A": 0.02, "B": 0.06, "C": 0.2}
"""Standard deviation of log(true price / listed), by grade; assumed."""

_SLOTS_AFTER_SERVERLESS = 8
"""At most, on a server for which no fleet was planned, so that nothing says how many it needs."""


@dataclass(frozen=True)
class _Endpoint:
    """The serving side of one row.

    Attributes:
        position: Of its server in the table, and in every array of the outlook.
    """

    position: int
    server: ServerRow
    outlook: Outlook
    hosting: PlannedHosting

    def sd(self, quantity: str) -> float:
        """Of log(measured / predicted)."""
        return self.outlook.corrections[quantity][self.position].sd

    @property
    def bill_sd(self) -> float:
        if (
            self.server.stand_in
        ):  # billed per second of answering, at a price that differs by region
            return math.hypot(self.sd("p95_latency_ms"), PRICE_SD["C"])
        return _price_sd(self.server.price)


@dataclass
class PlanMaker:
    """Builds plans from the rows of one pool.

    Attributes:
        limits: The constraints, to tell which of them a plan is expected to miss.
    """

    request: PlanningRequest
    pool: Pool
    limits: Sequence[Limit]

    def plan(self, row: int) -> Plan:
        pool = self.pool
        pairing = pool.pairings[pool.pairing[row]]
        training = pool.training.rows[pool.training_row[row]]
        devices, share = int(pool.training_devices[row]), float(pool.trained_share[row])
        trained_on = training.server(devices)
        endpoint = self._endpoint(row, pairing)
        outlook, position = endpoint.outlook, endpoint.position
        replicas = (int(pool.serving_devices[row]), int(pool.serving_replicas[row]))
        served_on = endpoint.server.server(*replicas)
        engine = _engine(pairing, endpoint.server.instance, replicas[0], int(pool.slots[row]))
        speed = self._correction("training_tokens_per_second", training, pairing, devices)
        hours, usd = self._effort(row, pairing, training, speed)
        places = Places(self.request, pool, row)
        p50_ms = places.latency_ms("p50_latency_ms")
        p95_sd = endpoint.sd("p95_latency_ms")
        month = around(float(pool.usd_per_month[row]), endpoint.bill_sd)
        learned = {"training_tokens_per_second": speed.factor, "accuracy": pairing.learned.factor}
        return Plan(
            id=_plan_id(
                pairing, trained_on, served_on, endpoint.hosting.mode, engine, places.fleet
            ),
            teacher=pairing.teacher.name,
            student=pairing.student.name,
            method=pairing.method,
            precision=pairing.precision,
            training=trained_on,
            serving=served_on,
            hosting=endpoint.hosting,
            engine=engine,
            instance_engine=_on_instances(engine, pairing, endpoint.server),
            strategy=pairing.strategy,
            misses=misses(self.limits, pool, row),
            accuracy=pairing.accuracy(share),
            p50_latency_ms=around(p50_ms, endpoint.sd("p50_latency_ms")),
            p95_latency_ms=around(float(pool.latency_ms[row]), p95_sd),
            prefill_tokens_per_second=float(outlook.prefill_tokens_per_second[position]),
            decode_tokens_per_second=float(outlook.decode_tokens_per_second[position]),
            requests_per_second=around(float(pool.capacity[row]), p95_sd),
            hours_to_deploy=hours,
            usd_to_deploy=usd,
            usd_per_month=month,
            usd_per_1000_requests=_per_1000(month, requests_per_month(self.request.spec.load)),
            training_tokens_per_second=float(pool.tokens_per_second[row]),
            num_training_tokens=pairing.num_training_tokens * share,
            num_records=pairing.synthesis.num_records * share,
            synthesis_servers=int(pool.synthesis_servers[row]),
            evaluation_servers=int(pool.evaluation_servers[row]),
            steps=self._steps(row),
            calibration=learned | outlook.factors(position),
            caveats=(
                *self._caveats(pairing, training, endpoint.server, share, devices),
                *places.caveats(),
                *self._why_split(row, trained_on),
            ),
            elsewhere=places.elsewhere(),
            origins=places.origins(),
            beyond_home_ms=places.beyond_home_ms(),
            more_endpoints=places.more_endpoints(),
        )

    def _endpoint(self, row: int, pairing: Pairing) -> _Endpoint:
        pool, position = self.pool, int(self.pool.serving_row[row])
        model = (transformer(pairing.student), pairing.serving, pairing.work)
        places, mode = Places(self.request, pool, row), int(pool.mode[row])
        fleet = places.fleet
        if fleet is None:
            hosting = pool.serving_side.planned_hosting(*model, position, mode)
            outlook = pool.serving_side.outlook(*model)
        else:
            regions, usd = ", ".join(pool.served_in(row)), fleet.usd_per_month
            hosting = pool.serving_side.mode_offers.planned_in(regions, mode, usd)
            outlook = places.outlook(fleet.main)
        return _Endpoint(position, pool.serving.rows[position], outlook, hosting)

    def _effort(
        self, row: int, pairing: Pairing, training: ServerRow, speed: Correction
    ) -> tuple[Interval, Interval]:
        """Hours and dollars until the endpoint is in service; what is already spent is certain."""
        decode = self._correction("decode_tokens_per_second", training, pairing)
        sd = max(speed.sd, decode.sd)
        usd_sd = math.hypot(sd, _price_sd(training.price))
        hours, usd = float(self.pool.hours[row]), float(self.pool.usd_to_deploy[row])
        return (
            around(hours, sd, fixed=self.request.spent_hours),
            around(usd, usd_sd, fixed=self.request.spent_usd),
        )

    def _steps(self, row: int) -> tuple[PlannedStep, ...]:
        pool = self.pool
        jobs = float(pool.effort[row, ::2].sum())
        starting = float(pool.hours[row]) - self.request.spent_hours - jobs
        return planned_steps(pool.effort[row], starting)

    def _correction(
        self, quantity: str, server: ServerRow, pairing: Pairing, devices: int = 1
    ) -> Correction:
        prior_sd = EFFICIENCIES[server.instance.runtime].relative_sd
        parameters = float(pairing.student.num_parameters or 1)
        name = server.instance.instance_type
        return correction(
            self.request.calibration, quantity, name, parameters, prior_sd, num_devices=devices
        )

    def _why_split(self, row: int, trained_on: Server) -> tuple[str, ...]:
        return why_split(
            int(self.pool.synthesis_servers[row]),
            int(self.pool.evaluation_servers[row]),
            trained_on,
            self.request.spec.constraints,
            self.request.spent_hours,
        )

    def _caveats(
        self, pairing: Pairing, training: ServerRow, serving: ServerRow, share: float, devices: int
    ) -> tuple[str, ...]:
        found = training.caveats()
        prices = [] if serving.stand_in else serving.caveats()
        found += [caveat for caveat in prices if caveat not in found]
        trainer = training.instance.instance_type
        runs = {r.instance_type for r in self.request.calibration}
        for server in (training, serving):
            name = server.instance.instance_type
            note = f"rates of {name} are assumed: no run has measured it"
            if not server.instance.measured and name not in runs and note not in found:
                found.append(note)
        counted = {r.num_devices for r in self.request.calibration if r.instance_type == trainer}
        if devices > 1 and devices not in counted:
            found.append(f"the speed-up of {devices} devices of {trainer} is assumed")
        if serving.stand_in:
            found.append(
                f"serverless latency is forecast from {serving.instance.instance_type}: AWS does "
                "not name its processors, nor how many come with its memory"
            )
        if share < 1:
            limit, spent = (
                self.request.spec.constraints.max_training_hours,
                self.request.spent_hours,
            )
            enough = None if limit is None else rounded_up(spent + (limit - spent) / share)
            found.append(
                f"max_training_hours leaves time for {share:.0%} of the planned training"
                + ask_for(enough)
            )
        if pairing.quantised_to is not None:
            found.append(
                f"what {pairing.quantised_to} costs in accuracy is assumed until it is measured"
            )
        if pairing.strategy is None:
            found.append("accuracy is a guess until teacher and student are probed")
        if (tracking := self.request.spec.training.tracking) is not None:
            found.append(
                f"training reports to MLflow at {tracking.host}, for which the job needs the "
                "network; where it has no way there, it trains without"
            )
        found += open_rights(self.request.spec, pairing.teacher)
        return tuple(found)


def _engine(pairing: Pairing, instance: InstanceType, devices: int, slots: int) -> PlannedEngine:
    """What answers on each replica."""
    serving, student = pairing.serving, transformer(pairing.student)
    held: ServedPrecision = serving.precision(instance)
    if instance.runtime == "cpu":
        taken = memory_gib(student, serving.on_cpus, serving.slot_tokens, slots)
    else:
        work = pairing.work
        mean = work.served_prompt_tokens + work.served_output_tokens
        there = instance.device_memory_gib * devices
        taken = vllm_gib(student, BYTES_PER_PARAMETER[held], mean * slots, there)
        held = held if instance.bfloat16 else "float16"
    return PlannedEngine(
        name=SERVED_BY[instance.runtime],
        precision=held,
        context_tokens=serving.slot_tokens,
        slots=slots,
        memory_gib=round(taken, 3),
    )


def _on_instances(
    engine: PlannedEngine, pairing: Pairing, server: ServerRow
) -> PlannedEngine | None:
    """The engine on the server that stands in for serverless, should the model move there."""
    if not server.stand_in:
        return None
    serving, student, work = pairing.serving, transformer(pairing.student), pairing.work
    there = Replica(student, server.instance, engine.precision, serving.slot_tokens, 1, None)
    room = int(there.slots(work.served_prompt_tokens + work.served_output_tokens))
    if room < 1:
        return None
    slots = min(_SLOTS_AFTER_SERVERLESS, room)
    taken = memory_gib(student, serving.on_cpus, serving.slot_tokens, slots)
    return engine.model_copy(update={"slots": slots, "memory_gib": round(taken, 3)})


def _plan_id(
    pairing: Pairing,
    trained_on: Server,
    served_on: Server,
    mode: str,
    engine: PlannedEngine,
    fleet: RegionalFleet | None,
) -> str:
    """The same for the same decisions, whatever their forecast."""
    identity: tuple[object, ...] = (
        pairing.teacher.name,
        pairing.student.name,
        pairing.method,
        pairing.precision,
        trained_on,
        served_on,
        mode,
        engine.precision,
        engine.context_tokens,
        engine.slots,
    )
    if fleet is not None:
        identity += tuple((part.row, part.origins) for part in fleet.parts)
    return "p" + hashlib.sha256(repr(identity).encode()).hexdigest()[:10]


def around(value: float, sd: float, fixed: float = 0.0) -> Interval:
    """95% bounds of a log-normal prediction; `fixed` is the part already certain."""
    if not math.isfinite(value):
        return Interval(value=value, lo=value, hi=value)
    factor = math.exp(Z_95 * sd)
    open_part = value - fixed
    return Interval(value=value, lo=fixed + open_part / factor, hi=fixed + open_part * factor)


def _per_1000(month: Interval, requests: float) -> Interval:
    return Interval(**{end: 1000 * usd / requests for end, usd in month.model_dump().items()})


def _price_sd(price: Price) -> float:
    return 0.0 if price.kind in ("api", "notional") else PRICE_SD[price.grade]
