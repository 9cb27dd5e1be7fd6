"""The mirror: a SQLite journal made from the journal topic, as a state store of Kafka Streams is made from its topic.

The topic is the truth. Given it, every mirror comes out the same, whoever makes it and in whatever batches: the same
positions, recorded times, verdicts, dead letters and tallies. One that is lost is made anew from the topic.

What the inbox told carries its inbox offset. A mirror keeps the highest it has taken, and passes over what is at or
below it: something that a restarted or a zombie worker fed in a second time, also if it judged it otherwise. So a
redelivery is not even a duplicate. Offsets and events are written in one transaction.
"""

import logging
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import Final, Protocol

import msgspec

from events.envelope import DEFAULT_TENANT
from services.journal.intake import Intake
from services.journal.port import Cut, JournalError, Journalled, Letter, Refused, Tally, Verdict
from services.journal.sqlite import SqliteJournal
from services.kafka.clients import partition_of
from services.kafka.records import Decision, Origin, Read, Record, Sender, Stranger, read
from services.sealing.vault import Vault

_LOG: Final = logging.getLogger(__name__)
_SHAPE: Final = "1"
"""Of the tables below and of what is made of a record; a mirror of another shape is made anew."""
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS mirrored (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS offsets (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL)",
    """CREATE TABLE IF NOT EXISTS watermarks (
        partition INTEGER, inbox INTEGER, offset INTEGER NOT NULL, PRIMARY KEY (partition, inbox)
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS strangers (
        partition INTEGER, offset INTEGER, reason TEXT NOT NULL, PRIMARY KEY (partition, offset)
    ) WITHOUT ROWID""",
)

Answer = Verdict | bool | None
"""What became of a record: the verdict of an event; whether a decision stands; nothing of what was passed over."""


class Source(Protocol):
    """The journal topic, as a mirror reads it; ``services.kafka.log.Log`` is one."""

    @property
    def partitions(self) -> int: ...
    def ends(self) -> dict[int, int]: ...
    def read(
        self, starts: Mapping[int, int], ends: Mapping[int, int]
    ) -> Iterator[tuple[list[Record], dict[int, int]]]: ...


class StrangerSeen(msgspec.Struct, frozen=True):
    """A record of the journal topic that is not ours and was passed over; it is in no tally."""

    partition: int
    offset: int
    reason: str


class Mirror(SqliteJournal):
    """The journal of a topic, to be read as any journal is, in the file at ``path``.

    ``topic_id`` says which topic it mirrors: a file of another one is thrown away. It is not appended to; see
    KafkaJournal. Any thread may call ``take`` and ``catch_up``; those that read the file do not wait for them.
    """

    def __init__(
        self, path: Path, source: Source, topic_id: str, *, patience_s: float = 10.0, vault: Vault | None = None
    ) -> None:
        self._source = source
        self._taking = RLock()
        self._token = ""
        self._waiting: set[int] = set()
        """The numbers of the records that this process sent and waits for."""
        self._answers: dict[int, Answer] = {}
        """What became of them."""
        super().__init__(path, patience_s=patience_s, vault=vault)
        described = {"shape": _SHAPE, "topic": topic_id, "partitions": str(source.partitions)}
        if self._described() not in ({}, described):
            _LOG.warning("the mirror %s is of another topic or version and is made anew", path)
            self._close_file()
            remove(path)
            super().__init__(path, patience_s=patience_s, vault=vault)
        with self._writing() as db:
            db.executemany("INSERT OR REPLACE INTO mirrored VALUES (?, ?)", described.items())
        self._nexts: dict[int, int] = dict.fromkeys(range(source.partitions), 0)
        self._nexts |= dict(self._rows("SELECT partition, next FROM offsets"))

    def _make_ready(self, db: sqlite3.Connection) -> None:
        super()._make_ready(db)
        for statement in _SCHEMA:
            db.execute(statement)
        # What a power cut takes from the end of the file is read from the topic again.
        db.execute("PRAGMA synchronous = NORMAL")

    def _described(self) -> dict[str, str]:
        return dict(self._rows("SELECT name, value FROM mirrored"))

    @property
    def partitions(self) -> int:
        """How many partitions the topic has."""
        return self._source.partitions

    def take(self, records: Sequence[Record]) -> None:
        """Take records that some client read from the topic, each partition's in order.

        Those that were taken before are passed over. Where the first of a partition lies beyond the next that is
        wanted, what is missing is read from the topic first.
        """
        with self._taking:
            first: dict[int, int] = {}
            for record in records:
                first.setdefault(record.partition, record.offset)
            self._read_up_to(first)
            self._apply(records, {})

    def catch_up(self, partitions: Collection[int] | None = None) -> None:
        """Take everything that the topic has by now; None: of all partitions. The others stay where they are."""
        with self._taking:
            ends = self._ends()
            self._read_up_to(ends if partitions is None else {number: ends[number] for number in partitions})

    def follow(self, partitions: Collection[int], most: int) -> None:
        """Take the next records of these partitions, about so many in all, for who has other things to do too."""
        with self._taking:
            ends, each = self._ends(), -(-most // max(len(partitions), 1))
            self._read_up_to({number: min(ends[number], self._nexts[number] + each) for number in partitions})

    def _ends(self) -> dict[int, int]:
        ends = self._source.ends()
        for number, end in ends.items():
            if end < self._nexts[number]:
                raise JournalError(
                    f"partition {number} of the journal topic ends at {end}, and {self._nexts[number]} records of "
                    "it were read before: it lost some; restore the topic, or delete the mirror and make the "
                    "ledger anew to go on with what is left"
                )
        return ends

    def next_offset(self, partition: int) -> int:
        """The offset in the journal topic up to which everything is taken."""
        return self._nexts[partition]

    def watermark(self, inbox_partition: int) -> int:
        """The inbox offset up to which a partition is in the journal, whatever became of it; -1 before the first.

        Tenants lie in the same partition of inbox and journal, where producers place them as Kafka's clients do.
        Of an inbox partition that holds others only, it is the lowest that is certain.
        """
        marks = self.watermarks(inbox_partition)
        return marks.get(inbox_partition, min(marks.values(), default=-1))

    def watermarks(self, inbox_partition: int) -> dict[int, int]:
        """By partition of the journal, the inbox offset up to which all that was told to its tenants is in it."""
        return dict(self._rows("SELECT partition, offset FROM watermarks WHERE inbox = ?", inbox_partition))

    def strangers(self) -> list[StrangerSeen]:
        """The records of the topic that were passed over because they are not ours."""
        rows = self._rows("SELECT partition, offset, reason FROM strangers ORDER BY partition, offset")
        return [StrangerSeen(*row) for row in rows]

    def unnamed(self) -> int:
        """How many open dead letters name no tenant that there can be; they are kept with the tenant ``default``."""
        sql = (
            "SELECT count(*) FROM letters, tenants WHERE tenants.name = ? AND outcome IS NULL "
            "AND place > number << 40 AND place < (number + 1) << 40 AND field IN ('event', 'tenant')"
        )
        return int(self._rows(sql, DEFAULT_TENANT)[0][0])

    def head(self, tenant: str) -> Cut:
        self.catch_up()
        return super().head(tenant)

    def heads(self) -> dict[str, int]:
        """The last position of every tenant, as far as the mirror has come; the topic is not asked."""
        return dict(self._rows("SELECT name, position FROM tenants"))

    def tenants(self) -> list[str]:
        self.catch_up()
        return super().tenants()

    def tally(self, tenant: str) -> Tally:
        self.catch_up()
        return super().tally(tenant)

    def letters(self, tenant: str, open_only: bool = True) -> list[Letter]:
        self.catch_up()
        return super().letters(tenant, open_only)

    def _read_up_to(self, ends: Mapping[int, int]) -> None:
        starts = {number: self._nexts[number] for number in ends}
        if any(starts[number] < end for number, end in ends.items()):
            for records, nexts in self._source.read(starts, ends):
                self._apply(records, nexts)

    def _apply(self, records: Sequence[Record], nexts: Mapping[int, int]) -> None:
        """Take records that follow on what was taken, in one transaction with where to read on."""
        reached = dict(self._nexts)
        fresh = []
        for record in records:
            if record.offset >= reached[record.partition]:
                reached[record.partition] = record.offset + 1
                fresh.append(record)
        for number, after in nexts.items():
            reached[number] = max(reached[number], after)
        if reached == self._nexts:
            return
        with self._writing() as db:
            batch = _Batch(db, self._source.partitions)
            answers = batch.take(fresh)
            moved = [(number, after) for number, after in reached.items() if after != self._nexts[number]]
            db.executemany("INSERT OR REPLACE INTO offsets VALUES (?, ?)", moved)
        self._nexts = reached
        for sender, answer in answers:
            if sender.token == self._token and sender.number in self._waiting:
                # What was written twice is taken once, and the answer is that of the one.
                self._answers[sender.number] = self._answers.get(sender.number) if answer is None else answer

    def close(self) -> None:
        with self._taking:
            super().close()


class _Batch:
    """Records on their way into the mirror, within its transaction."""

    def __init__(self, db: sqlite3.Connection, partitions: int) -> None:
        self._db = db
        self._partitions = partitions
        rows = db.execute("SELECT partition, inbox, offset FROM watermarks")
        self._watermarks: dict[tuple[int, int], int] = {(number, inbox): offset for number, inbox, offset in rows}
        self._moved: set[tuple[int, int]] = set()
        self._strangers: list[tuple[int, int, str]] = []
        self._decisions: list[tuple[Decision, Sender | None]] = []
        self._answers: list[tuple[Sender, Answer]] = []

    def take(self, records: Sequence[Record]) -> list[tuple[Sender, Answer]]:
        """Take them all; what became of those whose sender waits."""
        told = [(record, said) for record in records if (said := self._read(record)) is not None]
        intake = Intake(self._db)
        intake.look_up([each.said for _, each in told if isinstance(each.said, Journalled)])
        for record, each in told:
            if self._is_next(record.partition, each.origin):
                answer = self._said(intake, each, record.timestamp_ms)
            else:
                answer = None
            if each.sender is not None and not isinstance(each.said, Decision):
                self._answers.append((each.sender, answer))
        intake.write()
        self._write()
        return self._answers

    def _read(self, record: Record) -> Read | None:
        try:
            found = read(record)
            if partition_of(found.said.tenant, self._partitions) != record.partition:
                raise Stranger("it lies in another partition than its tenant's")
        except Stranger as stranger:
            _LOG.warning("partition %d offset %d of the journal: %s", record.partition, record.offset, stranger)
            self._strangers.append((record.partition, record.offset, str(stranger)))
            return None
        return found

    def _is_next(self, partition: int, origin: Origin | None) -> bool:
        """Whether this record of the inbox was not taken before, and none before it is missing."""
        if origin is None:
            return True
        place = (partition, origin.partition)
        reached = self._watermarks.get(place, -1)
        if not origin.after <= reached < origin.offset:
            return False
        self._watermarks[place] = origin.offset
        self._moved.add(place)
        return True

    def _said(self, intake: Intake, each: Read, timestamp_ms: int) -> Answer:
        said = each.said
        if isinstance(said, Journalled):
            return intake.take(said, timestamp_ms)
        if isinstance(said, Refused):
            intake.refuse(said, timestamp_ms)
        elif 0 < said.number <= intake.letters(said.tenant):
            self._decisions.append((said, each.sender))
        elif each.sender is not None:
            self._answers.append((each.sender, False))
        return None

    def _write(self) -> None:
        """Decisions come after the letters of their batch, of which each was there before it was decided about."""
        for decision, sender in self._decisions:
            stands = close_letter(self._db, decision)
            if sender is not None:
                self._answers.append((sender, stands))
        self._db.executemany("INSERT OR IGNORE INTO strangers VALUES (?, ?, ?)", self._strangers)
        self._db.executemany(
            "INSERT OR REPLACE INTO watermarks VALUES (?, ?, ?)",
            [(*place, self._watermarks[place]) for place in sorted(self._moved)],
        )


def close_letter(db: sqlite3.Connection, decision: Decision) -> bool:
    """Note a decision; whether it stands, for the first one does."""
    sql = (
        "UPDATE letters SET outcome = ? WHERE outcome IS NULL "
        "AND place = (SELECT number << 40 | ? FROM tenants WHERE name = ?)"
    )
    return bool(db.execute(sql, (decision.outcome, decision.number, decision.tenant)).rowcount)


def remove(path: Path) -> None:
    """Delete a mirror that is closed."""
    for end in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + end).unlink()
