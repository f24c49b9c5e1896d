"""Changes of a stack as a person reads them, what may lose something in red."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stratos.cli.screen import folded
from stratos.deploying.changes import Action, Change, ChangeSet
from stratos.deploying.following import ResourceEvent

_WORDS: dict[Action, str] = {
    "delete": "DELETE",
    "replace": "REPLACE",
    "may replace": "MAY REPLACE",
    "change": "change",
    "leave behind": "leave behind",
    "add": "add",
}
"""In the order in which they are shown: what may lose something first."""
_NAMES_SHOWN = 3
_DONE = {"CREATE": "made", "UPDATE": "changed", "DELETE": "deleted", "IMPORT": "took over"}


def print_changes(console: Console, change_set: ChangeSet, where: str) -> None:
    """Print every change; additions of one type share a row."""
    if change_set.is_empty:
        _say(console, f"{change_set.stack_name} in {where}: nothing to change")
        return
    new = "is new" if change_set.creates else "changes"
    title = f"{change_set.stack_name} in {where} {new}: {_counted(change_set)}"
    _say(console, title)
    table = Table("", "what", "which", "", box=None, pad_edge=False)
    for word, what, which, marks, lost in _rows(change_set):
        style = "bold red" if lost else ""
        table.add_row(Text(word, style), Text(what), Text(which), Text(marks, "yellow"))
    console.print(folded(table))
    if any(change.concerns_rights for change in change_set.changes):
        _say(
            console,
            "rights: says who may do what; docs/review.md of the repository gives the reasons",
        )
    if any(change.loses_something for change in change_set.changes):
        but = ", but for what is kept" * any(map(_is_kept, change_set.changes))
        console.print(
            Text(f"What is replaced or deleted is gone with all that it holds{but}.", "bold red")
        )
    if any(map(_is_kept, change_set.changes)):
        console.print(
            Text(
                "kept: the old one stays in the account and is billed; the new one is empty",
                "bold red",
            )
        )


def event_line(event: ResourceEvent, number: int, total: int) -> Text:
    """One resource that is done, or failed and why."""
    verb, _, rest = event.status.partition("_")
    if event.is_failed:
        told = f"failed {event.logical_id} ({event.type}): {event.reason}"
        return Text(f"{'':>9}{told}", "bold red")
    done = "kept" if rest == "SKIPPED" else _DONE.get(verb, verb.lower())
    of = f"/{total}" if total else ""
    return Text(f"{number:>4}{of:<4} {done} {event.logical_id} ({event.type})")


def _counted(change_set: ChangeSet) -> str:
    found = [
        f"{number} to {word}"
        for action, word in _WORDS.items()
        if (number := sum(change.action == action for change in change_set.changes))
    ]
    return ", ".join(found) or "its outputs alone"


def _rows(change_set: ChangeSet) -> Iterator[tuple[str, str, str, str, bool]]:
    """What a change is called, type, names, marks, and whether what is there is exchanged."""
    for action, word in _WORDS.items():
        by_type: dict[str, list[Change]] = defaultdict(list)
        for change in change_set.changes:
            if change.action == action:
                by_type[change.type].append(change)
        for type_, found in sorted(by_type.items()):
            if action == "add":
                rights = "rights" if found[0].concerns_rights else ""
                named = _named(found, every=bool(rights))
                yield word, _times(len(found), type_), named, rights, False
                continue
            for change in found:
                marks = ["rights"] * change.concerns_rights + ["kept"] * _is_kept(change)
                yield word, type_, change.logical_id, ", ".join(marks), change.is_exchanged


def _is_kept(change: Change) -> bool:
    return change.is_exchanged and change.stays


def _named(found: list[Change], *, every: bool) -> str:
    names = [change.logical_id for change in found]
    shown = names if every else names[:_NAMES_SHOWN]
    left = len(names) - len(shown)
    return ", ".join(shown) + (f" and {left} more" if left else "")


def _times(number: int, type_: str) -> str:
    return type_ if number == 1 else f"{number} × {type_}"


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
