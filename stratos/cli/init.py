"""`stratos init`: a first spec for a person's own data, to be read and changed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
import yaml

from stratos.catalog.models import default_teachers
from stratos.cli.inspection import print_dataset
from stratos.cli.screen import aloud, make_console
from stratos.contracts.bucket import SPEC_FILE
from stratos.contracts.records import SPLITS, Record, read_jsonl
from stratos.dataset.inspection import Inspection
from stratos.dataset.personal_data import PersonalDataFinder
from stratos.dataset.proposal import (
    ProposedVerifier,
    propose_verifier,
    proposed_accuracy,
    proposed_splits,
)
from stratos.errors import DatasetRejected, FolderTaken
from stratos.planning.offline.folder import inspect_folder
from stratos.spec import PersonalData, Spec, Task
from stratos.spec.folder import files_under, read_spec_in_folder

SCHEMA_FILE = "spec.schema.json"
"""Beside the spec, for editors: they find it by the spec's first line, without a network."""
_SAMPLE = 5_000
"""Records whose answers and texts are looked at."""
_DATA = (".jsonl", ".json", ".csv", ".parquet", ".gz")
_KINDS: tuple[PersonalData, ...] = ("email", "card", "iban", "ip")
"""Phone numbers are found by country, which only a person can say."""
_CRITERIA = "TODO: say in words what makes an answer right"


@dataclass(frozen=True)
class Seen:
    """What the data is.

    Attributes:
        dataset: Its path in the folder, as a spec names it.
        personal: Kind → sampled records that hold such data.
        sampled: Records that were searched for it.
    """

    dataset: str
    found: Inspection
    verifier: ProposedVerifier
    personal: dict[PersonalData, int]
    sampled: int

    @property
    def num_records(self) -> int:
        return sum(self.found.num_records.values())

    @property
    def num_replies(self) -> int:
        return sum(self.found.num_replies.values())


def init_command(
    path: Annotated[
        Path, typer.Argument(metavar="FOLDER_OR_FILE", help="Your data: logs, CSV, JSON, Parquet.")
    ],
) -> None:
    """Look at your data and write a first spec.yaml beside it, with a reason for each line.

    Nothing is uploaded and no file of yours is changed.
    """
    if not path.exists():
        raise typer.BadParameter(f"there is no {path}; give a data file, or a folder of them")
    console = make_console()
    folder, dataset = _place(path.resolve())
    if (folder / SPEC_FILE).exists():
        raise FolderTaken(f"{folder / SPEC_FILE} is there already; change it, or move it away")
    with aloud(make_console(stderr=True), f"looking at {path}"):
        seen = look(folder, dataset)
    text = spec_text(_slug(folder.name if path.is_dir() else path.name), seen)
    read_spec_in_folder(text.encode(), files_under(folder))
    (folder / SPEC_FILE).write_text(text, encoding="utf-8")
    schema = json.dumps(Spec.model_json_schema(), indent=1)
    (folder / SCHEMA_FILE).write_text(schema + "\n", encoding="utf-8")
    print_dataset(console, seen.found)
    console.print(
        f"\nverifier: {seen.verifier.fields['kind']} ({seen.verifier.why})\n"
        f"{folder / SPEC_FILE} is written. Read it, set the limits that you need, then:\n"
        f"  stratos plan {folder}\n"
        f"  stratos submit {folder} --watch",
        soft_wrap=True,
        markup=False,
        highlight=False,
    )


def look(folder: Path, dataset: str) -> Seen:
    """Read the data and what its answers look like.

    Raises:
        DatasetRejected: nothing can be read, or there is too little of it.
    """
    task = Task.model_validate(
        {
            "dataset": dataset,
            "verifier": {"kind": "exact"},  # which asks least of a row that has an answer
            "heldout_records": 50,
            "probe_records": 20,
            "on_bad_line": "skip",
            "max_bad_share": 1,
        }
    )
    doubts: list[str] = []
    with TemporaryDirectory() as name:
        splits = Path(name)
        found = inspect_folder(folder, task, splits, doubts.append)
        records = list(_sampled(splits))
    if not records:
        raise DatasetRejected(
            f"{dataset} holds no row that can be learned: {'; '.join(doubts) or 'it is empty'}"
        )
    calling = found.conversations.num_calling if found.conversations else 0
    golds = [record.gold for record in records if record.gold is not None]
    finder = PersonalDataFinder(_KINDS, ())
    personal: Counter[PersonalData] = Counter()
    for record in records:
        personal.update({one.kind for text in _texts(record) for one in finder.find(text)})
    return Seen(dataset, found, propose_verifier(golds, calling), dict(personal), len(records))


def spec_text(name: str, seen: Seen) -> str:
    """The spec, with a comment for what a person must decide.

    Raises:
        DatasetRejected: there are too few rows.
    """
    try:
        heldout, probe = proposed_splits(seen.num_records)
    except ValueError as error:
        raise DatasetRejected(f"{seen.dataset}: {error}") from error
    share = seen.found.most_common_share
    return "\n".join(
        [
            f"# yaml-language-server: $schema={SCHEMA_FILE}",
            "# A first spec, by `stratos init`. Every field: docs/spec.md, or your editor.",
            "version: 1",
            f"name: {name}",
            "",
            "task:",
            f"  dataset: {_yaml(seen.dataset)}  # {_read(seen.found)}",
            *_verifier(seen.verifier),
            f"  heldout_records: {heldout}  # of {seen.num_records:,}: on these it is measured",
            f"  probe_records: {probe}  # on these models are compared before anything is trained",
            "  on_bad_line: skip",
            f"  max_bad_share: {_bad_share(seen.found)}  # {seen.found.num_bad_lines:,} bad lines "
            f"of {seen.found.num_lines:,}; with more, a run stops",
            *_redaction(seen),
            "",
            "constraints:  # what is not named is not limited",
            f"  min_accuracy: {proposed_accuracy(share)}  # the same answer always would reach "
            f"{share:.2f}",
            "  max_p95_latency_ms: 2000",
            "  max_budget_usd: 50  # for the whole run, teacher included",
            "  max_hosting_usd_per_month: 500",
            "",
            "load:",
            "  requests_per_second: 1  # at peak; say yours: it decides what is deployed",
            *_teachers(seen),
            "",
        ]
    )


def _verifier(proposed: ProposedVerifier) -> Iterator[str]:
    yield f"  # {proposed.why}"
    fields = dict(proposed.fields)
    if fields["kind"] == "judge":
        teachers = default_teachers(datetime.now(UTC).date())
        fields |= {
            "model": {"kind": "bedrock", "model_id": teachers[0].model_id},
            "criteria": _CRITERIA,
        }
    yield f"  verifier: {_yaml(fields)}"


def _redaction(seen: Seen) -> Iterator[str]:
    if seen.personal:
        held = ", ".join(f"{kind} in {num:,}" for kind, num in seen.personal.items())
        yield f"  redact: {_yaml(sorted(seen.personal))}  # of {seen.sampled:,} sampled: {held}"
    else:
        yield f"  # redact: all  # no e-mail, card, IBAN or IP address in {seen.sampled:,} sampled"


def _teachers(seen: Seen) -> Iterator[str]:
    if not seen.num_replies:
        return
    yield ""
    yield f"# {seen.num_replies:,} rows hold a logged reply. To learn from them and pay no teacher:"
    yield "# teachers: [{kind: logs}]"


def _read(found: Inspection) -> str:
    formats = ", ".join(sorted(set(found.formats.values())))
    return f"read as {formats}"


def _bad_share(found: Inspection) -> float:
    """The default, or what is found and a little more."""
    share = found.num_bad_lines / max(found.num_lines, 1)
    return max(0.05, round(share * 1.2 + 0.005, 2))


def _sampled(splits: Path) -> Iterator[Record]:
    left = _SAMPLE
    for split in SPLITS:
        for record in read_jsonl(splits / f"{split}.jsonl", Record):
            if left == 0:
                return
            left -= 1
            yield record


def _texts(record: Record) -> Iterator[str]:
    yield from (message.content for message in record.messages)
    if record.reply is not None:
        yield record.reply.content
    elif record.gold is not None:
        yield record.gold


def _place(path: Path) -> tuple[Path, str]:
    """The folder that gets the spec, and the dataset's path in it.

    Raises:
        DatasetRejected: the folder has no data, or data in several places.
    """
    if path.is_file():
        return path.parent, path.name
    files = [file for file in sorted(path.rglob("*")) if file.is_file() and _is_data(file)]
    places = {file.relative_to(path).parts[0] for file in files}
    if len(places) != 1:
        found = (
            f"data in {', '.join(sorted(places))}"
            if places
            else "no .jsonl, .json, .csv or .parquet file"
        )
        raise DatasetRejected(
            f"{path} holds {found}; name one file, or put all files into one folder in it, such "
            "as data/"
        )
    [place] = places
    return path, place if (path / place).is_file() else f"{place}/"


def _is_data(file: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.parts[-2:])
    return file.name.endswith(_DATA) and file.name != SCHEMA_FILE and not hidden


def _slug(name: str) -> str:
    stem = name.partition(".")[0].lower()
    return re.sub(r"[^a-z0-9]+", "-", stem).strip("-")[:32].strip("-") or "task"


def _yaml(value: Any) -> str:
    """On one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**9, allow_unicode=True)
    return str(text).removesuffix("...\n").strip()
