"""Every candidate, as the exact composition of its two sides.

Given teacher, student, method and precision, the training server decides hours and dollars, the
serving fleet decides latency, start-up and hosting, and nothing couples the two but sums. So a
candidate is non-dominated only if both of its sides are: each side's front is computed exactly,
the two are multiplied out, and the product is filtered again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from stratos.catalog.model_card import ModelCard
from stratos.contracts.jobs import ProbeResult
from stratos.contracts.plan import Method, Precision
from stratos.errors import NoFeasiblePlan
from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.planning.arrays import Floats, Integers
from stratos.planning.candidates.eligible import Eligibility, eligible
from stratos.planning.candidates.group import Group, Side
from stratos.planning.candidates.hosting_modes import hosting_table
from stratos.planning.candidates.serving_side import ServingSide
from stratos.planning.candidates.training_side import TrainingSide
from stratos.planning.forecast import workload
from stratos.planning.forecast.accuracy import (
    PRIOR_ODDS_SD,
    PROBED_ODDS_SD,
    Evidence,
    expected_accuracy,
)
from stratos.planning.forecast.calibration import correction
from stratos.planning.forecast.server_table import ServerTable, cheapest_by_rate, training_table
from stratos.planning.forecast.transformer import transformer
from stratos.planning.request import PlanningRequest
from stratos.planning.strategy import choose_strategy
from stratos.spec import StrategyName

METHODS: tuple[Method, ...] = ("full", "lora")
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


@dataclass
class Pool:
    """Non-dominated candidates of every group, feasible or not. Arrays run over candidates."""

    groups: list[Group]
    training: ServerTable
    serving: ServerTable
    serving_side: ServingSide
    group: Integers
    training_row: Integers
    serving_row: Integers
    error: Floats
    latency_ms: Floats
    hours: Floats
    usd_to_deploy: Floats
    usd_per_month: Floats
    total_usd: Floats
    tokens_per_second: Floats
    trained_share: Floats
    """Of the planned training that the deadlines leave time for."""
    training_devices: Integers
    """That train together, on each instance."""
    capacity: Floats
    serving_devices: Integers
    """Of one replica."""
    serving_replicas: Integers
    """On each instance."""
    mode: Integers
    """Of hosting, by its position in `serving_side.modes`."""
    num_candidates: int
    rejected: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.group)

    @property
    def objectives(self) -> Floats:
        """Expected error, p95 latency, hours to deploy, dollars over the horizon."""
        return np.column_stack([self.error, self.latency_ms, self.hours, self.total_usd])


class Candidates:
    """Builds the pool for one request.

    Args:
        probes: What probes measured; none before probing.
    """

    def __init__(
        self,
        request: PlanningRequest,
        probes: Sequence[ProbeResult],
        excluded_students: frozenset[str] = frozenset(),
    ) -> None:
        self.request = request
        self._teacher_probes = {p.model: p for p in probes if p.role == "teacher"}
        self._student_probes = {p.model: p for p in probes if p.role == "student"}
        self.excluded_students = excluded_students
        self.probed = bool(probes)
        regions = request.spec.constraints.regions or (request.region,)
        self.all_training = training_table(request.servers, regions)
        self.training = cheapest_by_rate(self.all_training)
        self.serving = hosting_table(request, regions)
        self.rejected = self.training.rejected | self.serving.rejected
        self.training_side = TrainingSide(
            request, self.training, self._teacher_probes, self.rejected
        )
        self.serving_side = ServingSide(request, self.serving, self.rejected)

    def pool(self) -> Pool:
        """Evaluate every group, keep what is non-dominated within it, and stack.

        Raises:
            NoFeasiblePlan: when no server, or no pair of models, is left to compare.
        """
        if not len(self.training) or not len(self.serving):
            raise NoFeasiblePlan(_no_servers(self.request, self.rejected))
        parts: list[tuple[Group, Side, Side]] = []
        num_candidates = 0
        for teacher, student in self._pairs():
            for precision, method in product(PRECISIONS, self._methods()):
                num_candidates += len(self.all_training) * self.serving_side.modes.num_candidates
                part = self._compose(teacher, student, method, precision)
                if part is not None:
                    parts.append(part)
        if not parts:
            why = "; ".join(f"{name}: {reason}" for name, reason in self.rejected.items())
            raise NoFeasiblePlan(f"no teacher and student can be paired on any server. {why}")
        return self._stack(parts, num_candidates)

    # --- models -------------------------------------------------------------------------------

    def _methods(self) -> tuple[Method, ...]:
        training = self.request.spec.training
        if training.method != "auto":
            return (training.method,)
        return ("full",) if training.optimizer == "muon" else METHODS

    def _pairs(self) -> list[tuple[ModelCard, ModelCard]]:
        """Every eligible teacher with every eligible student but itself."""
        request, rejected = self.request, self.rejected
        constraints = request.spec.constraints
        teachers = eligible(
            request.teachers,
            Eligibility(
                "teacher",
                constraints,
                set(self._teacher_probes) or None,
                white_box=request.spec.training.kd_weight > 0,
            ),
            rejected,
        )
        students = eligible(
            request.students,
            Eligibility(
                "student", constraints, set(self._student_probes) or None, self.excluded_students
            ),
            rejected,
        )
        pairs = list(product(teachers, students))
        pairs = [pair for pair in pairs if pair[0] != pair[1]] or pairs
        return [pair for pair in pairs if self._speaks_alike(*pair)]

    def _speaks_alike(self, teacher: ModelCard, student: ModelCard) -> bool:
        """Whether the pair's token distributions can be compared, where that is asked for."""
        training = self.request.spec.training
        one, other = (
            self._teacher_probes.get(teacher.name),
            self._student_probes.get(student.name),
        )
        if training.kd_weight == 0 or training.cross_tokenizer == "align":
            return True
        if one is None or other is None or one.tokenizer_hash == other.tokenizer_hash:
            return True
        self.rejected[f"{student.name} from {teacher.name}"] = (
            "their tokenizers differ, so their token distributions cannot be compared: set "
            "training.kd_weight to 0 to distil from the teacher's text, or "
            "training.cross_tokenizer to align"
        )
        return False

    def _strategy(self, teacher: ModelCard) -> tuple[StrategyName | None, str]:
        """None before the teacher was probed."""
        probe = self._teacher_probes.get(teacher.name)
        if probe is None:
            return None, ""
        constraints = self.request.spec.constraints
        return choose_strategy(
            self.request.spec.strategy,
            constraints.min_accuracy,
            probe.accuracy,
            probe.reverse_yield,
            self.request.dataset.num_gold,
        )

    # --- one group ----------------------------------------------------------------------------

    def _compose(
        self, teacher: ModelCard, student: ModelCard, method: Method, precision: Precision
    ) -> tuple[Group, Side, Side] | None:
        try:
            strategy, reason = self._strategy(teacher)
        except NoFeasiblePlan as error:
            self.rejected[teacher.name] = f"teacher: {error}"
            return None
        work = workload.workload_of(self.request, self._teacher_probes.get(teacher.name))
        taught = workload.teacher_knowledge(teacher, self._teacher_probes.get(teacher.name))
        untuned = workload.student_knowledge(student, self._student_probes.get(student.name))
        ratio = None
        if teacher.num_parameters and student.num_parameters:
            ratio = student.num_parameters / teacher.num_parameters
        known = taught.probe is not None or teacher.prior_accuracy is not None
        evidence = Evidence(taught.accuracy, untuned.accuracy, ratio, known)
        options: tuple[StrategyName, ...] = (strategy,) if strategy else self._open_strategies()
        forecasts = {}
        for option in options:
            records = workload.expected_synthesis(self.request, work, option, taught).num_records
            forecasts[option] = expected_accuracy(evidence, option, method, records)
        likely = max(forecasts, key=lambda option: forecasts[option])
        synthesis = workload.expected_synthesis(self.request, work, likely, taught)
        shape = transformer(student)
        learned = correction(
            self.request.calibration,
            "accuracy",
            "",
            shape.parameters,
            PROBED_ODDS_SD if self.probed else PRIOR_ODDS_SD,
        )
        group = Group(
            teacher=teacher,
            student=student,
            method=method,
            precision=precision,
            strategy=strategy,
            likely=likely,
            reason=reason,
            work=work,
            evidence=evidence,
            synthesis=synthesis,
            learned=learned,
        )
        serving = self.serving_side.of(shape, precision, work)
        training = self.training_side.of(group) if serving is not None else None
        if training is None or serving is None:
            return None
        return group, training, serving

    def _open_strategies(self) -> tuple[StrategyName, ...]:
        asked = self.request.spec.strategy
        if asked != "auto":
            return (asked,)
        return ("alignment", "injection") if self.request.dataset.num_gold else ("alignment",)

    def _stack(self, parts: list[tuple[Group, Side, Side]], num_candidates: int) -> Pool:
        """Multiply each group's two sides out and lay the groups end to end."""
        columns: list[Floats] = []
        request = self.request
        for number, (_, training, serving) in enumerate(parts):
            trained, served = len(training.rows), len(serving.rows)
            left = np.repeat(np.arange(trained), served)
            right = np.tile(np.arange(served), trained)
            hours = training.values[left, 1] + serving.values[right, 1] + request.spent_hours
            usd = training.values[left, 2] + request.spent_usd
            columns.append(
                np.column_stack(
                    [
                        np.full(len(left), number, dtype=np.float64),
                        training.rows[left],
                        serving.rows[right],
                        training.values[left, 0],
                        serving.values[right, 0],
                        hours,
                        usd,
                        serving.values[right, 2],
                        training.facts[left, 0],
                        training.facts[left, 1],
                        training.facts[left, 2],
                        serving.facts[right, 0],
                        serving.facts[right, 1],
                        serving.facts[right, 2],
                        serving.facts[right, 3],
                    ]
                )
            )
        table = np.concatenate(columns)
        horizon_hours = workload.workload_of(request, None).horizon_hours
        return Pool(
            groups=[group for group, _, _ in parts],
            training=self.training,
            serving=self.serving,
            serving_side=self.serving_side,
            group=table[:, 0].astype(np.int64),
            training_row=table[:, 1].astype(np.int64),
            serving_row=table[:, 2].astype(np.int64),
            error=table[:, 3],
            latency_ms=table[:, 4],
            hours=table[:, 5],
            usd_to_deploy=table[:, 6],
            usd_per_month=table[:, 7],
            total_usd=table[:, 6] + table[:, 7] * horizon_hours / HOURS_PER_MONTH,
            tokens_per_second=table[:, 8],
            trained_share=table[:, 9],
            training_devices=table[:, 10].astype(np.int64),
            capacity=table[:, 11],
            serving_devices=table[:, 12].astype(np.int64),
            serving_replicas=table[:, 13].astype(np.int64),
            mode=table[:, 14].astype(np.int64),
            num_candidates=num_candidates,
            rejected=self.rejected,
        )


def _no_servers(request: PlanningRequest, rejected: Mapping[str, str]) -> str:
    regions = ", ".join(request.spec.constraints.regions or (request.region,))
    reasons = "; ".join(sorted(set(rejected.values()))) or "the catalog is empty"
    return (
        f"no server in {regions} can be chosen ({reasons}). Allow another region in "
        "constraints.regions, or refresh the prices with `stratos catalog refresh`"
    )
