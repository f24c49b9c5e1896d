"""Which calls needed which statement of the template.

    python -m infra.local.iam.coverage RECORDS…

RECORDS are files of records, or directories of them (`make test` leaves them in `build/iam`). A
statement is *needed* by a recorded call on which the decision is another without it. One that
allowed calls of which each was allowed by another statement as well is *redundant*. An action of a
statement that no call used is *unexercised*: it has a reason in `infra/rights/unexercised.py`, or
nothing speaks for it. The exit status is 1 if a statement is redundant, if an action has neither a
call nor a reason, or if no action needs a reason.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from infra.local.iam import records
from infra.local.iam.documents import Statement, StatementName
from infra.local.iam.evaluator import judge
from infra.local.iam.records import Judged
from infra.local.iam.template import Kind, TemplateStatement, home_of, statements_of
from infra.rights import unexercised

TEMPLATE = Path("cdk.out/Stratos.template.json")
_SHOWN = 3
_NEITHER = "NOTHING: no call used it, and no reason is given"
_REDUNDANT = "REDUNDANT: another statement allowed each call that it allowed"


@dataclass
class Use:
    """What was recorded about one statement."""

    touched: list[Judged] = field(default_factory=list)
    """Calls that it allowed or denied."""
    needed: list[Judged] = field(default_factory=list)
    """Those of them on which the decision is another without it."""

    @property
    def is_redundant(self) -> bool:
        return bool(self.touched) and not self.needed

    def never(self, statement: Statement) -> list[str]:
        """Actions of the statement that no call used."""
        called = {judged.call.action.lower() for judged in self.touched}
        return [
            action
            for action in statement.actions or ("*",)
            if not any(fnmatchcase(one, action.lower()) for one in called)
        ]


@dataclass(frozen=True)
class Coverage:
    """The statements of a template, in its order, with their use."""

    uses: dict[TemplateStatement, Use]
    num_calls: int
    num_refused: int

    def redundant(self) -> list[StatementName]:
        return [one.name for one, use in self.uses.items() if use.is_redundant]

    def unused(self) -> Iterator[tuple[TemplateStatement, str]]:
        """Each action that no call used, with its statement."""
        for one, use in self.uses.items():
            yield from ((one, action) for action in use.never(one.statement))

    def unexplained(self) -> list[tuple[StatementName, str]]:
        return [
            (one.name, action)
            for one, action in self.unused()
            if _reason(one.statement, action) is None
        ]


def coverage(statements: Sequence[TemplateStatement], judged: Iterable[Judged]) -> Coverage:
    """Judge recorded calls again, with each statement that decided them taken away."""

    @cache
    def home(statement: Statement, kind: Kind) -> TemplateStatement | None:
        return home_of(statement, kind, statements)

    uses = {one: Use() for one in statements}
    num_calls = num_refused = 0
    for one in judged:
        num_calls += 1
        num_refused += not one.decision.allowed
        other_kind: Kind = "trust" if one.call.action.lower().startswith("sts:") else "resource"
        for statement, kind in _deciding(one, other_kind):
            at_home = home(statement, kind)
            if at_home is not None:
                uses[at_home].touched.append(one)
                if _is_needed(statement, one):
                    uses[at_home].needed.append(one)
    return Coverage(uses, num_calls, num_refused)


def _deciding(judged: Judged, other_kind: Kind) -> Iterator[tuple[Statement, Kind]]:
    sides: tuple[tuple[tuple[Statement, ...], Kind], ...] = (
        (judged.identity, "identity"),
        (judged.resource, other_kind),
    )
    for statements, kind in sides:
        yield from ((one, kind) for one in statements if one.name in judged.decision.by)


def _is_needed(statement: Statement, judged: Judged) -> bool:
    without = judge(
        judged.call,
        [one for one in judged.identity if one != statement],
        [one for one in judged.resource if one != statement],
    )
    return without.allowed is not judged.decision.allowed


def report(found: Coverage) -> Iterator[str]:
    """Lines for people: each statement with what needed it, then the counts."""
    source = ""
    for one, use in found.uses.items():
        if one.name.source != source:
            source = one.name.source
            yield f"{source} ({one.kind})"
        yield f"  {one.name.index:2d} {_in_words(one.statement)}"
        yield from (f"       {line}" for line in _why(one.statement, use))
    unexplained = len(found.unexplained())
    yield (
        f"{len(found.uses)} statements: {sum(bool(use.needed) for use in found.uses.values())} "
        f"needed, {len(found.redundant())} redundant; of their actions without a call "
        f"{sum(1 for _ in found.unused()) - unexplained} have a reason why, {unexplained} do not; "
        f"{found.num_calls} kinds of call, {found.num_refused} of them refused"
    )


def _why(statement: Statement, use: Use) -> Iterator[str]:
    if use.needed:
        yield f"needed by {len(use.needed)}:"
        for judged in use.needed[:_SHOWN]:
            call = judged.call
            yield f"  {call.action} on {call.resource} by {call.principal.arn}"
    elif use.touched:
        yield _REDUNDANT
    by_reason: dict[str, list[str]] = {}
    for action in use.never(statement):
        by_reason.setdefault(_reason(statement, action) or _NEITHER, []).append(action)
    for reason, actions in by_reason.items():
        yield f"not called: {', '.join(actions)}: {reason}"


def _in_words(statement: Statement) -> str:
    actions = ", ".join(statement.actions) or f"all but {', '.join(statement.not_actions)}"
    resources = ", ".join(statement.resources).replace("<arn:-:-:-:-:", "<")
    where = f" on {resources}" if resources else ""
    principals = ", ".join(f"{kind} {name}" for kind, name in statement.principals)
    who = f" to {principals}" if principals else ""
    conditions = "; ".join(f"{one.operator} {one.key}" for one in statement.conditions)
    return f"{statement.effect} {actions}{where}{who}{f' if {conditions}' if conditions else ''}"


def _reason(statement: Statement, action: str) -> str | None:
    return unexercised.reason_for(statement.name.source, statement.effect, action)


def idle_reasons(found: Coverage) -> list[str]:
    """Reasons that no action needs: each that they are about was used, or there is none."""
    unused = [(one.name.source, one.statement.effect, action) for one, action in found.unused()]
    return [
        reason.reason
        for reason in unexercised.UNEXERCISED
        if not any(reason.covers(*one) for one in unused)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("records", nargs="+", type=Path, help="files, or directories of them")
    parser.add_argument("--template", type=Path, default=TEMPLATE)
    given = parser.parse_args(arguments)
    statements = statements_of(json.loads(given.template.read_text(encoding="utf-8")))
    found = coverage(statements, (one for path in given.records for one in records.read(path)))
    sys.stdout.writelines(f"{line}\n" for line in report(found))
    idle = idle_reasons(found)
    sys.stdout.writelines(f"no action needs this reason: {reason}\n" for reason in idle)
    return 1 if found.redundant() or found.unexplained() or idle else 0


if __name__ == "__main__":
    sys.exit(main())
