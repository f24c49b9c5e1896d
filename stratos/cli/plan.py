"""`stratos plan`: what the pipeline would choose, without an account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.table import Table
from rich.text import Text

from stratos.catalog.files import FilesOnDisk
from stratos.catalog.local import measure_local_servers
from stratos.catalog.model_files import ModelFiles
from stratos.catalog.spec_models import require_models
from stratos.cli.catalog import load_servers
from stratos.cli.screen import make_console
from stratos.contracts.bucket import SPEC_FILE
from stratos.contracts.plan import Interval, Plan, PlanSet
from stratos.errors import SpecRejected
from stratos.hosting.modes.table import told_endpoint
from stratos.planning.choose import plan_before_probing
from stratos.planning.offline.folder import DEFAULT_REGION, request_of_folder
from stratos.planning.offline.page import plan_page
from stratos.problems import Problem
from stratos.regions import known_regions
from stratos.report.figures import interval
from stratos.spec import Constraints, Load, Spec
from stratos.spec.folder import files_under, read_spec_in_folder, why_not_in
from stratos.spec.schedule import Rate, next_times, parse_schedule
from stratos.units import figure

console = make_console()


def plan_command(
    spec: Annotated[Path, typer.Argument(help="A spec.yaml, or the folder that holds it.")],
    region: Annotated[str, typer.Option(help="Where the stack lives.")] = DEFAULT_REGION,
    catalog: Annotated[
        Path | None, typer.Option(help="A servers.json; the shipped AWS catalog by default.")
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="Measure this machine and plan for it.")
    ] = False,
    what_if: Annotated[
        list[str] | None,
        typer.Option(
            "--what-if", help="Override a constraint: max_budget_usd=50; repeat for more."
        ),
    ] = None,
    origins: Annotated[
        str | None,
        typer.Option(
            help="In place of load.origins, requests per second by region: us-east-1=5,eu-west-1=3."
        ),
    ] = None,
    worker_regions: Annotated[
        str | None,
        typer.Option(
            help="Plan as if the stack had workers there, and endpoints: eu-west-1,ap-northeast-1."
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the front as an HTML page to explore.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    folder = spec if spec.is_dir() else spec.parent
    file = spec / SPEC_FILE if spec.is_dir() else spec
    files = ModelFiles(FilesOnDisk(folder))
    read = with_limits(_read(file, folder, files), what_if or [])
    if origins is not None:
        read = with_origins(read, origins)
    servers = measure_local_servers() if local else load_servers(catalog)
    workers = _regions(worker_regions)
    request = request_of_folder(folder, read, servers, region, workers, files=files)
    plans = plan_before_probing(request)
    if html is not None:
        html.write_text(plan_page(read, plans), encoding="utf-8")
    if json_:
        console.out(json.dumps(plans.model_dump(mode="json"), indent=2), highlight=False)
        return
    _print(plans)
    for note in _notes(plans, region, workers, read):
        console.print(f"  note: {note}", soft_wrap=True, highlight=False)
    if read.schedule is not None:
        console.print(
            _reruns(read.schedule, read.schedule_timezone), soft_wrap=True, highlight=False
        )
    if html is not None:
        console.print(f"wrote {html}", soft_wrap=True)


def with_limits(spec: Spec, what_if: list[str]) -> Spec:
    """The spec with some constraints overridden, each as `name=value`.

    Raises:
        SpecRejected: for an unknown constraint, or a value it cannot have.
    """
    limits = spec.constraints.model_dump()
    for text in what_if:
        name, equals, value = text.partition("=")
        if not equals or name not in Constraints.model_fields:
            known = ", ".join(Constraints.model_fields)
            message = f"--what-if {text}: expected NAME=VALUE with one of {known}"
            raise SpecRejected([Problem(path="constraints", line=None, message=message)])
        limits[name] = yaml.safe_load(value) if value else None
    try:
        constraints = Constraints.model_validate(limits)
    except ValueError as error:
        message = f"--what-if {' '.join(what_if)}: {error}"
        raise SpecRejected([Problem(path="constraints", line=None, message=message)]) from error
    return spec.model_copy(update={"constraints": constraints})


def _read(file: Path, folder: Path, files: ModelFiles) -> Spec:
    if not file.is_file():
        message = f"there is no {file}; give a spec.yaml or the folder that holds one"
        raise SpecRejected([Problem(path="", line=None, message=message)])
    spec = read_spec_in_folder(file.read_bytes(), files_under(folder))
    require_models(spec, files)
    return spec


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
        rates = {region: float(rate) for region, rate in origins.items()}
        found = Load.model_validate(load | {"origins": rates})
        if unknown := [region for region in rates if region not in known_regions()]:
            raise ValueError(f"{unknown[0]!r} is none of {', '.join(known_regions())}")
    except ValueError as error:
        message = f"--origins {text}: expected us-east-1=5,eu-west-1=3, say; {error}"
        raise SpecRejected([Problem(path="load", line=None, message=message)]) from error
    return spec.model_copy(update={"load": found})


def _regions(text: str | None) -> tuple[str, ...]:
    regions = tuple(region.strip() for region in (text or "").split(",") if region.strip())
    if unknown := [region for region in regions if region not in known_regions()]:
        message = f"--worker-regions: {unknown[0]!r} is none of {', '.join(known_regions())}"
        raise SpecRejected([Problem(path="constraints", line=None, message=message)])
    return regions


def _notes(plans: PlanSet, home: str, workers: tuple[str, ...], spec: Spec) -> Iterator[str]:
    """What a stack would say of the choice."""
    if refusal := why_not_in(home, spec.constraints.regions or (), workers):
        yield refusal
    if workers and plans.chosen.regions != (home,):
        yield f"a stack serves at home, in {home}; the plan shows what more regions would bring"
    for region, why in plans.regions.items():
        yield f"not {region}: {why}"


def _reruns(schedule: str, timezone: str) -> str:
    expression = parse_schedule(schedule, timezone)
    if isinstance(expression, Rate):
        return f"runs again if inputs have changed: {schedule}, from the moment the model is live"
    times = next_times(expression, datetime.now(UTC))
    shown = ", ".join(f"{time:%a %Y-%m-%d %H:%M}" for time in times) or "at no time from now on"
    return f"runs again if inputs have changed: {schedule} in {timezone}; next: {shown}"


def _print_origins(plan: Plan) -> None:
    table = Table("requests from", "per second", "served in", "away ms", "p95 ms", box=None)
    for column in (table.columns[1], *table.columns[3:]):
        column.justify = "right"
    for row in plan.origins:
        away, p95 = f"{row.round_trip_ms:,.0f}", f"{row.p95_latency_ms:,.0f}"
        table.add_row(row.origin, figure(row.requests_per_second), row.served_in, away, p95)
    console.print(table)


def _print(plans: PlanSet) -> None:
    money = ("$ to deploy", "$ / month", "$ / 1,000")
    table = Table("plan", "accuracy", "p95 ms", "hours", *money, box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    rows = {"chosen": plans.chosen} | plans.alternatives
    distinct = {plan.id: plan for plan in rows.values()}
    for number, (plan_id, plan) in enumerate(distinct.items(), start=1):
        names = [name.replace("_", " ") for name, row in rows.items() if row.id == plan_id]
        table.add_row(str(number), *_figures(plan))
        console.print(_first_line(number, names, plan), soft_wrap=True)
        console.print(f"   {_description(plan)}", soft_wrap=True, highlight=False)
        if plan.elsewhere is not None:
            console.print(f"   away: {plan.elsewhere.told}", soft_wrap=True, highlight=False)
        console.print(f"   hosting: {plan.hosting.reason}", soft_wrap=True, highlight=False)
        if plan.engine is not None:
            console.print(f"   engine: {plan.engine.told}", soft_wrap=True, highlight=False)
        if plan.precision_reason:
            console.print(f"   precision: {plan.precision_reason}", soft_wrap=True, highlight=False)
    console.print(table)
    if plans.chosen.origins:
        _print_origins(plans.chosen)
    console.print(
        f"{plans.num_candidates:,} candidates, {plans.front_size:,} on the front, "
        f"{plans.seconds:.2f} s; binding: {', '.join(plans.binding) or 'nothing'}"
    )
    for caveat in plans.chosen.caveats:
        console.print(f"  note: {caveat}", soft_wrap=True, highlight=False)


def _first_line(number: int, names: list[str], plan: Plan) -> Text:
    """What the plan is, and at once what it is not expected to hold."""
    missed = "".join(f"; forecast to miss {miss}" for miss in plan.misses)
    return Text.assemble((f"{number}  {', '.join(names)}", "bold"), (missed, "yellow"))


def _description(plan: Plan) -> str:
    training = plan.training
    spot = " spot" if training.purchase == "spot" else ""
    return (
        f"{plan.teacher} → {plan.student}, {plan.method}, {plan.precision}; train on "
        f"{training.count} × {training.instance_type}{training.layout}{spot} in "
        f"{training.region}; serve on {told_endpoint(plan)}"
    )


def _figures(plan: Plan) -> list[str]:
    return [
        _range(plan.accuracy, ".2f"),
        _range(plan.p95_latency_ms, ",.0f"),
        _range(plan.hours_to_deploy, ".2f"),
        _range(plan.usd_to_deploy, ",.2f"),
        _range(plan.usd_per_month, ",.0f" if plan.usd_per_month.value >= 10 else ",.2f"),
        interval(plan.usd_per_1000_requests) if plan.usd_per_1000_requests else "–",
    ]


def _range(found: Interval, pattern: str) -> str:
    low, high = format(found.lo, pattern), format(found.hi, pattern)
    return f"{format(found.value, pattern)} ({low}–{high})"
