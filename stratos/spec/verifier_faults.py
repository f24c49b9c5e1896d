"""What is wrong with a verifier, though its fields are right.

Checked when a spec is read, and not by the models: runs from before must still be readable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stratos.normal_text import normalise
from stratos.spec.json_schema import schema_pattern_fault
from stratos.spec.patterns import pattern_fault, shown_pattern
from stratos.spec.task import Choice, JsonSchema, Regex, Verifier


def verifier_faults(verifier: Verifier) -> Iterator[tuple[str, str]]:
    """Yield each field of a verifier that cannot do its work, and why."""
    match verifier:
        case Choice():
            if (equal := equal_labels(verifier.choices)) is not None:
                first, second = equal
                yield (
                    "choices",
                    f"{first!r} and {second!r} are equal once case, width, space and punctuation "
                    "are folded, so that no answer names one of them alone; rename one of the two",
                )
        case Regex():
            if (fault := pattern_fault(verifier.pattern)) is not None:
                yield "pattern", f"{shown_pattern(verifier.pattern)} {fault}"
        case JsonSchema(json_schema=dict(schema)):
            if (fault := schema_pattern_fault(schema)) is not None:
                yield "json_schema", fault
        case _:
            return


def equal_labels(choices: Sequence[str]) -> tuple[str, str] | None:
    """Return the first two labels that no answer can tell apart; None where there are none."""
    seen: dict[str, str] = {}
    for choice in choices:
        form = normalise(choice)
        if form in seen:
            return seen[form], choice
        seen[form] = choice
    return None
