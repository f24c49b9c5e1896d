"""Every candidate, as the exact composition of its two sides.

Given teacher, student, method and precisions, the training server decides hours and dollars, and
the serving fleet decides latency, start-up and hosting. The two meet only in sums, so a candidate
is non-dominated only if both of its sides are. Each side's front is computed exactly, the two are
multiplied out, and the product is filtered again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import get_args

from stratos.catalog.model_card import ModelCard
from stratos.contracts.jobs import ProbeResult
from stratos.contracts.plan import Precision
from stratos.errors import NoFeasiblePlan
from stratos.planning.candidates.cheapest_mode import hosting_table
from stratos.planning.candidates.cheapest_region import worth_comparing
from stratos.planning.candidates.eligible import Eligibility, eligible, listed
from stratos.planning.candidates.pairing import Pairing
from stratos.planning.candidates.pinned import only, pinned_training
from stratos.planning.candidates.pool import ComposedPairing, Pool, Spent, Tables, multiply_out
from stratos.planning.candidates.serving_side import ServingSide
from stratos.planning.candidates.side import Side
from stratos.planning.candidates.training_side import TrainingSide
from stratos.planning.forecast import workload
from stratos.planning.forecast.accuracy import (
    PRETRAINED_PARAMETERS,
    Evidence,
    expected_accuracy,
    outcome_sd,
)
from stratos.planning.forecast.calibration import correction
from stratos.planning.forecast.rates import Serving
from stratos.planning.forecast.server_table import training_table
from stratos.planning.forecast.sizing import Requests
from stratos.planning.forecast.transformer import transformer
from stratos.planning.request import PlanningRequest
from stratos.planning.strategy import choose_strategy
from stratos.spec import CPU_PRECISIONS, CpuPrecision, Method, StrategyName, ToolCalls

METHODS: tuple[Method, ...] = get_args(Method)
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


class PoolBuilder:
    """Builds the pool of one request.

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
        regions = request.allowed(request.training_regions)
        self.all_training = pinned_training(
            training_table(request.servers, regions, request.quotas), request.pinned
        )
        self.training = worth_comparing(self.all_training, request)
        self.serving = hosting_table(request, request.allowed(request.serving_regions))
        self.rejected = self.training.rejected | self.serving.rejected
        self.training_side = TrainingSide(
            request, self.training, self._teacher_probes, self.rejected
        )
        self.serving_side = ServingSide(request, self.serving, self.rejected)
        self._requests = Requests(request.spec, request.dataset)
        self._num_candidates = 0

    def build(self) -> Pool:
        """Evaluate every pairing, keep what is non-dominated within it, and combine.

        Raises:
            NoFeasiblePlan: if no server or no pair of models is left to compare.
        """
        if not len(self.training) or not len(self.serving):
            raise NoFeasiblePlan(_no_servers(self.request, self.rejected))
        parts: list[ComposedPairing] = []
        for teacher, student in self._pairs():
            for precision, method in self._ways():
                parts += self._compose(teacher, student, method, precision)
        if not parts:
            raise NoFeasiblePlan(
                f"no teacher and student can be paired on any server. {listed(self.rejected)}"
            )
        request = self.request
        return multiply_out(
            parts,
            Tables(self.all_training, self.training, self.serving),
            self.training_side,
            self.serving_side,
            spent=Spent(request.spent_hours, request.spent_usd),
            horizon_hours=workload.horizon_hours(request.spec),
            num_candidates=self._num_candidates,
            rejected=self.rejected,
        )

    # --- models -------------------------------------------------------------------------------

    def _ways(self) -> list[tuple[Precision, Method]]:
        pinned = self.request.pinned
        if pinned is not None:
            return [(pinned.precision, pinned.method)]
        return list(product(PRECISIONS, self._methods()))

    def _methods(self) -> tuple[Method, ...]:
        training = self.request.spec.training
        if training.method != "auto":
            return (training.method,)
        return ("full",) if training.optimizer == "muon" else METHODS

    def _pairs(self) -> list[tuple[ModelCard, ModelCard]]:
        """Every eligible teacher with every eligible student but itself."""
        request, rejected = self.request, self.rejected
        constraints = request.spec.constraints
        pinned = request.pinned
        teachers = eligible(
            only(request.teachers, pinned.teacher if pinned else None),
            Eligibility(
                "teacher",
                constraints,
                set(self._teacher_probes) or None,
                white_box=request.spec.training.kd_weight > 0,
                explains=request.spec.strategy in ("injection", "blend"),
            ),
            rejected,
        )
        students = eligible(
            only(request.students, pinned.student if pinned else None),
            Eligibility(
                "student",
                constraints,
                set(self._student_probes) or None,
                self.excluded_students,
                requests=self._requests,
            ),
            rejected,
        )
        pairs = list(product(teachers, students))
        pairs = [pair for pair in pairs if pair[0] != pair[1]] or pairs
        return [pair for pair in pairs if self._speaks_alike(*pair)]

    def _speaks_alike(self, teacher: ModelCard, student: ModelCard) -> bool:
        """Whether the pair's token distributions can be compared, if that is asked for."""
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
        """None until the teacher has been probed."""
        probe, logged = self._teacher_probes.get(teacher.name), teacher.kind == "logs"
        if probe is None:
            return None, ""
        constraints = self.request.spec.constraints
        return choose_strategy(
            self.request.spec.strategy,
            constraints.min_accuracy,
            probe.accuracy,
            probe.reverse_yield,
            self.request.dataset.num_gold,
            explainable=self._explainable,
            answers=probe.answers,
            explanations=probe.explanations,
            logged=logged,
        )

    # --- one pairing ----------------------------------------------------------------------------

    def _compose(
        self, teacher: ModelCard, student: ModelCard, method: Method, precision: Precision
    ) -> Iterator[ComposedPairing]:
        """The pairing in each served precision, with the training that all of them share."""
        taught = self._taught(teacher, student, method, precision)
        if taught is None:
            return
        endpoints = self.serving_side.num_candidates(len(self._cpu_precisions(taught)))
        self._num_candidates += len(self.all_training) * endpoints
        trained: Side | None = None
        for pairing in self._served(taught):
            serving = self.serving_side.of(
                transformer(student), pairing.serving, pairing.work, pairing.served_on
            )
            if serving is None:
                continue
            trained = trained or self.training_side.of(taught)
            if trained is None:
                return
            # Which training servers are dominated does not depend on what quantisation costs.
            yield ComposedPairing(pairing, self.training_side.served_as(pairing, trained), serving)

    def _served(self, taught: Pairing) -> Iterator[Pairing]:
        """On GPUs in the precision of training, on CPUs in every one that may be chosen."""
        yield taught
        for precision in self._cpu_precisions(taught):
            slot_tokens = self._requests.context_tokens(taught.student, "cpu")
            pairing = taught.on_cpus(precision, slot_tokens)
            if why := self._loses_too_much(pairing):
                self.rejected.setdefault(f"{taught.student.name} in {precision}", why)
                continue
            yield pairing

    def _cpu_precisions(self, pairing: Pairing) -> tuple[CpuPrecision, ...]:
        student = pairing.student
        if why := student.llama_cpp_obstacle or self._requests.obstacle(student, "cpu"):
            self.rejected.setdefault(f"{student.name} on CPUs", why)
            return ()
        asked = self.request.spec.hosting.precision
        engine = self.request.pinned.engine if self.request.pinned else None
        if engine is not None and engine.name == "llama_cpp":
            return tuple(each for each in CPU_PRECISIONS if each == engine.precision)
        return pairing.cpu_precisions if asked == "auto" else (asked,)

    def _loses_too_much(self, pairing: Pairing) -> str | None:
        """Why even the least that a precision is forecast to cost is more than it may."""
        hosting = self.request.spec.hosting
        if hosting.precision != "auto":
            return None  # it is measured, as every precision is
        least = pairing.accuracy_in_full().value * pairing.lost_share.lo
        if least <= hosting.max_accuracy_loss:
            return None
        return (
            f"it is forecast to cost at least {least:.1%} of answers, and "
            f"hosting.max_accuracy_loss is {hosting.max_accuracy_loss:.1%}"
        )

    def _taught(
        self, teacher: ModelCard, student: ModelCard, method: Method, precision: Precision
    ) -> Pairing | None:
        try:
            strategy, reason = self._strategy(teacher)
        except NoFeasiblePlan as error:
            self.rejected[teacher.name] = f"teacher: {error}"
            return None
        work = workload.workload_of(
            self.request,
            self._teacher_probes.get(teacher.name),
            teacher=teacher,
            student=student,
            student_probe=self._student_probes.get(student.name),
        )
        taught = workload.teacher_knowledge(teacher, self._teacher_probes.get(teacher.name))
        untuned = workload.student_knowledge(student, self._student_probes.get(student.name))
        evidence = _evidence(teacher, student, taught, untuned)
        logged = workload.logged_replies(self.request, teacher, self._teacher_probes.get("logs"))
        options: tuple[StrategyName, ...] = (
            (strategy,) if strategy else self._open_strategies(teacher)
        )
        forecasts = {
            option: workload.expected_synthesis(self.request, work, option, taught, logged)
            for option in options
        }
        likely = max(
            options,
            key=lambda option: expected_accuracy(
                evidence, option, method, forecasts[option].num_records
            ),
        )
        if why := workload.too_few_records(self.request, work, likely, taught, logged):
            self.rejected[teacher.name] = f"teacher: {why}"
            return None
        shape = transformer(student)
        learned = correction(
            self.request.calibration,
            "accuracy",
            "",
            shape.parameters,
            outcome_sd(likely, probed=self.probed),
        )
        slot_tokens = self._requests.context_tokens(student, "cuda")
        return Pairing(
            teacher=teacher,
            student=student,
            method=method,
            precision=precision,
            serving=Serving(precision, "float16", slot_tokens),
            served_on="cuda",
            strategy=strategy,
            likely=likely,
            reason=reason,
            work=work,
            evidence=evidence,
            synthesis=forecasts[likely],
            learned=learned,
        )

    def _open_strategies(self, teacher: ModelCard) -> tuple[StrategyName, ...]:
        asked = self.request.spec.strategy
        if teacher.kind == "logs":
            return ("alignment",)
        if asked != "auto":
            return (asked,)
        injects = self._explainable and self.request.dataset.num_gold
        return ("alignment", "injection") if injects else ("alignment",)

    @property
    def _explainable(self) -> bool:
        """Whether a given answer can be explained: a call is its own reason."""
        return not isinstance(self.request.spec.task.verifier, ToolCalls)


def _no_servers(request: PlanningRequest, rejected: Mapping[str, str]) -> str:
    allowed = request.allowed(request.training_regions), request.allowed(request.serving_regions)
    regions = ", ".join(dict.fromkeys(sum(allowed, ())))
    reasons = "; ".join(sorted(set(rejected.values()))) or "the catalog is empty"
    return (
        f"no server in {regions} can be chosen ({reasons}). Allow another region in "
        "constraints.regions, or refresh the prices with `stratos catalog refresh`"
    )


def _evidence(
    teacher: ModelCard, student: ModelCard, taught: workload.Knowledge, untuned: workload.Knowledge
) -> Evidence:
    ratio = None
    if teacher.num_parameters and student.num_parameters:
        ratio = student.num_parameters / teacher.num_parameters
    known = taught.probe is not None or teacher.prior_accuracy is not None
    pretrained = (student.num_parameters or 0) >= PRETRAINED_PARAMETERS
    return Evidence(taught.accuracy, untuned.accuracy, ratio, known, pretrained)
