"""Both sides of every candidate: what each training server and each serving fleet would give."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stratos.catalog.images import LOCAL_PREFIX
from stratos.catalog.servers import InstanceType
from stratos.jobs import ProbeResult
from stratos.plan import Interval, Method, Precision
from stratos.planning import workload
from stratos.planning.engine import Reach
from stratos.planning.front import non_dominated
from stratos.planning.network import round_trip_ms
from stratos.planning.offers import Offers
from stratos.planning.rates import (
    Types,
    generation_seconds,
    replica_rates,
    step_rate,
    value_bytes,
)
from stratos.planning.request import ModelCard, PlanningRequest
from stratos.planning.serving_cost import MAX_UTILISATION, Load, capacity, latency_seconds
from stratos.planning.training_cost import HOURS_PER_MONTH, billed_usd, spot_seconds
from stratos.planning.transformer import Transformer
from stratos.spec import StrategyName

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

BEDROCK_TOKENS_PER_SECOND = 800.0
"""Sixteen calls at once at 50 tokens/s each; assumed until a probe has measured it."""
BEDROCK_BATCH_HOURS = 6.0
"""Batch inference promises a day; most jobs end sooner. Assumed."""
MAX_TEACHER_EVALUATIONS = 500


def startup_seconds(instance: InstanceType) -> float:
    """From CreateTrainingJob until the program runs; assumed, but for this machine's processes."""
    if instance.instance_type.startswith(LOCAL_PREFIX):
        return 8.0
    return 240.0 if instance.runtime == "cuda" else 150.0


def endpoint_seconds(instance: InstanceType) -> float:
    """From CreateEndpoint until it is in service; assumed likewise."""
    if instance.instance_type.startswith(LOCAL_PREFIX):
        return 10.0
    return 420.0 if instance.runtime == "cuda" else 300.0


@dataclass(frozen=True)
class Group:
    """What two sides are composed under."""

    teacher: ModelCard
    student: ModelCard
    method: Method
    precision: Precision
    strategy: StrategyName | None
    reason: str
    accuracy: Interval
    accuracy_correction: float
    num_training_tokens: float


@dataclass
class Side:
    """One side of a group's candidates: non-dominated rows of an offers table."""

    rows: NDArray[np.int64]
    """Positions in the offers."""
    values: Floats
    """[row, quantity], all to be minimised."""
    facts: Floats
    """[row, quantity] to be reported, not compared."""


class Sides:
    """Evaluates either side for one group, reusing what groups share.

    Args:
        shapes: Sizes of every model whose weights are at hand, by name.
        probes: Probe results by model name; none before probing.
        rejected: Receives what fits nowhere, and why.
    """

    def __init__(
        self,
        request: PlanningRequest,
        training: Offers,
        serving: Offers,
        shapes: Mapping[str, Transformer],
        probes: Mapping[str, ProbeResult],
        reach: Reach,
        rejected: dict[str, str],
    ) -> None:
        self.request, self.shapes, self.probes = request, shapes, probes
        self.reach, self.rejected = reach, rejected
        self.probed = bool(probes)
        self._training_types = Types(training, request.calibration)
        self._serving_types = Types(serving, request.calibration)
        self._round_trip = np.array(
            [round_trip_ms(request.region, row.region) / 1e3 for row in serving.rows]
        )
        self._rates: dict[Hashable, tuple[Floats, Mask]] = {}
        self._served: dict[Hashable, Side | None] = {}

    def _cached(
        self, key: Hashable, build: Callable[[], tuple[Floats, Mask]]
    ) -> tuple[Floats, Mask]:
        if key not in self._rates:
            self._rates[key] = build()
        return self._rates[key]

    def training(self, group: Group, work: workload.Workload) -> Side | None:
        """Hours and dollars until the endpoint can be created, on each training server."""
        types, student = self._training_types, self.shapes[group.student.name]
        key = ("step", group.student.name, group.method, group.precision, work.completion_tokens)
        rate, possible = self._cached(
            key,
            lambda: step_rate(
                types,
                student,
                group.method,
                group.precision,
                work.sequence_tokens,
                work.batch_tokens,
                self.request.spec.training.lora_rank,
                self.reach,
            ),
        )
        answer, answers = self._completion_seconds(group.student, group.precision, work)
        possible = possible & answers
        startup = types.column(startup_seconds)
        seconds = 3 * startup  # synthesize, distill, evaluate
        seconds = seconds + group.num_training_tokens / rate
        seconds = seconds + 2 * work.num_heldout * answer  # the student and its untuned self
        calls = work.num_questions * work.calls_per_question
        told = float(min(work.num_heldout, MAX_TEACHER_EVALUATIONS))
        probe_calls = 0.0 if self.probed else work.num_probe + workload.REVERSE_PROBES
        usd = 0.0
        waiting = 0.0
        if group.teacher.kind == "weights":
            write, writers = self._completion_seconds(group.teacher, group.precision, work)
            possible = possible & writers
            seconds = seconds + (calls + work.num_heldout) * write
            probing = probe_calls * write
        else:
            pace = work.completion_tokens / self._api_tokens_per_second(group.teacher)
            seconds = seconds + (calls + told) * pace
            usd = (calls + told + probe_calls) * self._usd_per_call(group.teacher, work)
            waiting = self._batch_wait_seconds(group.teacher)
            probing = probe_calls * pace + 0.0 * startup
        if not self.probed:
            # Up to three teachers and three students at once: the slowest counts, all are paid.
            each = startup + np.maximum(probing, work.num_probe * answer)
            seconds = seconds + each
            extra = (2 * workload.SHORTLIST - 1) * each
        else:
            extra = 0.0 * startup
        spot = types.offers.spot
        interrupted = types.column(lambda i: i.spot_interruptions_per_month)
        elapsed = np.where(spot, spot_seconds(seconds, interrupted), seconds) + waiting
        cost = billed_usd(seconds + extra, types.offers.usd_per_hour, spot) + usd
        rows = np.flatnonzero(possible)
        if not len(rows):
            reason = f"{group.student.name} ({group.method}, {group.precision})"
            self.rejected.setdefault(reason, "fits no training server that also holds the teacher")
            return None
        values = np.column_stack([elapsed / 3600, cost])[rows]
        kept = non_dominated(values)
        return Side(rows[kept], values[kept], rate[rows][kept][:, None])

    def _completion_seconds(
        self, card: ModelCard, precision: Precision, work: workload.Workload
    ) -> tuple[Floats, NDArray[np.bool_]]:
        load = Load(work.prompt_tokens, work.completion_tokens)
        shape = self.shapes[card.name]
        return self._cached(
            ("generate", card.name, precision, work.completion_tokens),
            lambda: generation_seconds(self._training_types, shape, precision, load, self.reach),
        )

    def serving(
        self, student: Transformer, precision: Precision, work: workload.Workload
    ) -> Side | None:
        """Latency, start-up and hosting of each fleet that holds the load at 70% utilisation."""
        key = ("serve", student.name, precision, work.served_output_tokens)
        if key in self._served:
            return self._served[key]
        types = self._serving_types
        load = Load(work.served_prompt_tokens, work.served_output_tokens)
        rates, possible = replica_rates(
            types,
            student,
            precision,
            self.reach.serving_devices,
            self.reach.slots,
            load.prompt_tokens + load.output_tokens,
        )
        size = value_bytes(types, precision)
        fleet = types.offers.counts
        sustained = capacity(student, load, size, rates) * fleet
        share = work.requests_per_second / fleet
        seconds = latency_seconds(student, load, share, size, rates, self._round_trip)
        seconds = seconds * types.corrections("p95_latency_ms", student)
        possible = possible & (work.requests_per_second <= MAX_UTILISATION * sustained)
        rows = np.flatnonzero(possible)
        side = None
        if len(rows):
            values = np.column_stack(
                [
                    seconds * 1e3,
                    types.column(endpoint_seconds) / 3600,
                    types.offers.usd_per_hour * HOURS_PER_MONTH,
                ]
            )[rows]
            kept = non_dominated(values)
            side = Side(rows[kept], values[kept], sustained[rows][kept][:, None])
        else:
            self.rejected.setdefault(
                f"{student.name} ({precision})",
                f"no server holds it and {work.requests_per_second:g} requests/s "
                f"at {MAX_UTILISATION:.0%} utilisation",
            )
        self._served[key] = side
        return side

    def _api_tokens_per_second(self, teacher: ModelCard) -> float:
        probe = self.probes.get(teacher.name)
        return probe.tokens_per_second if probe is not None else BEDROCK_TOKENS_PER_SECOND

    def _usd_per_call(self, teacher: ModelCard, work: workload.Workload) -> float:
        read = work.prompt_tokens * (teacher.input_usd_per_million_tokens or 0.0)
        written = work.completion_tokens * (teacher.output_usd_per_million_tokens or 0.0)
        return (read + written) / 1e6

    def _batch_wait_seconds(self, teacher: ModelCard) -> float:
        for asked in self.request.spec.teachers:
            if asked.kind == "bedrock" and asked.name == teacher.name and asked.batch:
                return BEDROCK_BATCH_HOURS * 3600
        return 0.0
