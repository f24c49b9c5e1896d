"""A dataset read, cleaned and split."""

from __future__ import annotations

import gzip
import io
import itertools
import json
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stratos.contracts.records import SPLITS, Message, Record, read_jsonl
from stratos.dataset.allowance import Allowance
from stratos.dataset.inspect_dataset import DataFile, inspect_dataset
from stratos.dataset.inspection import Inspection, Lengths
from stratos.dataset.near_duplicates import MIN_WORDS, NearDuplicates
from stratos.dataset.spool import Spool
from stratos.dataset.tally import OTHER_WORKLOADS, LengthCounts
from stratos.errors import DatasetRejected
from stratos.spec import Task
from tests import factories


def task(**changes: Any) -> Task:
    return Task.model_validate(factories.spec_dict()["task"] | changes)


def inspect(
    folder: Path, rows: list[dict[str, Any]], **changes: Any
) -> tuple[Inspection, dict[str, list[Record]]]:
    return inspect_bytes(folder, factories.jsonl(rows), **changes)


def inspect_bytes(
    folder: Path, content: bytes, name: str = "d.jsonl", **changes: Any
) -> tuple[Inspection, dict[str, list[Record]]]:
    found = inspect_dataset([DataFile(name, partial(io.BytesIO, content))], task(**changes), folder)
    splits = {split: list(read_jsonl(folder / f"{split}.jsonl", Record)) for split in SPLITS}
    return found, splits


def test_splits_have_the_size_asked_for_and_share_no_group(tmp_path: Path) -> None:
    found, splits = inspect(tmp_path, factories.dataset_rows(400))
    assert found.num_records == {"train": 300, "probe": 40, "heldout": 60}
    groups = {name: {record.group for record in records} for name, records in splits.items()}
    assert groups["train"].isdisjoint(groups["probe"] | groups["heldout"])
    assert groups["probe"].isdisjoint(groups["heldout"])
    assert all(record.split == name for name, records in splits.items() for record in records)


@given(st.randoms(use_true_random=False))
@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_splits_depend_on_content_and_not_on_order(tmp_path: Path, rng: Any) -> None:
    rows = factories.dataset_rows(400)
    _, before = inspect(tmp_path, rows)
    rng.shuffle(rows)
    _, after = inspect(tmp_path, rows)
    assert {r.id for r in before["heldout"]} == {r.id for r in after["heldout"]}
    assert {r.id for r in before["probe"]} == {r.id for r in after["probe"]}


def test_more_records_move_few_of_those_held_out(tmp_path: Path) -> None:
    _, before = inspect(tmp_path, factories.dataset_rows(400))
    _, after = inspect(tmp_path, factories.dataset_rows(440))
    stayed = {r.id for r in before["heldout"]} & {r.id for r in after["heldout"]}
    assert len(stayed) >= 45


def test_short_questions_that_look_alike_are_all_kept(tmp_path: Path) -> None:
    found, _ = inspect(tmp_path, factories.dataset_rows(400))
    assert (found.num_exact_duplicates, found.num_near_duplicates) == (0, 0)


def test_a_question_repeated_in_other_case_and_spacing_counts_once(tmp_path: Path) -> None:
    rows = factories.dataset_rows(400)
    again = [
        row | {"id": f"again-{i}", "prompt": f"  {row['prompt'].upper()}\n"}
        for i, row in enumerate(rows[:30])
    ]
    other = [row | {"id": f"other-{i}", "completion": "s1"} for i, row in enumerate(rows[30:40])]
    found, splits = inspect(tmp_path, rows + again + other)
    assert (found.num_exact_duplicates, found.num_contradictions) == (40, 10)
    assert sum(map(len, splits.values())) == 400


def test_a_long_training_record_like_a_held_out_one_is_left_out(tmp_path: Path) -> None:
    words = [" ".join(f"w{(i * 37 + j * j) % 997}" for j in range(80)) for i in range(300)]
    rows = [{"prompt": text, "completion": f"{i}"} for i, text in enumerate(words)]
    copies = [{"prompt": f"{text} indeed", "completion": f"{i}"} for i, text in enumerate(words)]
    found, splits = inspect(tmp_path, rows + copies)
    assert found.num_near_duplicates > 0
    index = NearDuplicates()
    for record in splits["heldout"] + splits["probe"]:
        index.add(record)
    assert not any(index.holds_one_like(record) for record in splits["train"])
    held_out = NearDuplicates()
    for record in splits["heldout"]:
        held_out.add(record)
    assert not any(held_out.holds_one_like(record) for record in splits["probe"])
    assert (found.num_records["heldout"], found.num_records["probe"]) == (60, 40)


@pytest.mark.parametrize(
    ("changed_words", "same_gold", "expected"),
    [(1, True, True), (1, False, False), (MIN_WORDS, True, False)],
)
def test_near_means_many_shingles_in_common_and_the_same_answer(
    changed_words: int, same_gold: bool, expected: bool
) -> None:
    words = [f"w{i}" for i in range(100)]
    index = NearDuplicates()
    index.add(record(words, "yes"))
    words[:changed_words] = [f"other{i}" for i in range(changed_words)]
    assert index.holds_one_like(record(words, "yes" if same_gold else "no")) is expected


def record(words: list[str], gold: str) -> Record:
    return Record(id="r", messages=(Message(role="user", content=" ".join(words)),), gold=gold)


def test_the_gold_answer_is_what_follows_the_marker(tmp_path: Path) -> None:
    rows = [
        {"question": f"What is {i} + {i}?", "answer": f"It is {i} + {i}.\n#### {2 * i}"}
        for i in range(200)
    ]
    found, splits = inspect(tmp_path, rows, verifier={"kind": "number"})
    assert found.formats == {"d.jsonl": "gsm8k"}
    assert all(r.gold is not None and r.gold.isdigit() for r in splits["heldout"])


def test_gzipped_files_are_read(tmp_path: Path) -> None:
    content = gzip.compress(factories.jsonl(factories.dataset_rows(300)))
    found, _ = inspect_bytes(tmp_path, content, "d.jsonl.gz")
    assert found.num_lines == 300


def test_bad_lines_are_named_by_file_and_line(tmp_path: Path) -> None:
    rows = factories.jsonl(factories.dataset_rows(300)).splitlines(keepends=True)
    rows[4] = b"{broken\n"
    rows[9] = b'{"prompt": 5}\n'
    rows[11] = b"\xff\n"
    rows[12] = b"[" * 100_000 + b"\n"
    with pytest.raises(DatasetRejected) as caught:
        inspect_bytes(tmp_path, b"".join(rows))
    told = str(caught.value)
    assert "4 of 300 lines cannot be read" in told
    for place in ("d.jsonl:5: is not JSON", "d.jsonl:10: prompt is a number", "d.jsonl:12: byte 0"):
        assert place in told
    found, _ = inspect_bytes(tmp_path, b"".join(rows), on_bad_line="skip")
    assert (found.num_bad_lines, found.num_lines) == (4, 300)


def test_ids_that_are_given_twice_are_bad_lines(tmp_path: Path) -> None:
    rows = factories.dataset_rows(300)
    rows[7]["id"] = rows[3]["id"]
    with pytest.raises(DatasetRejected, match=r"d\.jsonl:8: the id 'hand-3'"):
        inspect(tmp_path, rows)


@pytest.mark.parametrize(
    ("count", "changes"),
    [(100, {}), (140, {}), (400, {"heldout_records": 380})],
)
def test_too_few_records_are_refused_with_the_counts(
    tmp_path: Path, count: int, changes: dict[str, Any]
) -> None:
    with pytest.raises(DatasetRejected, match=f"too few records: {count} usable"):
        inspect(tmp_path, factories.dataset_rows(count), **changes)


def test_records_without_an_answer_only_train(tmp_path: Path) -> None:
    rows = factories.dataset_rows(400)
    for row in rows[:200]:
        del row["completion"]
    found, splits = inspect(tmp_path, rows)
    assert found.num_gold == 200
    assert all(record.gold for record in splits["heldout"] + splits["probe"])


def test_a_verifier_that_needs_no_gold_takes_any_record(tmp_path: Path) -> None:
    rows = [{"prompt": row["prompt"]} for row in factories.dataset_rows(300)]
    found, _ = inspect(tmp_path, rows, verifier={"kind": "regex", "pattern": "s.*"})
    assert (found.num_gold, found.num_records["heldout"]) == (0, 60)


def test_an_empty_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetRejected, match="the dataset is empty"):
        inspect_bytes(tmp_path, b"\n\n")


def test_what_a_constant_answer_would_score_is_known(tmp_path: Path) -> None:
    rows = factories.dataset_rows(300)
    for row in rows[:90]:
        row["completion"] = "s1 s1"
    found, _ = inspect(tmp_path, rows)
    assert found.most_common_answer == "s1 s1"
    assert found.most_common_share == pytest.approx(90 / 300, abs=0.05)
    assert json.loads(found.model_dump_json())["num_records"]["train"] == 200


def files(contents: dict[str, bytes]) -> list[DataFile]:
    return [DataFile(name, partial(io.BytesIO, content)) for name, content in contents.items()]


def test_files_of_every_kind_and_format_make_one_dataset(tmp_path: Path) -> None:
    rows = factories.dataset_rows(300)
    asked = [{"question": row["prompt"], "answer": row["completion"]} for row in rows[100:200]]
    columns = tmp_path / "made.jsonl"
    columns.write_bytes(factories.jsonl(rows[200:]))
    duckdb.sql(f"SELECT * FROM read_json('{columns}')").write_parquet(str(tmp_path / "c.parquet"))
    contents = {
        "d/a.jsonl": factories.jsonl(rows[:100]),
        "d/b.jsonl.gz": gzip.compress(factories.jsonl(asked)),
        "d/c.parquet": (tmp_path / "c.parquet").read_bytes(),
    }
    found = inspect_dataset(files(contents), task(), tmp_path)
    assert found.formats == {
        "d/a.jsonl": "prompt_completion",
        "d/b.jsonl.gz": "gsm8k",
        "d/c.parquet": "prompt_completion",
    }
    assert (found.num_lines, sum(found.num_records.values())) == (300, 300)


def test_a_bad_row_of_a_parquet_file_is_named_by_its_number(tmp_path: Path) -> None:
    query = "SELECT CASE WHEN i = 7 THEN '' ELSE 'sum ' || i END AS prompt, 's1' AS completion"
    duckdb.sql(f"{query} FROM range(300) r(i)").write_parquet(str(tmp_path / "d.parquet"))
    content = (tmp_path / "d.parquet").read_bytes()
    with pytest.raises(DatasetRejected, match=r"d\.parquet:8: asks nothing"):
        inspect_bytes(tmp_path, content, "d.parquet")
    found, _ = inspect_bytes(tmp_path, content, "d.parquet", on_bad_line="skip")
    assert (found.num_bad_lines, found.num_lines) == (1, 300)


def test_the_format_that_a_spec_names_holds_for_every_line(tmp_path: Path) -> None:
    rows = [row | {"question": "?", "answer": "!"} for row in factories.dataset_rows(300)]
    found, _ = inspect(tmp_path, rows, format="prompt_completion")
    assert found.formats == {"d.jsonl": "prompt_completion"}
    with pytest.raises(DatasetRejected, match="has no field 'messages', which the format openai"):
        inspect(tmp_path, rows, format="openai_chat")


def test_nothing_but_the_splits_is_left_on_the_disk(tmp_path: Path) -> None:
    inspect(tmp_path, factories.dataset_rows(300))
    with pytest.raises(DatasetRejected):
        inspect_bytes(tmp_path, b"{broken\n")
    assert {path.name for path in tmp_path.iterdir()} == {f"{split}.jsonl" for split in SPLITS}


def test_a_dataset_too_large_for_the_disk_is_refused_with_what_to_do(tmp_path: Path) -> None:
    content = factories.jsonl(factories.dataset_rows(400))
    with pytest.raises(DatasetRejected, match=r"more than 0\.00 GB as records, 20 rows in.*split"):
        inspect_dataset(files({"d.jsonl": content}), task(), tmp_path, Allowance(max_bytes=3000))


@pytest.mark.parametrize("ticks", [3, 8], ids=["reading", "writing"])
def test_an_inspection_ends_in_words_before_its_time_is_over(tmp_path: Path, ticks: int) -> None:
    content = factories.jsonl(factories.dataset_rows(5000))
    clock = itertools.count()
    allowance = Allowance(max_seconds=ticks, clock=lambda: next(clock))
    rows = "4,001" if ticks == 3 else "5,000"
    with pytest.raises(
        DatasetRejected, match=f"with {rows} rows read .* not split after {ticks} s"
    ):
        inspect_dataset(files({"d.jsonl": content}), task(), tmp_path, allowance)


def test_a_dataset_of_near_copies_leaves_too_little_to_train_on(tmp_path: Path) -> None:
    text = " ".join(f"w{i}" for i in range(200))
    rows = [{"prompt": f"{text} {i}", "completion": "yes"} for i in range(400)]
    with pytest.raises(DatasetRejected, match=r"too few records: 400 usable ones.* 60, 0 and 340"):
        inspect(tmp_path, rows)
    other = factories.dataset_rows(300)
    for row in other[:150]:
        row["prompt"] = f"{text} {row['id']}"
        row["completion"] = "s1"
        del row["group"]
    found, splits = inspect(tmp_path, other)
    assert found.num_near_duplicates > 100
    assert len(splits["train"]) == found.num_records["train"] < 100


def test_records_larger_than_a_file_of_the_spool_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratos.dataset.spool._SEGMENT_BYTES", 300)
    records = [record([f"w{i}"] * (i % 90), "yes") for i in range(200)]
    with Spool(tmp_path / "spool") as spool:
        places = [spool.append(item) for item in records]
        assert spool.at(places[150]) == records[150]
        assert [spool.at(place) for place in reversed(places)] == records[::-1]
        assert list(spool.drain()) == records


def test_lengths_are_exact_below_a_thousand_and_to_three_digits_above() -> None:
    counts = LengthCounts()
    for length in (*range(1, 101), 123_456):
        counts.add(length)
    assert counts.summary() == Lengths(mean=(5050 + 123_456) / 101, p50=51, p95=96, max=123_456)
    counts = LengthCounts()
    counts.add(98_765)
    assert counts.summary().p50 == pytest.approx(98_765, rel=0.005)


def test_workloads_beyond_a_thousand_are_counted_together(tmp_path: Path) -> None:
    rows = [row | {"workload": f"w{i}"} for i, row in enumerate(factories.dataset_rows(1200))]
    found, _ = inspect(tmp_path, rows)
    assert (len(found.workloads), found.workloads[OTHER_WORKLOADS]) == (1001, 200)
