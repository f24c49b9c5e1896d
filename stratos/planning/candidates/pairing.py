"""What the two sides of a candidate have in common: models, teaching, and the served precision."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stratos.catalog.model_card import ModelCard
from stratos.catalog.servers import Runtime
from stratos.contracts.plan import Interval, Precision, ServedPrecision
from stratos.planning.forecast.accuracy import (
    Evidence,
    accuracy_interval,
    expected_accuracy,
    outcome_sd,
)
from stratos.planning.forecast.calibration import Correction
from stratos.planning.forecast.quantisation import lost_share, quantised
from stratos.planning.forecast.rates import Serving
from stratos.planning.forecast.workload import SynthesisForecast, Workload
from stratos.spec import CPU_PRECISIONS, QUANTISED, CpuPrecision, Method, StrategyName


@dataclass(frozen=True)
class Pairing:
    """Teacher, student, method and precisions, and what is known of the pair.

    Attributes:
        precision: Of training.
        serving: In which precision each kind of server would serve the student.
        served_on: The kind of server of these candidates.
        strategy: None before the teacher has been probed; `likely` is the better forecast then.
        synthesis: Calls and verified records, if there is time for all of them.
    """

    teacher: ModelCard
    student: ModelCard
    method: Method
    precision: Precision
    serving: Serving
    served_on: Runtime
    strategy: StrategyName | None
    likely: StrategyName
    reason: str
    work: Workload
    evidence: Evidence
    synthesis: SynthesisForecast
    learned: Correction

    @property
    def num_training_tokens(self) -> float:
        return self.work.training_tokens(self.synthesis.num_records)

    def accuracy(self, trained_share: float = 1.0) -> Interval:
        """Forecast of what is served, if the time limit allows only a share of the training."""
        return quantised(self.accuracy_in_full(trained_share), self.lost_share)

    def accuracy_in_full(self, trained_share: float = 1.0) -> Interval:
        """The same before quantisation."""
        records = self.synthesis.num_records * trained_share
        expected = expected_accuracy(self.evidence, self.likely, self.method, records)
        return accuracy_interval(expected, self.learned)

    @property
    def cpu_precisions(self) -> tuple[CpuPrecision, ...]:
        """That CPUs could serve the student in; weights of 16 bits gain nothing from 32."""
        whole = self.student.float32_weights
        return tuple(p for p in CPU_PRECISIONS if p != "float32" or whole)

    def on_cpus(self, precision: CpuPrecision, slot_tokens: int) -> Pairing:
        """The same, served by CPUs in a precision, with so much context for a request."""
        # What GPUs would compute in is of no interest then, and all CPUs share their forecasts.
        serving = Serving(trained_in="float32", on_cpus=precision, slot_tokens=slot_tokens)
        return replace(self, serving=serving, served_on="cpu")

    @property
    def quantised_to(self) -> ServedPrecision | None:
        """None in full precision."""
        on_cpus = self.serving.on_cpus
        return on_cpus if self.served_on == "cpu" and on_cpus in QUANTISED else None

    @property
    def lost_share(self) -> Interval:
        """Of its right answers, what quantisation is expected to cost."""
        return lost_share(self.quantised_to, float(self.student.num_parameters or 1))

    def best_accuracy(self, trained_share: float = 1.0) -> float:
        """The optimistic end of the forecast; an unknown teacher is taken for a perfect one.

        Before the teacher is probed, what other runs taught may raise that end but not lower it:
        they were of other tasks, and a plan that is ruled out here is never probed.
        """
        if not self.evidence.teacher_is_known:
            perfect = replace(self.evidence, teacher=1.0, teacher_is_known=True)
            return replace(self, evidence=perfect).best_accuracy(trained_share)
        best = self.accuracy(trained_share).hi
        if self.strategy is not None:
            return best
        untaught = replace(self, learned=Correction(1.0, outcome_sd(self.likely, probed=False)))
        return max(best, untaught.accuracy(trained_share).hi)
