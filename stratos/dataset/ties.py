"""Groups that one conversation spans are made one, on disk.

Conversations tie groups, and groups tie conversations: what is connected by any chain of them gets
the least of its groups' keys, so that neither order nor number of the records matters.
"""

from __future__ import annotations

import sqlite3

_BATCH = 10_000
_OF_CONVERSATIONS = -1
"""Stands for the file, where a dataset names the conversation itself."""
_ADD_IDS = """
INSERT INTO tie SELECT id, file, grp FROM record WHERE file IS NOT NULL
AND id IN (SELECT id FROM record JOIN claimed USING (seq))
"""
_LEAST = """
CREATE TEMP TABLE least AS
SELECT origin, file, min(lab) AS lab FROM tie JOIN label USING (grp) GROUP BY origin, file
"""
_NEXT = """
CREATE TEMP TABLE renewed AS
SELECT grp, min(least.lab) AS lab FROM tie JOIN least USING (origin, file) GROUP BY grp
"""
_MOVED = "SELECT count(*) FROM renewed JOIN label USING (grp) WHERE renewed.lab < label.lab"
_APPLY = """
UPDATE record SET grp = (SELECT lab FROM label WHERE label.grp = record.grp)
WHERE grp IN (SELECT grp FROM label WHERE lab < grp)
"""

_ADD_TURNS = """
INSERT OR IGNORE INTO conversation SELECT DISTINCT grp FROM record WHERE turns ORDER BY grp
"""


class Ties:
    """What the records of a ledger say of belonging together."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._database.execute("CREATE TEMP TABLE tie (origin BLOB, file INTEGER, grp BLOB)")
        self._database.execute("CREATE TEMP TABLE conversation (grp BLOB PRIMARY KEY)")
        self._pending: list[tuple[bytes, int, bytes]] = []
        self.is_any = False
        """Whether any record is tied to others."""

    def add(self, conversation: bytes, group: bytes) -> None:
        """Say that a record of a group is of a conversation."""
        self._pending.append((conversation, _OF_CONVERSATIONS, group))
        if len(self._pending) >= _BATCH:
            self._flush()

    def add_ids(self) -> None:
        """Tie the records that have one id in one file; ids that repeat are in `claimed`."""
        self._database.execute(_ADD_IDS)

    def apply(self) -> None:
        """Give each record the least group that it is tied to."""
        self._flush()
        run = self._database.execute
        if run("SELECT 1 FROM tie LIMIT 1").fetchone() is not None:
            run("CREATE TEMP TABLE label AS SELECT DISTINCT grp, grp AS lab FROM tie")
            run("CREATE INDEX tie_by_group ON tie (grp)")
            while True:
                run(_LEAST)
                run(_NEXT)
                (moved,) = run(_MOVED).fetchone()
                run("DROP TABLE label")
                run("DROP TABLE least")
                run("ALTER TABLE renewed RENAME TO label")
                if not moved:
                    break
            run("CREATE INDEX label_by_group ON label (grp)")
            run(_APPLY)
            run("INSERT OR IGNORE INTO conversation SELECT lab FROM label")
            self.is_any = True

    def add_turns(self) -> None:
        """Say that every group with a turn of a conversation is of one."""
        self._database.execute(_ADD_TURNS)

    def _flush(self) -> None:
        self._database.executemany("INSERT INTO tie VALUES (?,?,?)", self._pending)
        self._pending.clear()
