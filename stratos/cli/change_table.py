"""Changes of a stack as a person reads them, what may lose something in red."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

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
    for word, what, which, rights, lost in _rows(change_set):
        style = "bold red" if lost else ""
        table.add_row(Text(word, style), Text(what), Text(which), Text(rights, "yellow"))
    console.print(table)
    if any(change.concerns_rights for change in change_set.changes):
        _say(
            console,
            "rights: says who may do what; docs/review.md of the repository gives the reasons",
        )
    if any(change.loses_something for change in change_set.changes):
        console.print(
            Text("What is replaced or deleted is gone with all that it holds.", "bold red")
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
    """What a change is called, type, names, whether it concerns rights, and may lose something."""
    for action, word in _WORDS.items():
        by_type: dict[str, list[Change]] = defaultdict(list)
        for change in change_set.changes:
            if change.action == action:
                by_type[change.type].append(change)
        for type_, found in sorted(by_type.items()):
            rights = "rights" if found[0].concerns_rights else ""
            if action == "add":
                named = _named(found, every=bool(rights) and not change_set.creates)
                yield word, _times(len(found), type_), named, rights, False
                continue
            for change in found:
                yield word, type_, change.logical_id, rights, change.loses_something


def _named(found: list[Change], *, every: bool) -> str:
    names = [change.logical_id for change in found]
    shown = names if every else names[:_NAMES_SHOWN]
    left = len(names) - len(shown)
    return ", ".join(shown) + (f" and {left} more" if left else "")


def _times(number: int, type_: str) -> str:
    return type_ if number == 1 else f"{number} × {type_}"


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
