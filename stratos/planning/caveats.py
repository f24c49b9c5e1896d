"""What to know before trusting a plan, each kind of doubt once."""

from __future__ import annotations

import re
from collections.abc import Iterable

_OLD = re.compile(r"price of (?P<what>.+) is (?P<days>\d+) days old")
_DERIVED = re.compile(r"price of (?P<what>.+) is (?P<how>\w+), grade (?P<grade>\w)")
_ASSUMED = re.compile(r"rates of (?P<what>.+) are assumed: no run has measured it")


def gathered(caveats: Iterable[str]) -> tuple[str, ...]:
    """Caveats of some plans, where those that differ only in their server are one."""
    old: dict[str, int] = {}
    derived: dict[tuple[str, str], list[str]] = {}
    assumed: list[str] = []
    others: list[str] = []
    for caveat in dict.fromkeys(caveats):
        if found := _OLD.fullmatch(caveat):
            old[found["what"]] = int(found["days"])
        elif found := _DERIVED.fullmatch(caveat):
            derived.setdefault((found["how"], found["grade"]), []).append(found["what"])
        elif found := _ASSUMED.fullmatch(caveat):
            assumed.append(found["what"])
        else:
            others.append(caveat)
    told = []
    if old:
        ages = sorted(set(old.values()))
        span = f"{ages[0]}" if len(ages) == 1 else f"{ages[0]} to {ages[-1]}"
        told.append(
            f"prices are {span} days old ({', '.join(old)}); `stratos catalog refresh` fetches them"
        )
    for (how, grade), names in derived.items():
        told.append(f"prices are {how}, grade {grade}: {', '.join(names)}")
    if assumed:
        told.append(f"rates are assumed, since no run has measured them: {', '.join(assumed)}")
    return (*told, *others)
