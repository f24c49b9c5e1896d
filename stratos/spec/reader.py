"""Reading a spec file into a `Spec`, with every problem reported at once.

What the file alone shows is checked here; what needs the files beside it, in
`stratos.spec.folder`, whose `read_spec_in_folder` the pipeline and the command line both call.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from stratos.errors import SpecRejected
from stratos.problems import Problem
from stratos.regions import known_regions
from stratos.spec import Spec
from stratos.spec.default_budget import MARK
from stratos.spec.refusals import by_place, did_you_mean, explain_all
from stratos.spec.schedule import At, Cron, next_times, parse_schedule, time_zone
from stratos.spec.verifier_faults import verifier_faults
from stratos.spec.yaml_tree import Location, YamlTree, path_text, read_yaml
from stratos.statistics.wilson import proportion

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
        for location, found in by_place(error.errors(include_url=False), tree).items():
            tree.report(*explain_all(found, location))
    _check_attainable(tree)
    _check_regions(tree)
    _check_marks(tree)
    _check_schedule(tree)
    if spec is not None:
        _check_names(spec, tree)
        for field, fault in verifier_faults(spec.task.verifier):
            tree.report(("task", "verifier", field), fault)
    return SpecDocument(tree, spec)


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


def _check_regions(tree: YamlTree) -> None:
    """Refuse a region that is not known: nothing has a price there, and its distance is unknown.

    Here and not in the model, because the model also reads the specs of earlier runs.
    """
    named = tree.at("constraints", "regions")
    origins = tree.at("load", "origins")
    places: list[tuple[Location, object]] = []
    for index, region in enumerate(named if isinstance(named, list) else ()):
        places.append((("constraints", "regions", index), region))
    for region in origins if isinstance(origins, dict) else ():
        places.append((("load", "origins", str(region)), region))
    known = known_regions()
    for location, region in places:
        if isinstance(region, str) and region not in known:
            tree.report(
                location,
                f"{region!r} is no region whose place is known{did_you_mean(region, known)} "
                f"(known: {', '.join(known)})",
            )


def _check_marks(tree: YamlTree) -> None:
    """Refuse what only the pipeline writes, into the specs that it stores."""
    if tree.at("constraints", MARK) is not None:
        tree.report(
            ("constraints", MARK),
            "no field of a spec: a run is marked so whose spec names no max_budget_usd. Leave it "
            "out",
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
