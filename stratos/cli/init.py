"""`stratos init`: a first spec for a person's own data, to be read and changed."""

from __future__ import annotations

import json
import os
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from stratos.catalog.models import default_teachers
from stratos.cli.inspection import print_dataset
from stratos.cli.screen import aloud, make_console
from stratos.contracts.bucket import SPEC_FILE
from stratos.contracts.records import SPLITS, Record, read_jsonl
from stratos.dataset.inspection import Inspection
from stratos.dataset.personal_data import PersonalDataFinder
from stratos.dataset.proposal import (
    MOST_LABELS,
    ProposedVerifier,
    propose_verifier,
    proposed_accuracy,
    proposed_splits,
)
from stratos.dataset.usual_columns import other_columns, usual_columns
from stratos.errors import DatasetRejected, FolderTaken
from stratos.planning.offline.folder import inspect_folder
from stratos.spec import PersonalData, Spec, Task
from stratos.spec.folder import dataset_files, files_under, read_spec_in_folder

SCHEMA_FILE = "spec.schema.json"
"""Beside the spec, for editors: they find it by the spec's first line, without a network."""
_SAMPLE = 5_000
"""Records whose answers and texts are looked at, drawn by chance."""
_KINDS: tuple[PersonalData, ...] = ("email", "card", "iban", "ip")
"""Phone numbers are found by country, which only a person can say."""
_MOST_BAD = 0.5
"""More bad lines are another format, and not lines to skip."""
TO_DO = "TODO: say in words what makes an answer right"


@dataclass(frozen=True)
class Seen:
    """What the data is.

    Attributes:
        task: As it is proposed, but for numbers and limits.
        personal: Kind → sampled records that hold such data.
        sampled: Records that were searched for it.
        unread: Columns of a table that are in no record.
    """

    task: dict[str, Any]
    found: Inspection
    verifier: ProposedVerifier
    personal: dict[PersonalData, int]
    sampled: int
    unread: tuple[str, ...] = ()

    @property
    def num_usable(self) -> int:
        """Records that can be measured on: those with an answer, unless a judge needs none. The
        answer of a reply that calls tools is its calls."""
        match self.verifier.fields["kind"]:
            case "judge":
                return sum(self.found.num_records.values())
            case "tool_call":
                return self.num_replies
            case _:
                return self.found.num_gold

    @property
    def num_replies(self) -> int:
        return sum(self.found.num_replies.values())


def init_command(
    path: Annotated[
        Path, typer.Argument(metavar="FOLDER_OR_FILE", help="Your data: logs, CSV, JSON, Parquet.")
    ],
) -> None:
    """Look at your data and write a first spec.yaml beside it, with a reason for each line.

    Nothing is uploaded. The exit code is 4 if no run could use the data.
    """
    if not path.exists():
        raise typer.BadParameter(f"there is no {path}; give a data file, or a folder of them")
    console = make_console()
    folder, dataset = _place(path.absolute())
    schema = json.dumps(Spec.model_json_schema(), indent=1) + "\n"
    _refuse_taken(folder, schema)
    with aloud(make_console(stderr=True), f"looking at {path}"):
        seen = look(folder, dataset)
        text = spec_text(_slug(folder.name if path.is_dir() else path.name), seen)
        found = refuse_what_a_run_would(folder, text)
    (folder / SPEC_FILE).write_text(text, encoding="utf-8")
    (folder / SCHEMA_FILE).write_text(schema, encoding="utf-8")
    print_dataset(console, found)
    to_do = "" if TO_DO not in text else f"Write the judge's criteria where it says {TO_DO[:4]}. "
    console.print(
        f"\nverifier: {seen.verifier.fields['kind']} ({seen.verifier.why})\n"
        f"{folder / SPEC_FILE} is written. {to_do}Set limits and load, then:\n"
        f"  stratos plan {folder}\n"
        f"  stratos submit {folder} --watch",
        soft_wrap=True,
        markup=False,
        highlight=False,
    )


def _refuse_taken(folder: Path, schema: str) -> None:
    """Raise FolderTaken if a file would be lost that somebody else wrote."""
    if (folder / SPEC_FILE).exists():
        raise FolderTaken(f"{folder / SPEC_FILE} is there already; change it, or move it away")
    beside = folder / SCHEMA_FILE
    if beside.exists() and beside.read_bytes() != schema.encode():
        raise FolderTaken(
            f"{beside} is there already, and is not what this version would write there; move it "
            "away"
        )


def look(folder: Path, dataset: str) -> Seen:
    """Read the data and what its answers look like.

    Raises:
        DatasetRejected: nothing can be read, or most of it cannot.
    """
    named = {"dataset": dataset} | usual_columns(folder / dataset)
    task = Task.model_validate(
        named
        | {
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
        records, labels = _drawn(splits)
    if not records or found.num_bad_lines > _MOST_BAD * found.num_lines:
        reasons = [*found.bad_lines[:1], *doubts] or ["it is empty"]
        raise DatasetRejected(
            f"{dataset}: {found.num_bad_lines:,} of {found.num_lines:,} rows cannot be read. "
            f"{reasons[0]}"
        )
    golds = [record.gold for record in records if record.gold is not None]
    calling = sum(bool(record.reply and record.reply.tool_calls) for record in records)
    finder = PersonalDataFinder(_KINDS, ())
    personal: Counter[PersonalData] = Counter()
    for record in records:
        personal.update({one.kind for text in _texts(record) for one in finder.find(text)})
    proposed = propose_verifier(golds, labels, calling)
    columns = named.get("columns")
    unread = other_columns(folder / dataset, columns) if columns else ()
    return Seen(named, found, proposed, dict(personal), len(records), tuple(unread))


def refuse_what_a_run_would(folder: Path, text: str) -> Inspection:
    """Read the proposed spec, and its data as the spec says.

    Raises:
        DatasetRejected: a run would refuse it; the data is for a person to mend, or the spec.
    """
    written = text.replace(TO_DO, "The same facts as in the gold answer.")
    spec = read_spec_in_folder(written.encode(), files_under(folder))
    refused: list[str] = []
    with TemporaryDirectory() as name:
        found = inspect_folder(folder, spec.task, Path(name), refused.append)
    if refused:
        raise DatasetRejected(f"no spec is written, as a run would refuse the data: {refused[0]}")
    return found


def spec_text(name: str, seen: Seen) -> str:
    """The spec, with a comment for what a person must decide.

    Raises:
        DatasetRejected: there are too few rows.
    """
    try:
        heldout, probe = proposed_splits(seen.num_usable)
    except ValueError as error:
        raise DatasetRejected(f"{seen.task['dataset']}: {error}") from error
    return "\n".join(
        [
            f"# yaml-language-server: $schema={SCHEMA_FILE}",
            f"# A first spec, by `stratos init`. {SCHEMA_FILE} tells your editor every field.",
            "version: 1",
            f"name: {_yaml(name)}",
            "",
            "task:",
            f"  dataset: {_yaml(seen.task['dataset'])}  # {_read(seen.found)}",
            *(f"  {key}: {_yaml(seen.task[key])}" for key in seen.task if key != "dataset"),
            *_unread(seen.unread),
            *_verifier(seen.verifier),
            f"  heldout_records: {heldout}  # of {seen.num_usable:,}: on these it is measured",
            f"  probe_records: {probe}  # on these models are compared before anything is trained",
            "  on_bad_line: skip",
            f"  max_bad_share: {_bad_share(seen.found)}  # {seen.found.num_bad_lines:,} bad lines "
            f"of {seen.found.num_lines:,}; with more, a run stops",
            *_redaction(seen),
            "",
            "constraints:  # what is not named is not limited",
            *_accuracy(seen, heldout),
            "  max_p95_latency_ms: 2000",
            "  max_budget_usd: 50  # for the whole run, teacher included",
            "  max_hosting_usd_per_month: 900",
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
        model = {"kind": "bedrock", "model_id": teachers[0].model_id}
        fields |= {"model": model, "criteria": TO_DO}
    yield f"  verifier: {_yaml(fields)}"


def _accuracy(seen: Seen, heldout: int) -> Iterator[str]:
    if seen.verifier.fields["kind"] == "tool_call":
        yield "  min_accuracy: 0.5  # exact calls; see what probing finds before you ask for more"
        return
    share = seen.found.most_common_share
    limit = proposed_accuracy(share, heldout)
    yield f"  min_accuracy: {limit}  # the same answer always would reach {share:.2f}"


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


def _unread(columns: Sequence[str]) -> Iterator[str]:
    if columns:
        yield f"  # columns that are not read: {', '.join(map(_yaml, columns))}"


def _read(found: Inspection) -> str:
    formats = ", ".join(sorted(set(found.formats.values())))
    return f"read as {formats}"


def _bad_share(found: Inspection) -> float:
    """The default, or what is found and a little more."""
    share = found.num_bad_lines / max(found.num_lines, 1)
    return min(1.0, max(0.05, round(share * 1.2 + 0.005, 2)))


def _drawn(splits: Path) -> tuple[list[Record], dict[str, int] | None]:
    """Records drawn by chance, and every answer with how often it is; None if they are many."""
    chance, sample = random.Random(0), list[Record]()
    counted: Counter[str] | None = Counter()
    records = (one for split in SPLITS for one in read_jsonl(splits / f"{split}.jsonl", Record))
    for position, record in enumerate(records):
        if position < _SAMPLE:
            sample.append(record)
        elif (place := chance.randrange(position + 1)) < _SAMPLE:
            sample[place] = record
        if counted is not None and record.gold is not None:
            counted[record.gold.strip()] += 1
            counted = counted if len(counted) <= MOST_LABELS else None
    return sample, counted


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
    listed = dataset_files("", files_under(path))
    names = [name for name in listed if name != SCHEMA_FILE and not _is_hidden(name)]
    if not names:
        raise DatasetRejected(f"{path} holds no .jsonl, .json, .csv or .parquet file")
    if len(names) == 1:
        return path, names[0]
    common = os.path.commonprefix(names)  # noqa: RUF071  # as a dataset may be one
    if common and not common.startswith("."):
        return path, common
    raise DatasetRejected(
        f"{path} holds {', '.join(names[:5])}{' and more' * (len(names) > 5)}, whose names begin "
        f"differently; name one of them, or put them into one folder: mkdir {path / 'data'}, move "
        f"them there, and `stratos init {path}` again"
    )


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in Path(name).parts)


def _slug(name: str) -> str:
    stem = name.partition(".")[0].lower()
    return re.sub(r"[^a-z0-9]+", "-", stem).strip("-")[:32].strip("-") or "task"


def _yaml(value: Any) -> str:
    """As JSON, which every version of YAML reads alike: `on`, `1e5` and `2024` stay texts."""
    return (
        json.dumps(value, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\x85", "\\x85")
    )
