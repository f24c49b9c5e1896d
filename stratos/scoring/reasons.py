"""Reasons for which replies are rejected: counted in words, and what to do about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

_SHOWN = 4


def counted(reasons: Mapping[str, int]) -> str:
    """Return the most frequent reasons with their counts: `no marker ×18, cut ×2`."""
    rejected = Counter({name: count for name, count in reasons.items() if name != "right"})
    return ", ".join(f"{name} ×{count}" for name, count in rejected.most_common(_SHOWN) if count)


def too_few(kept: int, asked: int, needed: int, rejects: Mapping[str, int], marker: str) -> str:
    """Say that too few questions ended in a verified record, why, and what to do."""
    told = shortfall(needed, rejects, marker, unless="nothing, since nothing was answered")
    return f"{kept} of {asked} questions ended verified; {told}"


def shortfall(needed: int, rejects: Mapping[str, int], marker: str, *, unless: str) -> str:
    """The end of a sentence on too few records: how many it takes, what speaks against more.

    Args:
        unless: In place of the reasons, if there are none.
    """
    return (
        f"needed {needed} (synthesis.min_records and min_yield). "
        f"Rejected: {counted(rejects) or unless}. {advice(rejects, marker)}"
    )


def advice(reasons: Mapping[str, int], marker: str) -> str:
    """Return what to do about the most frequent reason."""
    rejected = Counter({name: count for name, count in reasons.items() if name != "right"})
    if not rejected.total():
        return "Allow more hours or a higher budget"
    (first, count), *_ = rejected.most_common(1)
    if first == "no marker":
        never = "never" if count == sum(reasons.values()) else f"{count} times did not"
        wrote = "wrote" if never == "never" else "write"
        return (
            f"The teacher {never} {wrote} `{marker}`: ask for it in the prompt, as `{{format}}` "
            "does, or set task.answer_marker to what it writes"
        )
    return _ADVICE.get(first, _OTHERWISE)


_OTHERWISE = "Improve the prompt or its notes, raise synthesis.samples, or use another teacher"
_ADVICE = {
    "cut": "Raise synthesis.max_new_tokens, or ask for shorter answers in the prompt",
    "thinking only": "Raise synthesis.max_new_tokens, so that its thinking comes to an end",
    "empty": "Look at what the teacher was asked: it had nothing to say, or could not read it all",
    "no verdict": "Look at what the judge replied, and raise verifier.max_new_tokens",
    "leans on the given answer": (
        "Tell the teacher in synthesis.injection_prompt to reason as if it had not been told"
    ),
    "copies the prompt": "Ask in synthesis.injection_prompt for steps in words of its own",
    "no rationale": "Ask in synthesis.injection_prompt for the steps before the answer",
}
