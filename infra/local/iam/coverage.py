"""Which calls needed which statement of the template.

    python -m infra.local.iam.coverage RECORDS…

RECORDS are files of records, or directories of them (`make test` leaves them in `build/iam`). A
statement is *needed* by a recorded call on which the decision is another without it. One that
allowed calls of which each was allowed by another statement as well is *redundant*. One that no
call touched is *unexercised*: it has a reason in `infra/rights/unexercised.py`, or nothing speaks
for it. The exit status is 1 if a statement is redundant or has neither a call nor a reason, or if
no statement needs a reason.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
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
_NEITHER = "NOTHING: no call needed it, and no reason is given"
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


@dataclass(frozen=True)
class Coverage:
    """The statements of a template, in its order, with their use."""

    uses: dict[TemplateStatement, Use]
    num_calls: int
    num_refused: int

    def redundant(self) -> list[StatementName]:
        return [one.name for one, use in self.uses.items() if use.is_redundant]

    def unexplained(self) -> list[StatementName]:
        return [
            one.name
            for one, use in self.uses.items()
            if not use.touched and _reason(one.statement) is None
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
    with_reason = sum(
        not use.touched and _reason(one.statement) is not None for one, use in found.uses.items()
    )
    yield (
        f"{len(found.uses)} statements: {sum(bool(use.needed) for use in found.uses.values())} "
        f"needed, {with_reason} with a reason why not, {len(found.unexplained())} with neither, "
        f"{len(found.redundant())} redundant; {found.num_calls} kinds of call, "
        f"{found.num_refused} of them refused"
    )


def _why(statement: Statement, use: Use) -> Iterator[str]:
    if use.needed:
        yield f"needed by {len(use.needed)}:"
        for judged in use.needed[:_SHOWN]:
            call = judged.call
            yield f"  {call.action} on {call.resource} by {call.principal.arn}"
        called = {judged.call.action.lower() for judged in use.touched}
        never = [name for name in statement.actions if "*" not in name]
        never = [name for name in never if name.lower() not in called]
        if never:
            yield f"never called: {', '.join(never)}"
    elif use.touched:
        yield _REDUNDANT
    else:
        yield f"not needed: {_reason(statement) or _NEITHER}"


def _in_words(statement: Statement) -> str:
    actions = ", ".join(statement.actions) or f"all but {', '.join(statement.not_actions)}"
    resources = ", ".join(statement.resources).replace("<arn:-:-:-:-:", "<")
    where = f" on {resources}" if resources else ""
    principals = ", ".join(f"{kind} {name}" for kind, name in statement.principals)
    who = f" to {principals}" if principals else ""
    conditions = "; ".join(f"{one.operator} {one.key}" for one in statement.conditions)
    return f"{statement.effect} {actions}{where}{who}{f' if {conditions}' if conditions else ''}"


def _reason(statement: Statement) -> str | None:
    return unexercised.reason_for(statement.name.source, statement.effect, statement.actions)


def idle_reasons(found: Coverage) -> list[str]:
    """Reasons that no statement needs: each that they are about was needed, or there is none."""
    without_a_call = [one.statement for one, use in found.uses.items() if not use.touched]
    return [
        reason.reason
        for reason in unexercised.UNEXERCISED
        if not any(
            reason.covers(one.name.source, one.effect, one.actions) for one in without_a_call
        )
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
    sys.stdout.writelines(f"no statement needs this reason: {reason}\n" for reason in idle)
    return 1 if found.redundant() or found.unexplained() or idle else 0


if __name__ == "__main__":
    sys.exit(main())
