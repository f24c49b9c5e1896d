"""What the jobs that share one step leave for each other and for the merge."""

from __future__ import annotations

from stratos.frozen import FrozenModel


class Shard(FrozenModel):
    """One of the parts that a step's questions are cut into, in the order they are asked."""

    index: int
    """From 0."""
    count: int

    def of(self, total: int) -> range:
        """Its positions among `total` questions. Two shards differ by one question at most."""
        return range(self.index * total // self.count, (self.index + 1) * total // self.count)


class SynthesisCounts(FrozenModel):
    """What synthesis counted. Those of several shards add up to those of one job."""

    asked: dict[str, int]
    """Questions asked, by strategy; `logs` are judged."""
    kept: dict[str, int]
    kept_of_logs: int
    rejects: dict[str, int]
    """Attempts, by reason."""
    written_tokens: int
    """Of the records that were kept."""
    calls: int
    timed_tokens: int
    """Written while `asking_seconds` ran."""
    asking_seconds: float
    unpaid: int = 0
    """Calls that were not made because the money was spent."""


class GradedAnswers(FrozenModel):
    """A model's answers to held-out questions, in their order."""

    name: str
    """That it has in messages."""
    outcomes: str
    """One character a question: `1` right, `0` wrong, `-` not asked, not answered or not judged."""
    asked: int
    answered: int
    completion_tokens: int

    @property
    def as_outcomes(self) -> list[bool | None]:
        return [None if one == "-" else one == "1" for one in self.outcomes]


class HeldOutPart(FrozenModel):
    """What one shard of an evaluation found, question by question."""

    models: dict[str, GradedAnswers]
    """`student`, `untuned_student`, `teacher`, and where there is one `live` and
    `full_precision`: the same student unquantised."""
    baselines: dict[str, str]
    """Outcomes as those of a model."""
    unpaid: int = 0
    """Calls that were not made because the money was spent."""

    @property
    def num_judged(self) -> int:
        """Answers of all models that are right or wrong."""
        return sum(len(one.outcomes) - one.outcomes.count("-") for one in self.models.values())
