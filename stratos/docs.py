"""Reference pages, generated: the spec by field, the command line, answers, three JSON Schemas.

python -m stratos.docs            write docs/spec.md, docs/cli.md, docs/answers.md and docs/schemas/
python -m stratos.docs --check    fail if a page is out of date
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from stratos.cli.reference import cli_reference
from stratos.contracts.plan_document import PlanDocument
from stratos.dataset.allowance import LARGE_BYTES, MAX_BYTES, MAX_SECONDS
from stratos.dataset.near_duplicates import MIN_WORDS, PERMUTATIONS, SHINGLE_WORDS, THRESHOLD
from stratos.dataset.reading import MAX_SHOWN
from stratos.dataset.splitting import MIN_TRAIN_RECORDS
from stratos.hosting.guardrails import MAX_FAILED_SHARE
from stratos.hosting.next_server import MAX_SERVERS
from stratos.measuring.gates import SIGNIFICANCE
from stratos.measuring.load import requests_needed
from stratos.pipeline.summary import RunSummary
from stratos.scoring.published import answers_page, published_answers
from stratos.spec import Spec
from stratos.spec.constraints import LONGEST_MEASURE_SECONDS

_WORDS = {"string": "text", "boolean": "true or false", "object": "mapping"}

_INTRODUCTION = f"""\
# The spec

A spec is one file, `specs/<name>/spec.yaml`, beside everything it names. Its `name` is that of the
folder. Uploading the spec starts a run, so upload it last. Scalars follow YAML 1.2: `no` and `1:30`
are text. Aliases, tags and unknown fields are refused. If a spec is refused, all its problems are
listed in `rejection.json` beside it.

The same as JSON Schema: [schemas/spec.schema.json](schemas/spec.schema.json). The outcome of a run,
`runs/<run id>/run.json`, follows [schemas/run.schema.json](schemas/run.schema.json).

This page is generated from `stratos/spec/` by `python -m stratos.docs`.

## The dataset

A dataset is a file, or a prefix with many. [datasets.md](datasets.md) shows every format with an
example row, how tool calls and conversations are read, and what is no answer. A row without an
answer is used for training only. Any row may have an `id`, and a `group`: rows with the same
`group` are variants of each other.

A bad line stops the run; the first {MAX_SHOWN} are reported by file and line. With
`on_bad_line: skip`, bad lines are left out and counted, up to `max_bad_share` of all.

Records are split by the hash of their group, or of the beginning of their conversation if they have
no group. So neither spans two splits, and the order of the file does not matter.
`task.heldout_records` and `task.probe_records` are the sizes of those two splits; where groups are
large, the last one may make a split larger. At least {MIN_TRAIN_RECORDS} records must be left for
training.

Questions that are equal after Unicode normalisation, case folding and collapsing of spaces count
once. A training record is dropped as a near-duplicate of a held-out or probe record if both
questions have {MIN_WORDS} words or more, the gold answers are equal, and the Jaccard similarity of
their {SHINGLE_WORDS}-word shingles is {THRESHOLD} or more. MinHash with {PERMUTATIONS} permutations
estimates it (standard error 0.025 there). Shorter questions that look alike are kept as different
questions.

Records pass through a disk, so memory does not grow with the dataset (`make bench-dataset`). Time
and disk space do. A dataset whose files hold more than {LARGE_BYTES / 1e9:g} GB, that is more than
{MAX_BYTES / 1e9:g} GB as records, or that InspectDataset has not split within {MAX_SECONDS:.0f} s,
before the function's 15 minutes are over, is split by a job of the same code: on the cheapest
server for training, with a disk to match, within half of `max_training_hours` and within
`max_budget_usd`. A dataset that is too large for these is refused before the job starts, if the
size of its files tells, or by the job.

## Gates

`min_accuracy` is a limit on the lower end of the 95% Wilson interval of the held-out accuracy. The
student must also beat the untuned student, and must not be worse than the model in service, by
McNemar's exact test (p < {SIGNIFICANCE}).

The endpoint is measured under `load.requests_per_second`. Requests arrive as a Poisson process and
do not wait for answers. Latency counts from the moment a request was due. The first two seconds do
not count. Measuring takes `load.measure_seconds`, and longer (up to {LONGEST_MEASURE_SECONDS}
seconds) until the 95% interval of every limited percentile has an upper end: that takes
{requests_needed(0.95)} requests for p95 and {requests_needed(0.99)} for p99. With fewer requests,
the report says that the percentile is not bounded, and a constraint that it meets stays open.

- `max_p50_latency_ms`, `max_p95_latency_ms` and `max_p99_latency_ms` limit the percentile as
  measured, not the end of its interval.
- The declared load is missed if even the upper end of the 95% interval of the rate of answers is
  below the rate at which requests arrived.
- `max_usd_per_1000_requests` limits the server's hourly price divided by the measured rate of
  answers, at the lower end of its interval. A serverless endpoint has no hourly price: there, the
  bill of the seconds it answered takes its place.
- The gate fails if more than {MAX_FAILED_SHARE:.0%} of the requests fail.

A model that is hosted in batches has no endpoint to put under load. The answers and the bill of one
batch are measured instead ([hosting](hosting.md#batches)).

After a miss, the same model is tried on the next better server of the Pareto front, on up to
{MAX_SERVERS} servers. Then the next student is trained. Both happen only while `max_budget_usd` and
`max_training_hours` have room for another attempt like the last one. An endpoint that scales to
zero keeps its instances, so there the next student is trained at once. If nothing is left to try,
what was in service before the run is put back into service, and the run ends with every plan it
tried and what each measured. A model in service is replaced only by one that meets every constraint
of the spec, including `max_budget_usd` and `max_training_hours`.

A job ends itself, with its best result, after its share of the hours that `max_training_hours`
leaves.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    parser.add_argument("--into", type=Path, default=Path("docs"), help="folder of the pages")
    arguments = parser.parse_args()
    stale = [
        path
        for path, content in pages(arguments.into).items()
        if not path.exists() or path.read_text(encoding="utf-8") != content
    ]
    if arguments.check:
        for path in stale:
            sys.stderr.write(f"{path} is out of date; run python -m stratos.docs\n")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages(arguments.into)[path], encoding="utf-8")
    return 0


def pages(folder: Path) -> dict[Path, str]:
    """Every page and its content."""
    answers = published_answers(Path(__file__).parents[1] / "docs" / "answers.json")
    return {
        folder / "answers.md": answers_page(answers),
        folder / "cli.md": cli_reference(),
        folder / "spec.md": spec_reference(),
        folder / "schemas" / "spec.schema.json": schema_text(Spec),
        folder / "schemas" / "run.schema.json": schema_text(RunSummary),
        folder / "schemas" / "plan.schema.json": schema_text(PlanDocument),
    }


def schema_text(model: type[BaseModel]) -> str:
    """The JSON Schema of a model, with the models' docstrings as descriptions."""
    schema = model.model_json_schema(mode="validation" if model is Spec else "serialization")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    described = {m.__name__: m for m in models_of(model)}
    for name, definition in [(model.__name__, schema), *schema.get("$defs", {}).items()]:
        if name not in described:
            continue
        for field, text in field_docs(described[name]).items():
            if field in definition.get("properties", {}):
                definition["properties"][field].setdefault("description", text)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def spec_reference() -> str:
    """`docs/spec.md`."""
    sections = [_INTRODUCTION]
    for model in models_of(Spec):
        heading = f"## {model.__name__}\n\n{inspect.getdoc(model)}\n"
        fields = model.model_json_schema()["properties"]  # without those that nobody writes
        rows = "\n".join(_row(model, name) for name in model.model_fields if name in fields)
        sections.append(
            f"{heading}\n| Field | Type | Default | Meaning |\n|---|---|---|---|\n{rows}\n"
        )
    return "\n".join(sections)


def models_of(model: type[BaseModel]) -> list[type[BaseModel]]:
    """A model and every model its fields lead to, in the order they appear."""
    found: dict[type[BaseModel], None] = {}

    def visit(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation in found:
                return
            found[annotation] = None
            for field in annotation.model_fields.values():
                visit(field.annotation)
        for argument in get_args(annotation):
            visit(argument)

    visit(model)
    return list(found)


def field_docs(model: type[BaseModel]) -> dict[str, str]:
    """Field → the docstring under it, its lines joined; inherited fields included."""
    docs: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if isinstance(cls, type) and issubclass(cls, BaseModel) and cls is not BaseModel:
            docs |= dict(_own_field_docs(cls))
    return docs


def _own_field_docs(cls: type[BaseModel]) -> Iterator[tuple[str, str]]:
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)
    for field, below in zip(body.body, body.body[1:], strict=False):
        is_field = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if is_field and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            assert isinstance(field, ast.AnnAssign)
            assert isinstance(field.target, ast.Name)
            yield field.target.id, " ".join(str(below.value.value).split())


def _row(model: type[BaseModel], name: str) -> str:
    schema = model.model_json_schema()["properties"][name]
    cells = (f"`{name}`", _type(schema), _default(model, name), field_docs(model).get(name, ""))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(model: type[BaseModel], name: str) -> str:
    field = model.model_fields[name]
    if field.is_required():
        return "required"
    default = field.default
    if default is None or default is PydanticUndefined or default == ():
        return ""
    if isinstance(default, BaseModel):
        return "see below"
    return f"`{json.dumps(default, ensure_ascii=False)}`"


def _type(schema: dict[str, Any]) -> str:
    """A JSON Schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for union in ("anyOf", "oneOf"):
        if union in schema:
            kinds = [_type(part) for part in schema[union] if part.get("type") != "null"]
            return " or ".join(kinds)
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    kind = str(schema.get("type", "any"))
    return _WORDS.get(kind, kind) + _bounds(schema)


def _bounds(schema: dict[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f" {low:g} to {high:g}"
    if low is not None:
        return f" of at least {low:g}"
    if "exclusiveMinimum" in schema:
        return f" above {schema['exclusiveMinimum']:g}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
