"""McNemar's test in plain words."""

from __future__ import annotations

from stratos.measuring.gates import SIGNIFICANCE
from stratos.report.figures import ComparisonRow
from stratos.units import count, figure

_MILLION = 1e6


def comparison_told(row: ComparisonRow) -> str:
    """Who is right where the two differ, and whether chance alone could do that."""
    compared = row.compared
    ours, theirs = compared.only_student_right, compared.only_other_right
    other = compared.other.replace("_", " ")
    if ours + theirs == 0:
        return "Both are right on the same questions."
    head = f"They differ on {count(ours + theirs, 'question')}. "
    if compared.p_value >= SIGNIFICANCE:
        return (
            f"{head}Two equally good models would be split as unevenly {chance(compared.p_value)}: "
            "no difference is shown."
        )
    better, worse = (row.name, other) if ours > theirs else (other, row.name)
    return (
        f"{head}Two equally good models would be split as unevenly {chance(compared.p_value)}: "
        f"{better} is better than {worse}."
    )


def chance(p_value: float) -> str:
    """A probability as people say it: `once in 1,200 times`."""
    if p_value < 1 / _MILLION:
        return "less than once in a million times"
    if p_value > 0.5:
        return "more often than not"
    return f"once in {figure(round(1 / p_value, 1 if p_value > 0.1 else 0))} times"
