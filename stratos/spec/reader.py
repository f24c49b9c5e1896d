"""Reading a spec file into a `Spec`, with every problem reported at once.

What the file alone shows is checked here; what needs the files beside it, in
`stratos.spec.folder`, whose `read_spec_in_folder` the pipeline and the command line both call.
"""

from __future__ import annotations

import difflib
import math
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stratos.errors import SpecRejected
from stratos.problems import Problem
from stratos.regions import known_regions, region_places
from stratos.spec import Spec
from stratos.spec.schedule import At, Cron, next_times, parse_schedule, time_zone
from stratos.spec.verifier_faults import verifier_faults
from stratos.spec.yaml_tree import Location, YamlTree, path_text, read_yaml
from stratos.statistics.wilson import proportion

_NEEDED = {
    "model_type": "a mapping of fields",
    "tuple_type": "a list",
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "string_type": "text; quote it",
}
"""In the words of YAML; pydantic has those of Python."""

_LATE = timedelta(days=2)
"""A rerun reads its spec after it was due: Scheduler tries for up to a day to start it."""


@dataclass
class SpecDocument:
    """A spec file as read: the spec, if it is one, and its problems."""

    tree: YamlTree
    spec: Spec | None

    @property
    def problems(self) -> list[Problem]:
        """In the order of the file."""
        return sorted(self.tree.problems, key=lambda problem: (problem.line or 0, problem.path))


def read_spec(content: str | bytes) -> Spec:
    """Read the text of a spec file.

    Raises:
        SpecRejected: with every problem that the file alone shows.
    """
    document = read_document(content)
    if document.spec is None or document.problems:
        raise SpecRejected(document.problems)
    return document.spec


def read_document(content: str | bytes) -> SpecDocument:
    """Read the text of a spec file, keeping its problems instead of raising them."""
    tree = read_yaml(content)
    if tree.problems and tree.data is None:
        return SpecDocument(tree, None)
    if not isinstance(tree.data, dict):
        tree.report((), "not a mapping of fields; start with `version: 1` and `name:`")
        return SpecDocument(tree, None)
    spec = None
    try:
        spec = Spec.model_validate(tree.data)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            location = _without_tags(details["loc"], tree)
            tree.report(*_explain(details, location))
    _check_attainable(tree)
    _check_origins(tree)
    _check_schedule(tree)
    if spec is not None:
        _check_names(spec, tree)
        for field, fault in verifier_faults(spec.task.verifier):
            tree.report(("task", "verifier", field), fault)
    return SpecDocument(tree, spec)


# --- what the model refuses, in words ---------------------------------------------------------


def _without_tags(location: tuple[int | str, ...], tree: YamlTree) -> Location:
    """Drop the union tags that pydantic puts into a location; they are not in the file."""
    kept: list[int | str] = []
    for part in location:
        here = tree.at(*kept)
        if isinstance(here, dict) and part not in here and part == here.get("kind"):
            continue
        kept.append(part)
    return tuple(kept)


def _explain(details: ErrorDetails, location: Location) -> tuple[Location, str]:
    """Return where a problem is, and what was found, what is needed, what to do."""
    kind, found, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "extra_forbidden":
        known = _fields_around(details["loc"])
        name = str(location[-1])
        hint = _similar_field(name, known)
        return location, f"unknown field `{name}`{hint} (known here: {', '.join(known)})"
    if kind == "missing":
        return location, "required, but missing"
    if kind == "literal_error":
        choices = [str(choice) for choice in _literals_at(details["loc"])]
        return location, _wrong_choice(found, choices)
    if kind == "unknown_choice":
        return location, _wrong_choice(found, str(context["needed"]).split(", "))
    if kind == "union_tag_invalid":
        tags = [tag.strip("' ") for tag in str(context["expected_tags"]).split(",")]
        return (*location, "kind"), _wrong_choice(context["tag"], tags)
    if kind == "union_tag_not_found":
        if not isinstance(found, dict):
            return location, f"found {_shown(found)}; needed: a mapping with the field `kind`"
        tags = sorted(_tags_at(details["loc"]))
        return (*location, "kind"), f"required, but missing; one of {', '.join(tags)}"
    if kind == "value_error":
        return location, str(context.get("error", details["msg"]))
    needed = _NEEDED.get(kind) or details["msg"].replace("Input should be ", "")
    return location, f"found {_shown(found)}; needed: {needed[:1].lower()}{needed[1:]}"


def _shown(found: object) -> str:
    if isinstance(found, dict | list | tuple):
        return "a mapping" if isinstance(found, dict) else "a list"
    text = "nothing" if found is None else repr(found)
    return text if len(text) <= 60 else text[:57] + "…"


def _wrong_choice(found: object, choices: Sequence[str]) -> str:
    hint = _similar_field(str(found), choices)
    return f"found {_shown(found)}; needed: one of {', '.join(choices)}{hint}"


def _similar_field(name: str, known: Sequence[str]) -> str:
    return did_you_mean(name.lower().replace("-", "_"), known)


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """A hint that ends a sentence; empty if nothing known is similar."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""


# --- walking the model's types ----------------------------------------------------------------


def _alternatives(annotation: Any) -> Iterator[Any]:
    """The types a value may have, with Annotated and unions taken apart."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _alternatives(member)
    else:
        yield annotation


def _types_at(location: tuple[int | str, ...]) -> list[Any]:
    """The types allowed at a location, union tags included in it."""
    current: list[Any] = [Spec]
    for part in location:
        following: list[Any] = []
        for kind in current:
            if isinstance(part, int) and get_origin(kind) is tuple:
                following += _alternatives(get_args(kind)[0])
            elif isinstance(kind, type) and issubclass(kind, BaseModel):
                if part in kind.model_fields:
                    following += _alternatives(kind.model_fields[str(part)].annotation)
                elif part in _tags_of(kind):
                    following.append(kind)
        current = following
    return current


def _tags_of(model: type[BaseModel]) -> tuple[str, ...]:
    field = model.model_fields.get("kind")
    return get_args(field.annotation) if field else ()


def _tags_at(location: tuple[int | str, ...]) -> set[str]:
    models = [m for m in _types_at(location) if isinstance(m, type) and issubclass(m, BaseModel)]
    return {tag for model in models for tag in _tags_of(model)}


def _fields_around(location: tuple[int | str, ...]) -> list[str]:
    models = [m for m in _types_at(location[:-1]) if hasattr(m, "model_fields")]
    return sorted({name for model in models for name in model.model_fields})


def _literals_at(location: tuple[int | str, ...]) -> list[object]:
    literals = [kind for kind in _types_at(location) if get_origin(kind) is Literal]
    return [choice for literal in literals for choice in get_args(literal)]


# --- what no field shows alone ----------------------------------------------------------------


def _check_attainable(tree: YamlTree) -> None:
    """Refuse an accuracy that even a perfect score could not prove on this few records."""
    asked = tree.at("constraints", "min_accuracy")
    records = tree.at("task", "heldout_records")
    if records is None:
        task_fields = Spec.model_fields["task"].annotation
        assert task_fields is not None
        records = task_fields.model_fields["heldout_records"].default
    if not isinstance(asked, int | float) or not isinstance(records, int) or records < 1:
        return
    best = proportion(records, records).lo
    if best < asked <= 1:
        enough = "no number of them suffices; ask for less than 1"
        if asked < 1:  # a perfect score on n begins at n / (n + z²)
            enough = f"{_enough_records(best, records, asked):,} would do"
        tree.report(
            ("constraints", "min_accuracy"),
            f"{asked:g} cannot be proven on {records} held-out records: with all of them right "
            f"the 95% Wilson interval begins at {best:.4f}. Lower it, or raise "
            f"task.heldout_records ({enough})",
        )


def _check_origins(tree: YamlTree) -> None:
    """Refuse an origin whose distance is unknown.

    Here and not in the model, because the model also reads the specs of earlier runs.
    """
    origins = tree.at("load", "origins")
    for region in origins if isinstance(origins, dict) else ():
        if region not in region_places():
            known = known_regions()
            tree.report(
                ("load", "origins", str(region)),
                f"{region!r} is no region whose place is known{did_you_mean(str(region), known)} "
                f"(known: {', '.join(known)})",
            )


def _enough_records(best: float, records: int, asked: float) -> int:
    z_squared = records * (1 - best) / best
    return math.ceil(asked * z_squared / (1 - asked))


def _check_schedule(tree: YamlTree) -> None:
    """Refuse what EventBridge Scheduler would refuse, and what would never run the spec again.

    Here and not in the model, because the model also reads the specs of earlier runs.
    """
    written, zone = tree.at("schedule"), tree.at("schedule_timezone")
    if written is None and zone is not None:
        tree.report(("schedule_timezone",), "needs schedule, whose clock it sets")
    known = "UTC"
    if isinstance(zone, str):
        try:
            time_zone(zone)
            known = zone
        except ValueError as error:
            tree.report(("schedule_timezone",), str(error))
    if not isinstance(written, str):
        return
    try:
        schedule = parse_schedule(written, known)
    except ValueError as error:
        tree.report(("schedule",), str(error))
        return
    if isinstance(schedule, At):
        once = schedule.time.astimezone(time_zone(known))
        tree.report(
            ("schedule",),
            f"{written} fires once, and a schedule runs the spec again and again; use rate(…) or "
            f"cron(…). For one rerun, write "
            f"cron({once.minute} {once.hour} {once.day} {once.month} ? {once.year})",
        )
    elif isinstance(schedule, Cron) and schedule.first is None:
        tree.report(
            ("schedule",),
            f"{written} never fires, since it names no time that exists; name another",
        )
    elif isinstance(schedule, Cron) and not next_times(schedule, datetime.now(UTC) - _LATE, 1):
        tree.report(
            ("schedule",),
            f"{written} never fires again: its last year is {schedule.expression.last_year}. "
            "Name a later one or *, or leave the schedule out",
        )


def _check_names(spec: Spec, tree: YamlTree) -> None:
    for role, models in (("teachers", spec.teachers), ("students", spec.students)):
        first: dict[str, int] = {}
        for index, model in enumerate(models):
            if model.name in first:
                tree.report(
                    (role, index),
                    f"has the same name, {model.name}, as {path_text((role, first[model.name]))}; "
                    "candidates are told apart by name, so rename one folder or drop it",
                )
            first.setdefault(model.name, index)
    whole = {teacher.kind for teacher in spec.teachers}
    if spec.training.kd_weight > 0 and whole and "weights" not in whole:
        tree.report(
            ("training", "kd_weight"),
            f"{spec.training.kd_weight:g} needs a teacher of kind weights, whose token "
            f"distribution can be read; found only {', '.join(sorted(whole))}. Set it to 0",
        )
    if spec.task.checker is not None and not spec.task.checker.endswith(".py"):
        tree.report(("task", "checker"), f"{spec.task.checker!r} is not a Python file (.py)")
