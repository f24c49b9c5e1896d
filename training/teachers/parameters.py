"""Parameters that a model refuses: renamed or dropped once, and remembered."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any

_REFUSAL = re.compile(
    r"unsupported|unrecogni[sz]ed|unknown|unexpected|deprecated|extra_forbidden|no longer"
    r"|(?:not|n't) (?:be )?(?:currently )?(?:support|permit|allow|accept|specif|set)"
    r"|not available|only .{1,40} (?:is|are) (?:allowed|supported)",
    re.IGNORECASE,
)
_log = logging.getLogger(__name__)


class Parameters:
    """What is known of a model's parameters, for all threads of a job."""

    def __init__(self, name: str, renames: Mapping[str, str], optional: Iterable[str]) -> None:
        """Set up.

        Args:
            renames: Of a parameter that a call cannot do without, its other name.
            optional: Parameters that a call can do without.
        """
        self._name, self._renames, self._optional = name, dict(renames), tuple(optional)
        self._renamed: set[str] = set()
        self._dropped: set[str] = set()
        self._learning = threading.Lock()

    def apply(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters as the model takes them, as far as that is known."""
        with self._learning:
            return {
                self._renames[name] if name in self._renamed else name: value
                for name, value in asked.items()
                if name not in self._dropped
            }

    def learn(self, sent: Iterable[str], refusal: str) -> bool:
        """Return whether a refusal was about a parameter sent, so that another call may succeed."""
        about = refused_parameter([one for one in sent if self._can_mend(one)], refusal)
        if about is None:
            return False
        with self._learning:
            known = about in self._renamed or about in self._dropped
            (self._renamed if about in self._renames else self._dropped).add(about)
        if not known:
            became = self._renames.get(about)
            done = f"sent as {became}" if became else "left out"
            _log.warning("%s refuses %s; from now on it is %s", self._name, about, done)
        return True

    def _can_mend(self, name: str) -> bool:
        return name in self._renames or name in self._optional


def refused_parameter(sent: Iterable[str], refusal: str) -> str | None:
    """Return which of the parameters sent an error is about; None if about none of them.

    The error's field `param` is believed first, as OpenAI's API fills it; then a quoted name, then
    any mention.
    """
    if _REFUSAL.search(refusal) is None:
        return None
    names = list(sent)
    named = _field_of_error(refusal)
    if named is not None:
        return named if named in names else None
    for pattern in (r"[`'\"]{}[`'\"]", r"\b{}\b"):
        for name in names:
            if re.search(pattern.format(re.escape(name)), refusal):
                return name
    return None


def _field_of_error(refusal: str) -> str | None:
    try:
        error = json.loads(refusal)["error"]
        named = error["param"]
    except (ValueError, KeyError, TypeError):
        return None
    return named if isinstance(named, str) and named else None
