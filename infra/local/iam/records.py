"""What was judged, as lines of JSON: each kind of call once, with the statements it depended on.

Calls are of one kind if the same principal was allowed the same action by the same statements:
taking one of these away changes the decision on all of them alike, so the first stands for them.
What was refused is kept for each resource. `iam.jsonl` in a cloud's state directory has what this
cloud judged. If STRATOS_IAM_RECORDS names a directory, each process writes a file of its own there
as well, so that the records of many clouds, those of a test suite, can be read together.
"""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.iam.documents import Statement, StatementName, document_of, parse_statement
from infra.local.iam.evaluator import Call, Decision, Principal

FILE_NAME = "iam.jsonl"
GATHERED = "STRATOS_IAM_RECORDS"
"""Names the directory in which the records of all processes are gathered."""


@dataclass(frozen=True)
class Judged:
    """A call and its decision, with those statements that speak of its action."""

    call: Call
    decision: Decision
    identity: tuple[Statement, ...]
    resource: tuple[Statement, ...]


class Records:
    """Appends to files what each has not yet; for many threads."""

    def __init__(self, *files: Path) -> None:
        self._lock = threading.Lock()
        self._written: dict[Path, set[Hashable]] = {}
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            known = read(file) if file.exists() else ()
            self._written[file] = {_kind(one.call, one.decision) for one in known}

    def add(
        self,
        call: Call,
        decision: Decision,
        identity: Sequence[Statement],
        resource: Sequence[Statement],
    ) -> None:
        """Write a call down, unless one of its kind was.

        Args:
            call: What was asked.
            decision: What `judge` said of it.
            identity: What `judge` was given as the role's statements.
            resource: What `judge` was given as the resource's statements.
        """
        kind = _kind(call, decision)
        with self._lock:
            lacking = [file for file, kinds in self._written.items() if kind not in kinds]
            if not lacking:
                return
            line = json.dumps(_as_json(_essence(call, decision, identity, resource)))
            for file in lacking:
                with file.open("a", encoding="utf-8") as appended:
                    appended.write(line + "\n")
                self._written[file].add(kind)


def records_of(state_dir: Path) -> Records:
    """What a cloud writes: beside its state, and where records are gathered."""
    files = [state_dir / FILE_NAME]
    if directory := os.environ.get(GATHERED):
        files.append(Path(directory) / f"{os.getpid()}-{uuid.uuid4().hex}.jsonl")
    return Records(*files)


def read(path: Path) -> Iterator[Judged]:
    """Read a file of records, or all files of a directory.

    The last line of a file is passed over if its process was killed while it wrote.
    """
    for file in sorted(path.glob("*.jsonl")) if path.is_dir() else [path]:
        for line in file.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                yield _from_json(json.loads(line))


def _kind(call: Call, decision: Decision) -> Hashable:
    where = "" if decision.allowed else call.resource
    return (call.principal, call.action, where, decision)


def _essence(
    call: Call, decision: Decision, identity: Sequence[Statement], resource: Sequence[Statement]
) -> Judged:
    """The call with what can matter to it: no other statement, and no other key of its context."""
    action = call.action.lower()
    own = tuple(one for one in identity if one.covers_action(action))
    theirs = tuple(one for one in resource if one.covers_action(action))
    keys = frozenset[str]().union(*(one.keys() for one in (*own, *theirs)))
    context = {key: value for key, value in call.context.items() if key.lower() in keys}
    return Judged(Call(call.principal, call.action, call.resource, context), decision, own, theirs)


def _as_json(judged: Judged) -> dict[str, Any]:
    call, decision = judged.call, judged.decision
    return {
        "principal": {
            "arn": call.principal.arn,
            "account": call.principal.account,
            "service": call.principal.service,
        },
        "action": call.action,
        "resource": call.resource,
        "context": {key: list(values) for key, values in call.context.items()},
        "allowed": decision.allowed,
        "reason": decision.reason,
        "by": [[name.source, name.index] for name in decision.by],
        "identity_statements": _statements_as_json(judged.identity),
        "resource_statements": _statements_as_json(judged.resource),
    }


def _statements_as_json(statements: Iterable[Statement]) -> list[dict[str, Any]]:
    return [
        {"source": one.name.source, "index": one.name.index, "statement": document_of(one)}
        for one in statements
    ]


def _from_json(line: dict[str, Any]) -> Judged:
    return Judged(
        call=Call(
            Principal(**line["principal"]),
            line["action"],
            line["resource"],
            {key: tuple(values) for key, values in line["context"].items()},
        ),
        decision=Decision(
            line["allowed"],
            tuple(StatementName(source, index) for source, index in line["by"]),
            line["reason"],
        ),
        identity=_statements_from_json(line["identity_statements"]),
        resource=_statements_from_json(line["resource_statements"]),
    )


def _statements_from_json(lines: Iterable[dict[str, Any]]) -> tuple[Statement, ...]:
    return tuple(
        parse_statement(line["statement"], StatementName(line["source"], line["index"]))
        for line in lines
    )
