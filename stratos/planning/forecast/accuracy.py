"""Expected accuracy of a distilled student, with an interval. The form and constants are ours.

A student starts at its untuned score and closes part of the gap to a ceiling: the teacher's own
accuracy under alignment, `INJECTION_CEILING` if gold answers carry it further. The share that is
closed grows with verified records as 1 − (1 + n/n₀)^−β, a power law in data as in arXiv 2001.08361.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from stratos.contracts.plan import Interval
from stratos.planning.forecast.calibration import Correction, from_log_odds, log_odds
from stratos.spec import Method, StrategyName
from stratos.statistics.normal import Z_95

INJECTION_CEILING = 0.95
RECORDS_SCALE: dict[StrategyName, float] = {"alignment": 20.0, "injection": 1000.0, "blend": 600.0}
"""n₀: injection teaches what neither model knew, so it needs more. One trial (2,803 records of
reverse-synthesised reasoning, 35-41% exact match from 0%) fixed injection. Alignment is set below
what examples/word-problems reaches, since its task is narrow; blend is assumed."""
PRETRAINED_PARAMETERS = 50e6
"""From here on a student is taken for pretrained: nobody makes one of this size for a task."""
PRETRAINED_SCALE = 0.25
"""Of n₀ that a pretrained student needs where knowledge is injected: it knows the language that it
is taught in. Assumed. examples/smollm2-inbox needed far fewer, on a task that is easy to learn."""
RECORDS_EXPONENT = 0.35
SIZE_EXPONENT = 0.05
"""A student N times smaller keeps N^-0.05 of the ceiling: 89% at 10 times."""
UNKNOWN_SIZE_RATIO = 0.1
LORA_SHARE = 0.9
"""Of the gap that full fine-tuning closes when the knowledge is new (arXiv 2405.09673)."""
PRIOR_ODDS_SD = 1.0
PROBED_ODDS_SD = 0.7
"""Standard deviation of the log-odds of the outcome around this forecast."""
INJECTION_ODDS_SD = 1.5
"""The same where injection takes part, before and after probing; assumed. Tasks differ in what a
pretrained student knows of them, and neither its card nor a probe tells that."""
UNKNOWN_TEACHER = 0.5
UNKNOWN_REVERSE_YIELD = 0.6
UNTUNED_SHARE = 0.6
"""Of a published score that an untuned model keeps on a new task, until it is probed."""


@dataclass(frozen=True)
class Evidence:
    """What is known of a pair before the student is trained."""

    teacher: float
    student: float
    size_ratio: float | None
    """Student over teacher parameters."""
    teacher_is_known: bool = True
    """By a probe or a published score; otherwise `teacher` is a guess."""
    student_is_pretrained: bool = False


def expected_accuracy(
    evidence: Evidence, strategy: StrategyName, method: Method, num_records: float
) -> float:
    """Forecast the student's held-out accuracy."""
    alignment_ceiling = evidence.teacher
    ceiling = alignment_ceiling if strategy == "alignment" else INJECTION_CEILING
    ratio = UNKNOWN_SIZE_RATIO if evidence.size_ratio is None else evidence.size_ratio
    ceiling *= math.pow(min(1.0, ratio), SIZE_EXPONENT)
    scale = RECORDS_SCALE[strategy]
    if evidence.student_is_pretrained and strategy != "alignment":
        scale *= PRETRAINED_SCALE
    closed = 1 - math.pow(1 + num_records / scale, -RECORDS_EXPONENT)
    if method == "lora" and strategy != "alignment":
        closed *= LORA_SHARE
    return evidence.student + max(0.0, ceiling - evidence.student) * closed


def outcome_sd(strategy: StrategyName, *, probed: bool) -> float:
    """Standard deviation of the log-odds of the outcome around its forecast."""
    if strategy != "alignment":
        return INJECTION_ODDS_SD
    return PROBED_ODDS_SD if probed else PRIOR_ODDS_SD


def accuracy_interval(expected: float, calibration: Correction) -> Interval:
    """Correct the forecast by what finished runs taught, with 95% bounds."""
    centre = log_odds(expected) + math.log(calibration.factor)
    spread = Z_95 * calibration.sd
    return Interval(
        value=from_log_odds(centre),
        lo=from_log_odds(centre - spread),
        hi=from_log_odds(centre + spread),
    )


def verified_share(strategy: StrategyName, aligned: float, explained: float) -> float:
    """Share of questions that end with a verified record.

    Args:
        aligned: Share of the teacher's own answers that are right.
        explained: Share of given answers that it explains soundly.
    """
    if strategy == "alignment":
        return aligned
    return explained if strategy == "injection" else aligned + (1 - aligned) * explained
