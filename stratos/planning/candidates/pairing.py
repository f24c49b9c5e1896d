"""What the two sides of a candidate have in common: the models and how one teaches the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stratos.catalog.model_card import ModelCard
from stratos.contracts.plan import Interval, Precision
from stratos.planning.forecast.accuracy import Evidence, accuracy_interval, expected_accuracy
from stratos.planning.forecast.calibration import Correction
from stratos.planning.forecast.workload import SynthesisForecast, Workload
from stratos.spec import Method, StrategyName


@dataclass(frozen=True)
class Pairing:
    """Teacher, student, method and precision, and what is known of the pair.

    Attributes:
        strategy: None before the teacher has been probed; `likely` is the better forecast then.
        synthesis: Calls and verified records, if there is time for all of them.
    """

    teacher: ModelCard
    student: ModelCard
    method: Method
    precision: Precision
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
        """Forecast, if the time limit allows only a share of the training."""
        records = self.synthesis.num_records * trained_share
        expected = expected_accuracy(self.evidence, self.likely, self.method, records)
        return accuracy_interval(expected, self.learned)

    def best_accuracy(self, trained_share: float = 1.0) -> float:
        """The optimistic end of the forecast; an unknown teacher is taken for a perfect one."""
        if self.evidence.teacher_is_known:
            return self.accuracy(trained_share).hi
        perfect = replace(self.evidence, teacher=1.0, teacher_is_known=True)
        return replace(self, evidence=perfect).accuracy(trained_share).hi
