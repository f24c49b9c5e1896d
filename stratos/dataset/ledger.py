"""What deduplication and splitting need to know of each record, kept and sorted on disk.

A row is a few digests and the record's place in the spool. SQLite sorts in files what does not fit
into its cache, so memory does not grow with the dataset.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from stratos.contracts.messages import Message, calls_text
from stratos.dataset.formats.row import LABELS, LONGEST_LABEL
from stratos.dataset.reading import DatasetEntry
from stratos.dataset.scratch import Scratch, scratch_table
from stratos.dataset.ties import Ties
from stratos.dataset.tool_texts import RecordTexts
from stratos.dataset.words import normalised

_CACHE_KIB = 64 * 1024
_BATCH = 10_000
_DIGEST_BYTES = 16

_TABLE = """
CREATE TABLE record (
    seq INTEGER PRIMARY KEY, question BLOB, gold BLOB, id BLOB, grp BLOB, judged INTEGER,
    place INTEGER, file INTEGER, turns INTEGER, kept INTEGER NOT NULL DEFAULT 1
)
"""
_REPEATED_QUESTIONS = """
CREATE TEMP TABLE repeated AS
SELECT record.seq, record.gold IS NOT first.gold AS contradicts, record.place,
    first.place AS original
FROM (SELECT question, min(seq) AS seq FROM record GROUP BY question HAVING count(*) > 1) AS asked
JOIN record AS first ON first.seq = asked.seq
JOIN record ON record.question = asked.question AND record.seq > first.seq
"""
_REPEATED_IDS = """
CREATE TEMP TABLE claimed AS
SELECT seq, nth FROM (
    SELECT seq, row_number() OVER (PARTITION BY id ORDER BY seq) AS nth FROM record
    WHERE kept AND id IN (SELECT id FROM record WHERE kept GROUP BY id HAVING count(*) > 1)
) WHERE nth > 1
"""
_PLAIN_ROWS = "SELECT seq, grp, gold, kept, NULL, 0 FROM record ORDER BY seq"
_ROWS = """
SELECT record.seq, grp, gold, kept, nth, turns OR grp IN (SELECT grp FROM conversation)
FROM record LEFT JOIN claimed ON claimed.seq = record.seq ORDER BY record.seq
"""


@dataclass(frozen=True)
class Duplicates:
    """How many records repeat a question, and how many of those have another answer."""

    num_repeated: int
    num_contradictions: int


@dataclass(frozen=True)
class Group:
    """Records that stay together, and whether answers to all of them can be judged."""

    key: bytes
    size: int
    judged: bool


@dataclass(frozen=True)
class Golds:
    """The gold answers of the records that are kept."""

    num: int
    num_distinct: int


class LedgerRow(NamedTuple):
    """What was decided of one record.

    Attributes:
        gold: Digest of its gold answer.
        nth: How many records have its id up to it, where there are several.
        in_conversation: It shares its group with turns of a conversation.
    """

    number: int
    group: bytes
    gold: bytes | None
    kept: int
    nth: int | None
    in_conversation: int


class Ledger(Scratch):
    """A table of records on disk, deleted at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database = scratch_table(path, _TABLE, _CACHE_KIB)
        self._pending: list[tuple[object, ...]] = []
        self._ties = Ties(self._database)
        self._num = self._num_turns = 0
        """Records, and those of them that are turns of a conversation."""

    def delete(self) -> None:
        self._database.close()
        self._path.unlink(missing_ok=True)

    def add(self, entry: DatasetEntry, judged: bool, place: int, written: RecordTexts) -> None:
        """Enter a record.

        Args:
            written: Its calls and tools.
        """
        record, opening = entry.record, entry.opening
        texts = list(map(_message_text, record.messages, written.calls))
        parts = texts if written.tools is None else [*texts, written.tools]
        asked = digest("\n".join(parts))
        if record.group:
            group = f"group:{record.group}"
        elif opening is None:
            group = f"question:{asked.hex()}"
        else:
            begun = len(opening)
            if opening != record.messages[:begun]:  # its history was cut
                texts = [_message_text(said, _calls_of(said)) for said in opening]
            begins = digest("\n".join(texts[:begun]))
            group = f"question:{begins.hex()}"
        gold = None if record.gold is None else _gold_digest(record.gold)
        key = group_key(group)
        turns = False
        if entry.conversation is not None:
            self._ties.add(digest(entry.conversation), key)
        elif not record.group and len(record.messages) > 1:
            turns = _has_reply(record.messages)
            self._num_turns += turns
        row = (asked, gold, _id_key(record.id), key, judged, place, entry.file, turns)
        self._pending.append(row)
        self._num += 1
        if len(self._pending) >= _BATCH:
            self._flush()

    def tie_conversations(self) -> None:
        """Give the records of one conversation one group, where their openings differ.

        Records are of one conversation if the dataset says so, or one file gives them one id.
        """
        self._flush()
        self._database.execute(_REPEATED_IDS)
        if self._row("SELECT count(*) FROM claimed")[0]:
            self._ties.add_ids()
        self._ties.apply()
        if 0 < self._num_turns < self._num:
            self._ties.add_turns()

    def drop_repeated_questions(self) -> Duplicates:
        """Keep the first record of each question."""
        self._flush()
        # To sort the questions alone takes less than half the time of a window over the rows.
        self._database.execute("CREATE INDEX by_question ON record (question)")
        self._database.execute(_REPEATED_QUESTIONS)
        self._database.execute("DROP INDEX by_question")
        self._database.execute("UPDATE record SET kept = 0 WHERE seq IN (SELECT seq FROM repeated)")
        found = self._row("SELECT count(*), coalesce(sum(contradicts), 0) FROM repeated")
        return Duplicates(*found)

    def repeats(self, limit: int, *, contradicts: bool) -> list[tuple[int, int]]:
        """Places of the first few records dropped for their question, each with the place of the
        record that is kept."""
        return self._database.execute(
            "SELECT place, original FROM repeated WHERE contradicts = ? ORDER BY seq LIMIT ?",
            (contradicts, limit),
        ).fetchall()

    def num_repeated_ids(self) -> int:
        """How many records have the id of one before them."""
        return self._row("SELECT count(*) FROM claimed")[0]

    def holds_id(self, name: str) -> bool:
        """Whether any record has this id."""
        self._database.execute("CREATE INDEX IF NOT EXISTS by_id ON record (id)")
        query = "SELECT count(*) FROM (SELECT 1 FROM record WHERE id = ? LIMIT 1)"
        return bool(self._row(query, _id_key(name))[0])

    def close_entry(self) -> None:
        """Index the groups; no record may be added after this."""
        self._database.execute("CREATE INDEX by_group ON record (grp, judged) WHERE kept")

    def groups(self) -> Iterator[Group]:
        """The groups of the records that are kept, in the order of their keys."""
        rows = self._database.execute(
            "SELECT grp, count(*), min(judged) FROM record WHERE kept GROUP BY grp ORDER BY grp"
        )
        return (Group(key, size, bool(judged)) for key, size, judged in rows)

    def places(self, group: bytes) -> list[int]:
        """Places of a group's kept records in the spool."""
        rows = self._database.execute(
            "SELECT place FROM record WHERE grp = ? AND kept ORDER BY seq", (group,)
        )
        return [place for (place,) in rows]

    def rows(self) -> Iterator[LedgerRow]:
        """What was decided of every record, in order of arrival."""
        is_plain = not (self._num_turns or self._ties.is_any or self.num_repeated_ids())
        return map(LedgerRow._make, self._database.execute(_PLAIN_ROWS if is_plain else _ROWS))

    def drop(self, numbers: Iterable[int]) -> None:
        """Drop records by their numbers."""
        rows = ((number,) for number in numbers)
        self._database.executemany("UPDATE record SET kept = 0 WHERE seq = ?", rows)

    def num_kept(self) -> tuple[int, int, int]:
        """Records kept, those of them that can be judged, and their groups."""
        count, judged, groups = self._row(
            "SELECT count(*), coalesce(sum(judged), 0), count(DISTINCT grp) FROM record WHERE kept"
        )
        return count, judged, groups

    def common_golds(self, limit: int) -> list[int]:
        """Places of the first records with each of the most common gold answers."""
        rows = self._database.execute(
            "SELECT min(seq) FROM record WHERE kept AND gold IS NOT NULL "
            "GROUP BY gold ORDER BY count(*) DESC, min(seq) LIMIT ?",
            (limit,),
        ).fetchall()
        return [self._row("SELECT place FROM record WHERE seq = ?", *row)[0] for row in rows]

    def golds(self) -> Golds:
        """Count the gold answers."""
        return Golds(*self._row("SELECT count(gold), count(DISTINCT gold) FROM record WHERE kept"))

    def num_with(self, golds: Sequence[str]) -> list[int]:
        """How many records have each of some gold answers."""
        digests = [digest(gold) for gold in golds]
        marks = ",".join("?" * len(digests))
        counts: dict[bytes, int] = dict(
            self._database.execute(
                f"SELECT gold, count(*) FROM record WHERE kept AND gold IN ({marks}) GROUP BY gold",
                digests,
            ).fetchall()
        )
        return [counts.get(digest, 0) for digest in digests]

    def _flush(self) -> None:
        self._database.executemany(
            "INSERT INTO record (question, gold, id, grp, judged, place, file, turns) "
            "VALUES (?,?,?,?,?,?,?,?)",
            self._pending,
        )
        self._pending.clear()

    def _row(self, query: str, *values: object) -> tuple[int, ...]:
        row: tuple[int, ...] = self._database.execute(query, values).fetchone()
        return row


def group_key(group: str) -> bytes:
    """The hash that groups are ordered and dealt by."""
    return hashlib.sha256(group.encode()).digest()[:_DIGEST_BYTES]


def _message_text(said: Message, calls: str | None) -> str:
    told = f"{said.role}: {normalised(said.content)}"
    return told if calls is None else f"{told} {calls}"


def _has_reply(messages: Sequence[Message]) -> bool:
    return "assistant" in [said.role for said in messages]


def _calls_of(said: Message) -> str | None:
    return None if said.tool_calls is None else calls_text(said.tool_calls)


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:_DIGEST_BYTES]


def _id_key(name: str) -> bytes:
    """An id, or the digest of one that is not shorter."""
    written = name.encode()
    return written if len(written) < _DIGEST_BYTES else digest(name)


_label_digest = lru_cache(LABELS)(digest)


def _gold_digest(gold: str) -> bytes:
    return (_label_digest if len(gold) <= LONGEST_LABEL else digest)(gold)
