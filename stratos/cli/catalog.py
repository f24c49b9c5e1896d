"""`stratos catalog`: servers and models on offer, checked, measured and refreshed."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.table import Table

from stratos.catalog.bedrock_listing import fetch_listing
from stratos.catalog.check import model_problems, server_problems
from stratos.catalog.local import measure_local_servers
from stratos.catalog.models import bedrock_teachers, hub_models
from stratos.catalog.price_list import API_REGION, fetch_products, with_prices
from stratos.catalog.quotas import fetch_quotas, parse_quotas, with_quotas
from stratos.catalog.servers import ServerCatalog
from stratos.cli.screen import make_console
from stratos.contracts.bucket import SERVERS_KEY, TEACHERS_KEY, s3_uri, split_uri
from stratos.units import figure

catalog_app = typer.Typer(
    help="Servers and models on offer, with their prices and where each number comes from.",
    no_args_is_help=True,
)
console = make_console()

Catalog = Annotated[
    str | None,
    typer.Option(
        "--catalog",
        help="A servers.json, or s3:// and the bucket of a stack that has one; by default the "
        "shipped catalog of AWS.",
    ),
]


class CatalogTopic(StrEnum):
    SERVERS = "servers"
    MODELS = "models"
    TEACHERS = "teachers"


def load_servers(source: str | None) -> ServerCatalog:
    """A catalog's file, that of a bucket, or the shipped one.

    Raises:
        typer.BadParameter: there is none, or it cannot be read.
    """
    if source is None:
        return ServerCatalog.aws()
    try:
        return ServerCatalog.model_validate_json(_read(_servers_at(source)))
    except OSError as error:
        raise typer.BadParameter(f"there is no catalog at {source}: {error}") from error
    except ValidationError as error:
        raise typer.BadParameter(
            f"{source} is no catalog; `stratos catalog refresh` and `measure` write one"
        ) from error


@catalog_app.command()
def show(
    topic: Annotated[CatalogTopic, typer.Argument(help="What to list.")] = CatalogTopic.SERVERS,
    region: Annotated[str, typer.Option(help="Region of the prices.")] = "us-east-1",
    catalog: Catalog = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """List servers, models, or Bedrock teachers."""
    if topic is CatalogTopic.SERVERS:
        servers = load_servers(catalog)
        _show(_servers_table(servers, region), servers.model_dump_json(indent=2), json_=json_)
        return
    rows = hub_models() if topic is CatalogTopic.MODELS else bedrock_teachers()
    text = "[" + ",\n".join(row.model_dump_json() for row in rows.values()) + "]"
    table = _models_table() if topic is CatalogTopic.MODELS else _teachers_table()
    _show(table, text, json_=json_)


@catalog_app.command()
def check(catalog: Catalog = None) -> None:
    """List what is wrong or stale in the catalog; exit code 1 if anything is."""
    today = datetime.now(UTC).date()
    problems = [*server_problems(load_servers(catalog), today), *model_problems(hub_models())]
    for problem in problems:
        console.print(problem, soft_wrap=True, highlight=False)
    console.print(f"{len(problems)} problems")
    if problems:
        raise typer.Exit(1)


@catalog_app.command()
def measure(
    max_threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the largest server; all by default.")
    ] = None,
    catalog: Catalog = None,
    only: Annotated[bool, typer.Option(help="Write only this machine's servers.")] = False,
    out: Annotated[str | None, typer.Option(help="File or s3:// bucket to write to.")] = None,
) -> None:
    """Measure this machine, and add it to the catalog as ml.local.cpu1, ml.local.cpu2, …"""
    measured = measure_local_servers(max_threads)
    for row in measured.instance_types:
        console.print(
            f"{row.instance_type}: {(row.tflops_32bit or 0) * 1e3:.1f} GFLOP/s float32, "
            f"{row.memory_bandwidth_gb_per_s:.1f} GB/s, {row.memory_gib:.1f} GiB",
            highlight=False,
        )
    if out is not None:
        whole = measured if only else load_servers(catalog).with_types(*measured.instance_types)
        console.print(f"wrote {write_catalog(whole, out)}", soft_wrap=True)


@catalog_app.command()
def refresh(
    regions: Annotated[
        list[str], typer.Option("--region", help="Region to fetch; repeat for more.")
    ],
    out: Annotated[str, typer.Option(help="File or s3:// bucket to write to.")],
    catalog: Catalog = None,
    quotas: Annotated[bool, typer.Option(help="Also read the account's quotas.")] = True,
    teachers: Annotated[
        bool, typer.Option(help="Also read Bedrock's models, into teachers.json beside it.")
    ] = True,
) -> None:
    """Fetch prices, quotas, and the models on Bedrock.

    Needs credentials that allow pricing:GetProducts, servicequotas:ListServiceQuotas,
    bedrock:ListFoundationModels, and s3:PutObject if the target is a bucket.
    """
    import boto3

    servers = load_servers(catalog)
    pricing = boto3.client("pricing", region_name=API_REGION)
    for region in regions:
        servers, taken = with_prices(servers, fetch_products(pricing, region))
        console.print(f"{region}: {taken} prices")
    if quotas:
        client = boto3.client("service-quotas", region_name=regions[0])
        servers = with_quotas(servers, parse_quotas(fetch_quotas(client)))
        console.print(f"quotas of {regions[0]}")
    written = write_catalog(servers, out)
    console.print(f"wrote {written}", soft_wrap=True)
    if teachers:
        bedrock = boto3.client("bedrock", region_name=regions[0])
        listing = fetch_listing(bedrock, regions[0], datetime.now(UTC).date())
        for row in bedrock_teachers().values():
            problem = listing.problem(row.model_id) if row.scope == "in-region" else None
            if problem is not None:
                console.print(problem, soft_wrap=True, highlight=False)
        beside = written.removesuffix(written.rpartition("/")[2]) + Path(TEACHERS_KEY).name
        console.print(f"wrote {_write(listing.model_dump_json(indent=1), beside)}", soft_wrap=True)


def write_catalog(servers: ServerCatalog, target: str) -> str:
    """Write servers.json to a file, or to the key in a bucket that the pipeline reads."""
    return _write(servers.model_dump_json(indent=1), _servers_at(target))


def _servers_at(place: str) -> str:
    """The file or key itself, where only a bucket is named."""
    if not place.startswith("s3://"):
        return place
    bucket, key = split_uri(place if place.count("/") > 2 else place + "/")
    return s3_uri(bucket, key or SERVERS_KEY)


def _read(source: str) -> bytes:
    """
    Raises:
        OSError: There is none.
    """
    if not source.startswith("s3://"):
        return Path(source).read_bytes()
    import boto3
    from botocore.exceptions import ClientError

    bucket, key = split_uri(source)
    try:
        return bytes(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    except ClientError as error:
        raise FileNotFoundError(error.response["Error"]["Code"]) from error


def _write(text: str, target: str) -> str:
    if not target.startswith("s3://"):
        Path(target).write_text(text, encoding="utf-8")
        return target
    import boto3

    bucket, key = split_uri(target)
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())
    return target


def _show(table: Table, text: str, *, json_: bool) -> None:
    if json_:
        console.out(text, highlight=False)
    else:
        console.print(table)


def _servers_table(servers: ServerCatalog, region: str) -> Table:
    table = Table("type", "vCPU", "GiB", "accelerators", "TFLOP/s", "GB/s", title=region)
    for name in ("training $/h", "hosting $/h", "price is"):
        table.add_column(name, justify="right")
    for row in servers.instance_types:
        training, hosting = row.price(region, "training"), row.price(region, "hosting")
        if training is None and hosting is None:
            continue
        price = hosting or training
        assert price is not None
        rate = row.tflops_16bit or row.tflops_32bit
        table.add_row(
            row.instance_type,
            str(row.vcpu),
            f"{row.memory_gib:g}",
            f"{row.num_accelerators} × {row.accelerator}" if row.accelerator else "",
            "?" if rate is None else figure(rate, 3),
            f"{row.memory_bandwidth_gb_per_s or float('nan'):g}",
            "" if training is None else figure(training.usd_per_hour),
            "" if hosting is None else figure(hosting.usd_per_hour),
            f"{price.kind} {price.grade} {price.as_of}",
        )
    return table


def _models_table() -> Table:
    table = Table("model", "parameters", "layers", "hidden", "licence", "score", "of")
    for row in hub_models().values():
        table.add_row(
            row.hub,
            f"{row.num_parameters / 1e9:.2f} B",
            str(row.num_layers),
            str(row.hidden_size),
            row.licence,
            "" if row.prior_accuracy is None else f"{row.prior_accuracy:.3f}",
            row.prior_metric or "",
        )
    return table


def _teachers_table() -> Table:
    table = Table("model id", "scope", "in $/M", "out $/M", "batch out $/M", "end of life", "score")
    for row in bedrock_teachers().values():
        batch = row.batch_output_usd_per_million_tokens
        table.add_row(
            row.model_id,
            row.scope,
            f"{row.input_usd_per_million_tokens:g}",
            f"{row.output_usd_per_million_tokens:g}",
            "" if batch is None else f"{batch:g}",
            "" if row.end_of_life is None else row.end_of_life.isoformat(),
            "" if row.prior_accuracy is None else f"{row.prior_accuracy:.3f}",
        )
    return table
