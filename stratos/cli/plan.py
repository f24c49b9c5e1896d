"""`stratos plan`: what the pipeline would choose, without an account."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from stratos.catalog.local import measure_local_servers
from stratos.cli.catalog import Catalog, load_servers
from stratos.cli.options import Json
from stratos.cli.plan_tables import print_advice, print_beside, print_plans
from stratos.cli.screen import aloud, make_console
from stratos.contracts.bucket import SPEC_FILE
from stratos.contracts.plan import PlanSet
from stratos.contracts.plan_document import Advice, PlanDocument
from stratos.errors import NoFeasiblePlan, SpecRejected
from stratos.planning.nearest import plan_or_nearest
from stratos.planning.offline.advice import advise
from stratos.planning.offline.folder import DEFAULT_REGION
from stratos.planning.offline.page import plan_page
from stratos.planning.offline.planner import OfflinePlanner
from stratos.problems import Problem
from stratos.regions import known_regions
from stratos.spec import Load, Spec
from stratos.spec.default_budget import DEFAULT_BUDGET_USD, is_default
from stratos.spec.folder import why_not_in
from stratos.spec.refusals import did_you_mean
from stratos.spec.schedule import Rate, next_times, parse_schedule

INFEASIBLE = 7
"""Exit code where no plan holds every constraint."""
console = make_console()


WhatIf = Annotated[
    list[str] | None,
    typer.Option(
        "--what-if",
        metavar="FIELD=VALUE",
        help="Plan also as if a field of the spec were another, and show both: "
        "constraints.max_budget_usd=50, students[0].layers=4, load.origins=; repeat for more.",
    ),
]
Origins = Annotated[
    str | None,
    typer.Option(
        help="In place of load.origins, requests per second by region: us-east-1=5,eu-west-1=3."
    ),
]
WorkerRegions = Annotated[
    str | None,
    typer.Option(
        help="Plan as if the stack had workers there, and endpoints: eu-west-1,ap-northeast-1."
    ),
]
Local = Annotated[bool, typer.Option("--local", help="Measure this machine and plan for it.")]
Html = Annotated[Path | None, typer.Option(help="Write the front as an HTML page to explore.")]
Out = Annotated[
    Path | None,
    typer.Option(help="Write what --json prints into a file, for `stratos submit --plan`."),
]


def plan_command(
    spec: Annotated[Path, typer.Argument(help="A spec.yaml, or the folder that holds it.")],
    region: Annotated[str, typer.Option(help="Where the stack lives.")] = DEFAULT_REGION,
    catalog: Catalog = None,
    local: Local = False,
    what_if: WhatIf = None,
    origins: Origins = None,
    worker_regions: WorkerRegions = None,
    html: Html = None,
    out: Out = None,
    json_: Json = False,
) -> None:
    """Choose servers, teacher, student and method for a spec, before anything is spent.

    First each constraint: what was asked, what is forecast, and whether that holds it. If no plan
    holds them all, the exit code is 7, and changes are named that were tried and do.
    """
    changes = tuple(what_if or ())
    folder = spec if spec.is_dir() else spec.parent
    planner = OfflinePlanner(
        folder,
        _content(spec / SPEC_FILE if spec.is_dir() else spec),
        measure_local_servers() if local else load_servers(catalog),
        _region(region, "--region"),
        _regions(worker_regions),
    )
    if origins is not None:
        planner.load = with_origins(planner.spec(changes), origins).load
    _check_writable_plan(out, changes, origins)
    options = _options(
        {
            "--region": region if region != DEFAULT_REGION else None,
            "--catalog": catalog,
            "--origins": origins,
            "--worker-regions": worker_regions,
        }
    )
    document = _document(planner, str(spec), changes, options + ["--local"] * local)
    if html is not None and document.plans is not None:
        page = plan_page(planner.spec(changes), document.plans, document.advice)
        html.write_text(page, encoding="utf-8")
    text = json.dumps(document.model_dump(mode="json"), indent=2)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")
    if json_:
        console.out(text, highlight=False)
    else:
        _print(document, shlex.quote(str(folder)), html, out)
    if document.infeasible:
        raise typer.Exit(INFEASIBLE)


def _options(given: Mapping[str, object]) -> list[str]:
    """Options of this call, as those of another."""
    return [word for name, value in given.items() if value for word in (name, str(value))]


def _document(
    planner: OfflinePlanner, target: str, changes: tuple[str, ...], options: list[str]
) -> PlanDocument:
    request = planner.request(changes)
    basis = planner.basis(planner.request().dataset if changes else request.dataset)
    plans, infeasible = None, ""
    try:
        plans = plan_or_nearest(request)
        infeasible = plans.infeasible
    except NoFeasiblePlan as error:
        infeasible = str(error)
    advice: tuple[Advice, ...] = ()
    if infeasible:
        with aloud(make_console(stderr=True), "trying what would hold every constraint"):
            advice = advise(planner, target, changes, options)
    return PlanDocument(
        name=request.spec.name,
        basis=basis,
        what_if=changes,
        infeasible=infeasible,
        plans=plans,
        as_it_stands=_as_it_stands(planner) if changes else None,
        advice=advice,
        notes=tuple(_notes(plans, planner, request.spec)),
    )


def _as_it_stands(planner: OfflinePlanner) -> PlanSet | None:
    try:
        return planner.plans()
    except NoFeasiblePlan:
        return None


def _print(document: PlanDocument, folder: str, html: Path | None, out: Path | None) -> None:
    if document.plans is not None:
        print_plans(console, document.name, document.plans)
    else:
        console.print(f"{document.name}: {document.infeasible}", soft_wrap=True, markup=False)
    if document.what_if and document.plans is not None and document.as_it_stands is not None:
        print_beside(console, document.what_if, document.as_it_stands, document.plans)
    if document.infeasible:
        print_advice(console, document.advice)
    for note in document.notes:
        console.print(f"  note: {note}", soft_wrap=True, highlight=False, markup=False)
    if html is not None and document.plans is not None:
        console.print(f"wrote {html}", soft_wrap=True, markup=False)
    if out is not None:
        ending = "" if document.infeasible else f"; stratos submit {folder} --plan {out} runs it"
        console.print(f"wrote {out}{ending}", soft_wrap=True, markup=False)


def _content(file: Path) -> bytes:
    if not file.is_file():
        message = f"there is no {file}; give a spec.yaml or the folder that holds one"
        raise SpecRejected([Problem(path="", line=None, message=message)])
    return file.read_bytes()


def _check_writable_plan(out: Path | None, changes: tuple[str, ...], origins: str | None) -> None:
    """A run reads spec.yaml, so only a plan of what stands there can be submitted."""
    if out is not None and (changes or origins is not None):
        message = (
            "a plan of changes that spec.yaml does not have cannot be submitted; write them into "
            "it, then plan without --what-if and --origins"
        )
        raise SpecRejected([Problem(path="--out", line=None, message=message)])


def with_origins(spec: Spec, text: str) -> Spec:
    """The spec with requests from other regions, given as `us-east-1=5,eu-west-1=3`.

    Raises:
        SpecRejected: if it is not in this form, or the place of a region is unknown.
    """
    pairs = [part.partition("=") for part in text.split(",")]
    origins = {region.strip(): rate.strip() for region, _, rate in pairs}
    load = spec.load.model_dump(exclude={"requests_per_second", "origins"})
    try:
        if len(origins) < len(pairs):
            raise ValueError("give each region once")
        rates = {region: _rate(rate) for region, rate in origins.items()}
        if unknown := [region for region in rates if region not in known_regions()]:
            raise ValueError(_unknown(unknown[0]))
        found = Load.model_validate(load | {"origins": rates})
    except ValueError as error:
        message = f"{text!r}: expected us-east-1=5,eu-west-1=3, say; {_in_words(error)}"
        raise SpecRejected([Problem(path="--origins", line=None, message=message)]) from error
    return spec.model_copy(update={"load": found})


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise ValueError(f"found {text!r} as a rate; needed: a number above 0")
    return rate


def _in_words(error: ValueError) -> str:
    """A model's refusal without what pydantic says around it."""
    errors = getattr(error, "errors", None)
    return str(error) if errors is None else str(errors()[0]["msg"]).removeprefix("Value error, ")


def _unknown(region: str) -> str:
    return (
        f"{region!r} is no region of AWS that is known here{did_you_mean(region, known_regions())}"
    )


def _region(region: str, option: str) -> str:
    if region not in known_regions():
        raise SpecRejected([Problem(path=option, line=None, message=_unknown(region))])
    return region


def _regions(text: str | None) -> tuple[str, ...]:
    regions = (region.strip() for region in (text or "").split(","))
    return tuple(_region(region, "--worker-regions") for region in regions if region)


def _notes(plans: PlanSet | None, planner: OfflinePlanner, spec: Spec) -> Iterator[str]:
    """What a stack would say of the choice."""
    home, workers = planner.region, planner.worker_regions
    if refusal := why_not_in(home, spec.constraints.regions or (), workers):
        yield refusal
    if is_default(spec, "max_budget_usd"):
        yield (
            f"max_budget_usd is {DEFAULT_BUDGET_USD:.0f}, unless your stack says otherwise "
            "(stratos:default_max_budget_usd), which no stack was asked for; the spec may name it"
        )
    if plans is not None and workers and plans.chosen.regions != (home,):
        yield f"a stack serves at home, in {home}; the plan shows what more regions would bring"
    for region, why in (plans.regions if plans is not None else {}).items():
        yield f"not {region}: {why}"
    if spec.schedule is not None:
        yield _reruns(spec.schedule, spec.schedule_timezone)


def _reruns(schedule: str, timezone: str) -> str:
    expression = parse_schedule(schedule, timezone)
    if isinstance(expression, Rate):
        return f"runs again if inputs have changed: {schedule}, from the moment the model is live"
    times = next_times(expression, datetime.now(UTC))
    shown = ", ".join(f"{time:%a %Y-%m-%d %H:%M}" for time in times) or "at no time from now on"
    return f"runs again if inputs have changed: {schedule} in {timezone}; next: {shown}"
