"""The training side: hours and dollars until an endpoint can be created, on each server."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np

from stratos.catalog.model_card import ModelCard
from stratos.contracts.jobs import PAID_TEACHER_RECORDS, REVERSE_PROBES, JobStep, ProbeResult
from stratos.contracts.plan import Precision
from stratos.planning.arrays import Floats, Mask
from stratos.planning.candidates.effort import Effort, JobTiming, StepEffort
from stratos.planning.candidates.pairing import Pairing
from stratos.planning.candidates.side import Side
from stratos.planning.candidates.split_steps import most_at_once, servers_needed
from stratos.planning.deadlines import (
    DEFAULT_HOURS,
    MIN_SECONDS,
    REINFORCEMENT_SHARE,
    TIME_SHARES,
)
from stratos.planning.forecast import workload
from stratos.planning.forecast.elsewhere import Moved, elsewhere, moved
from stratos.planning.forecast.memory import asked_once
from stratos.planning.forecast.rates import Types, generation_seconds
from stratos.planning.forecast.server_table import ServerTable
from stratos.planning.forecast.serving_cost import RequestShape
from stratos.planning.forecast.start_up import job_start
from stratos.planning.forecast.training_cost import (
    billed_usd,
    linear_flop_per_token,
    spot_seconds,
    teacher_flop_per_token,
)
from stratos.planning.forecast.training_rates import StepRate, StudentTraining, step_rate
from stratos.planning.forecast.transformer import transformer
from stratos.planning.forecast.workload import Workload
from stratos.planning.request import PlanningRequest

API_TOKENS_PER_SECOND = 800.0
"""Sixteen calls at a time at 50 tokens/s each; assumed until a probe has measured it."""
API_BATCH_SECONDS = 6 * 3600.0
"""Bedrock's batch inference promises a day; most jobs end sooner. Assumed."""
MIN_TRAINED_SHARE = 0.2
"""A plan whose deadlines leave less of the planned training than this is dropped."""


class TrainingSide:
    """Evaluates every training server for one pairing, reusing what pairings share.

    Args:
        probes: What teachers' probes measured, by name; none before probing.
        rejected: Receives what fits nowhere, and why.
    """

    def __init__(
        self,
        request: PlanningRequest,
        servers: ServerTable,
        probes: Mapping[str, ProbeResult],
        rejected: dict[str, str],
    ) -> None:
        self._request, self._probes, self._rejected = request, probes, rejected
        self._types = Types(servers, request.calibration)
        self._preparing = self._types.column(lambda i: job_start(i.instance_type).preparing_seconds)
        self._billed_start = self._types.column(lambda i: job_start(i.instance_type).billed_seconds)
        self._spot = servers.spot
        self._interruptions = self._types.column(lambda i: i.spot_interruptions_per_month)
        self._usd_per_hour = servers.usd_per_hour
        self.elsewhere = elsewhere(request, servers)
        most = [most_at_once(row, request.quotas) for row in servers.rows]
        self._most_servers = np.array(most, dtype=np.float64)
        self._generation: dict[Hashable, tuple[Floats, Mask]] = {}
        self._training: dict[Hashable, StepRate] = {}

    def of(self, pairing: Pairing) -> Side | None:
        """The non-dominated servers of `every`."""
        side = self.every(pairing)
        return None if side is None else side.front()

    def every(self, pairing: Pairing) -> Side | None:
        """Expected error, hours and dollars on each server; None if no server is possible.

        Facts: training tokens per second, the share of the training that deadlines allow, the
        devices that train together, seconds of the training job, the servers that share synthesis
        and evaluation, and the effort of each step. All other jobs only ask models, on one device.
        """
        found = self._evaluated(pairing, shared=True)
        if found is None:
            return None
        possible, values, facts = found
        limit = self._request.spec.constraints.max_budget_usd
        dear = values[:, 2] > (np.inf if limit is None else limit - self._request.spent_usd)
        if dear.any() and (alone := self._evaluated(pairing, shared=False)) is not None:
            # More servers in the same time cost more; less is done by one, which may do.
            possible = np.where(dear, alone[0], possible)
            values = np.where(dear[:, None], alone[1], values)
            facts = np.where(dear[:, None], alone[2], facts)
        rows = np.flatnonzero(possible)
        if not len(rows):
            self._reject(pairing)
            return None
        return Side(rows, values[rows], facts[rows])

    def _evaluated(self, pairing: Pairing, *, shared: bool) -> tuple[Mask, Floats, Floats] | None:
        """Whether each server can, with values and facts; None without a teacher's pace.

        Args:
            shared: Steps may be shared by several servers.
        """
        work = pairing.work
        step = self._step_rate(pairing)
        rate = step.tokens_per_second
        answer, answers = self._completion_seconds(
            pairing.student, pairing.precision, work.prompt_tokens, work.completion_tokens
        )
        teacher = self._teacher_seconds(pairing, answer)
        if teacher is None:
            return None
        write, writers = teacher
        probing = self._probing_seconds(pairing, write, answer)
        what = self.moved(pairing)
        copying = self.elsewhere.copying_seconds(what)
        left = self._seconds_left(probing + (probing > 0) * self._preparing + copying)

        def timing(job: str, needed: Floats) -> JobTiming:
            share = TIME_SHARES[job]  # type: ignore[index]
            limit = share * left - self._preparing - self._billed_start
            return JobTiming(needed, np.maximum(MIN_SECONDS, limit))

        calls = pairing.synthesis.num_calls
        writing = self._servers("synthesize", pairing, calls * write, left, shared)
        synthesis = timing("synthesize", calls * write / writing)
        tokens = work.training_tokens(pairing.synthesis.num_records * synthesis.share)
        training = timing("distill", tokens / rate + self._asking_seconds(pairing, rate))
        reinforcement = self._reinforcement(work, answer, rate, training.limit)
        if reinforcement is not None:
            training = JobTiming(training.needed, (1 - REINFORCEMENT_SHARE) * training.limit)
        asked = work.num_heldout if pairing.teacher.kind == "weights" else PAID_TEACHER_RECORDS
        answers_needed = 2 * work.num_heldout * answer + asked * write
        judged = self._servers("evaluate", pairing, answers_needed, left, shared)
        evaluation = timing("evaluate", answers_needed / judged)

        distill = self._billed_start + training.seconds
        if reinforcement is not None:
            distill = distill + reinforcement.seconds
        effort = Effort(
            probe=self._probe_effort(pairing, probing),
            synthesize=self._shared_effort(
                synthesis, writing, calls * synthesis.share * usd_per_call(pairing)
            ).later(self._waiting_seconds(pairing.teacher)),
            distill=self._distill_effort(distill, what, copying),
            evaluate=self._shared_effort(evaluation, judged, asked * usd_per_call(pairing)),
        )
        share = np.asarray(synthesis.share * training.share, dtype=np.float64)
        possible = step.possible & answers & writers & (share >= MIN_TRAINED_SHARE)
        values = np.column_stack([self._error(pairing, share), effort.hours, effort.usd])
        facts = [rate, share, step.devices, distill, writing, judged, *effort.columns]
        return possible, values, np.column_stack(facts)

    def _reject(self, pairing: Pairing) -> None:
        name = f"{pairing.student.name} from {pairing.teacher.name}"
        name += f" ({pairing.method}, {pairing.precision})"
        self._rejected.setdefault(
            name, "no training server holds both and gets far enough within max_training_hours"
        )

    def served_as(self, pairing: Pairing, trained: Side) -> Side:
        """The same training, if the student is served in the precision of this pairing."""
        if pairing.quantised_to is None:
            return trained
        values = trained.values.copy()
        values[:, 0] = self._error(pairing, trained.facts[:, 1])
        return Side(trained.rows, values, trained.facts)

    def on(self, servers: ServerTable) -> TrainingSide:
        """The same questions about other servers."""
        return TrainingSide(self._request, servers, self._probes, {})

    def moved(self, pairing: Pairing) -> Moved:
        """What jobs in another region would exchange with home."""
        return moved(
            self._request,
            pairing.teacher,
            pairing.student,
            pairing.method,
            pairing.work,
            pairing.synthesis.num_records,
        )

    # --- seconds ------------------------------------------------------------------------------

    def _step_rate(self, pairing: Pairing) -> StepRate:
        work, settings = pairing.work, self._request.spec.training
        teacher = transformer(pairing.teacher) if settings.kd_weight > 0 else None
        key = (pairing.student, pairing.method, pairing.precision, work.sequence_tokens, teacher)
        if key not in self._training:
            training = StudentTraining(
                transformer(pairing.student),
                pairing.method,
                pairing.precision,
                work.sequence_tokens,
                work.batch_tokens,
                settings.lora_rank,
                writes=settings.writes_samples,
                learned_share=work.learned_share,
                optimizer=settings.optimizer,
                teacher=teacher,
                asked_once=asked_once(settings, pairing.student.vocabulary_size or 0),
            )
            self._training[key] = step_rate(self._types, training)
        return self._training[key]

    def _asking_seconds(self, pairing: Pairing, rate: Floats) -> Floats | float:
        """A teacher that is asked once reads every record before training begins."""
        settings = self._request.spec.training
        student = transformer(pairing.student)
        if not asked_once(settings, student.vocabulary):
            return 0.0
        share = pairing.work.learned_share
        forward = teacher_flop_per_token(transformer(pairing.teacher), share)
        forward /= linear_flop_per_token(student, pairing.method, share)
        return forward * pairing.synthesis.num_records * pairing.work.sequence_tokens / rate

    def _completion_seconds(
        self, card: ModelCard, precision: Precision, prompt: float, completion: float
    ) -> tuple[Floats, Mask]:
        """One completion among many in a job, on each server; lengths in tokens."""
        shape = RequestShape(prompt, completion)
        key = (card, precision, shape)
        if key not in self._generation:
            self._generation[key] = generation_seconds(
                self._types, transformer(card), precision, shape
            )
        return self._generation[key]

    def _teacher_seconds(self, pairing: Pairing, like: Floats) -> tuple[Floats, Mask] | None:
        if pairing.teacher.kind == "weights":
            work = pairing.work
            asked = work.asked_tokens(pairing.likely)
            return self._completion_seconds(
                pairing.teacher, pairing.precision, asked, work.completion_tokens
            )
        if pairing.teacher.kind == "logs":
            return np.zeros_like(like), np.ones(len(like), dtype=np.bool_)
        probe = self._probes.get(pairing.teacher.name)
        pace = API_TOKENS_PER_SECOND if probe is None else max(1.0, probe.tokens_per_second)
        seconds = np.full_like(like, pairing.work.completion_tokens / pace)
        return seconds, np.ones(len(like), dtype=np.bool_)

    def _probing_seconds(self, pairing: Pairing, write: Floats, answer: Floats) -> Floats:
        """All probes run at the same time, so the slower of teacher and student counts."""
        if self._probes:
            return np.zeros_like(write)
        work = pairing.work
        teacher = (work.num_probe + REVERSE_PROBES) * write
        return np.asarray(self._billed_start + np.maximum(teacher, work.num_probe * answer))

    def _seconds_left(self, probing: Floats) -> Floats:
        hours = self._request.spec.constraints.max_training_hours
        if hours is None:
            return np.full_like(probing, np.inf)
        left = (hours - self._request.spent_hours) * 3600 - probing
        return np.asarray(np.maximum(left, 0.0), dtype=np.float64)

    def _servers(
        self, job: JobStep, pairing: Pairing, needed: Floats, left: Floats, shared: bool
    ) -> Floats:
        """How many servers share a step: as few as end it in time, within the quota."""
        asked = self._request.spec.constraints.servers_per_step
        if asked != "auto":
            return np.full_like(needed, float(asked))
        # Bedrock answers a batch as a whole.
        if not shared or self._waiting_seconds(pairing.teacher):
            return np.ones_like(needed)
        hours_left = np.minimum(left, DEFAULT_HOURS * 3600)  # where the spec sets no limit
        limit = TIME_SHARES[job] * hours_left - self._preparing - self._billed_start
        return servers_needed(needed, np.maximum(MIN_SECONDS, limit), self._most_servers)

    def _reinforcement(
        self, work: Workload, answer: Floats, rate: Floats, limit: Floats | float
    ) -> JobTiming | None:
        """Sampling, one forward pass of the old policy, and the updates; None if not asked for."""
        settings = self._request.spec.training.reinforcement
        if settings.steps == 0:
            return None
        samples = settings.steps * settings.questions * settings.samples
        reads = samples * work.sequence_tokens * (settings.updates + 1 / 3)
        return JobTiming(samples * answer + reads / rate, REINFORCEMENT_SHARE * limit)

    def _waiting_seconds(self, teacher: ModelCard) -> float:
        for asked in self._request.spec.teachers:
            if asked.kind == "bedrock" and asked.name == teacher.name and asked.batch:
                return API_BATCH_SECONDS
        return 0.0

    # --- dollars and accuracy -----------------------------------------------------------------

    def _probe_effort(self, pairing: Pairing, probing: Floats) -> StepEffort:
        """All probes run at the same time, each on a server of its own."""
        usd = self._usd(2 * workload.SHORTLIST * probing)
        if not self._probes:
            usd = usd + (pairing.work.num_probe + REVERSE_PROBES) * usd_per_call(pairing)
        return StepEffort(probing + (probing > 0) * self._preparing, usd)

    def _shared_effort(
        self, job: JobTiming, servers: Floats, token_usd: Floats | float
    ) -> StepEffort:
        """A step that several servers may share, each for as long as all."""
        running = self._billed_start + job.seconds
        return StepEffort(running + self._preparing, self._usd(servers * running) + token_usd)

    def _distill_effort(self, running: Floats, what: Moved, copying: Floats) -> StepEffort:
        spot = spot_seconds(running, self._interruptions)
        return StepEffort(
            np.where(self._spot, spot, running)
            + self._preparing
            + copying
            + self.elsewhere.waiting_seconds,
            billed_usd(running, self._usd_per_hour, self._spot) + self.elsewhere.usd(what, running),
        )

    def _usd(self, seconds: Floats) -> Floats:
        """The bill of jobs that are never spot."""
        return billed_usd(seconds, self._usd_per_hour, np.zeros_like(self._spot))

    def _error(self, pairing: Pairing, share: Floats) -> Floats:
        """Expected error on each server; the same wherever training is not cut short."""
        error = np.full_like(share, 1.0 - pairing.accuracy().value)
        for row in np.flatnonzero(share < 1.0):
            error[row] = 1.0 - pairing.accuracy(float(share[row])).value
        return error


def usd_per_call(pairing: Pairing) -> float:
    """Tokens of one completion at the teacher's prices; 0 for weights, which cost server time."""
    teacher, work = pairing.teacher, pairing.work
    read = work.asked_tokens(pairing.likely) * (teacher.input_usd_per_million_tokens or 0.0)
    written = work.completion_tokens * (teacher.output_usd_per_million_tokens or 0.0)
    return (read + written) / 1e6
