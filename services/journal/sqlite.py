"""The journal in one SQLite file: no server, and the same promises.

The file is in WAL mode with ``synchronous=FULL``: what ``append`` has returned survives a crash and a power cut.
There is one connection that writes and one that reads, each behind a lock, so a journal object may be shared by
all threads of a process, and reading never waits for appending. A second process may open the file to read it
(``read_only=True``); if it wants to write, it waits for its turn, and gives up in a sentence.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import starmap
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal

import msgspec

from events.corrections import EventVoided
from events.envelope import Entry, Place
from events.erasures import SubjectErased
from events.personal import ERASED, token_of
from events.planning import CalendarDefined
from services.closing import Closing
from services.journal.intake import LAST, PLACE_BITS, Intake, as_json
from services.journal.port import (
    Content,
    Cut,
    Delivery,
    JournalError,
    Journalled,
    Letter,
    Personal,
    Refused,
    Tally,
    Verdict,
)
from services.sealing.vault import Vault

APPLICATION_ID: Final = 0x53414C45
"""``SALE``, in the file's header: it is one of ours."""
FORMAT: Final = 1
"""The newest shape of the file that this version knows."""

_SOUGHT: Final = (CalendarDefined.TYPE, EventVoided.TYPE)
"""Types that are asked for by type; few events have them."""
_IS_SOUGHT: Final = f"type IN {_SOUGHT}"  # of three or more, SQLite would build a set for every row inserted
_IS_ERASURE: Final = f"type = '{SubjectErased.TYPE}'"
_ERASURES: Final = f"CREATE INDEX IF NOT EXISTS erasures ON entries (tenant) WHERE {_IS_ERASURE}"

# A place is (tenant's number << 40 | position): one integer key, so each tenant's entries lie together and in
# order, appending touches the end of the file only, and rows of a few kB need no overflow pages.
_SCHEMA: Final = (
    """CREATE TABLE tenants (
        number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
        position INTEGER NOT NULL DEFAULT 0, recorded_ms INTEGER NOT NULL DEFAULT 0,
        told INTEGER NOT NULL DEFAULT 0, duplicates INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0
    )""",
    """CREATE TABLE entries (
        place INTEGER PRIMARY KEY, tenant INTEGER NOT NULL REFERENCES tenants, recorded_ms INTEGER NOT NULL,
        source TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, at_ms INTEGER NOT NULL, subject TEXT NOT NULL,
        digest BLOB NOT NULL, body BLOB NOT NULL
    )""",
    "CREATE UNIQUE INDEX identity ON entries (tenant, source, id)",
    f"CREATE INDEX sought ON entries (tenant, type) WHERE {_IS_SOUGHT}",
    """CREATE TABLE letters (
        place INTEGER PRIMARY KEY, recorded_ms INTEGER NOT NULL, reason TEXT NOT NULL, field TEXT NOT NULL,
        body BLOB NOT NULL, origin TEXT NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL, outcome TEXT
    )""",
    """CREATE TABLE inbox (
        number INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, system TEXT NOT NULL,
        received_ms INTEGER NOT NULL, headers TEXT NOT NULL, raw BLOB NOT NULL
    )""",
    "CREATE INDEX inbox_of_tenant ON inbox (tenant, number)",
    "CREATE INDEX inbox_by_age ON inbox (received_ms)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {FORMAT}",
)
_PLACE: Final = f"place & {LAST}, recorded_ms, source, id, type, at_ms, subject, body"
_ENTRY: Final = f"SELECT ?1, {_PLACE} FROM entries "
_LETTER: Final = f"SELECT place & {LAST}, recorded_ms, reason, field, body, origin, source, id, outcome FROM letters "
_DELIVERY: Final = "SELECT number, system, received_ms, headers, raw FROM inbox "

_PROBLEMS: Final = {
    sqlite3.SQLITE_FULL: "cannot grow, for the disk is full; free some space and try again",
    sqlite3.SQLITE_IOERR: "cannot be read or written, for the disk reports an error or a size limit; "
    "check the disk and try again",
    sqlite3.SQLITE_BUSY: "is being written by another process; wait for it or stop it, and try again",
    sqlite3.SQLITE_LOCKED: "is being written by another process; wait for it or stop it, and try again",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; make sure that its directory exists and may be written by you",
    sqlite3.SQLITE_READONLY: "may not be written; give yourself the right to write it and its directory",
    sqlite3.SQLITE_PERM: "may not be opened; give yourself the right to read and write it and its directory",
    sqlite3.SQLITE_CORRUPT: "is damaged; restore it from a backup, or save what is left of it with "
    "`sqlite3 FILE .recover`",
    sqlite3.SQLITE_NOTADB: "is not a Salestream journal, or its first page is damaged; name another file, "
    "or restore this one from a backup",
}


@contextmanager
def _in_a_sentence(path: Path) -> Iterator[None]:
    """What SQLite reports about the file or the disk, as a JournalError; our own mistakes stay what they are."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        problem = _PROBLEMS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        if problem is None:
            raise
        raise JournalError(f"the journal {path} {problem} ({error})") from error


class SqliteJournal(Closing):
    """A Journal in the file at ``path``, which is created if it is missing.

    ``vault`` seals what is personal; without one it is kept as it is told, which is for tests, and for carrying over
    what was sealed elsewhere. It is closed with the journal. ``read_only`` opens an existing journal for reading,
    beside the process that writes it. ``patience_s`` is how long to wait while another process writes. Raises
    JournalError if the file is no journal, is from a newer version, is damaged or cannot be opened.
    """

    def __init__(
        self, path: Path, *, read_only: bool = False, patience_s: float = 10.0, vault: Vault | None = None
    ) -> None:
        self._path = path = path.absolute()
        self._vault: Final = vault
        if read_only and not path.exists():
            raise JournalError(f"there is no journal at {path}; the first event that is told makes one")
        self._patience_s = patience_s
        self._read_lock = Lock()
        self._write_lock = Lock()
        with ExitStack() as opened, _in_a_sentence(path):
            self._writer = None if read_only else opened.enter_context(closing(self._connect("rwc")))
            if self._writer is not None:
                self._make_ready(self._writer)
            self._reader = opened.enter_context(closing(self._connect("ro" if read_only else "rw")))
            self._check_format(self._reader)
            self._reader.execute("PRAGMA query_only = ON")
            self._reader.execute("PRAGMA cache_size = -16384")
            self._connections = opened.pop_all()

    def _connect(self, mode: str) -> sqlite3.Connection:
        """An open connection; threads take turns with it under our locks."""
        uri = f"{self._path.as_uri()}?mode={mode}"
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=self._patience_s)

    def _make_ready(self, db: sqlite3.Connection) -> None:
        """Sets the connection up for appending, and the file too if it is new."""
        if _is_new(db):
            db.execute("PRAGMA page_size = 8192")
            db.execute("PRAGMA journal_mode = WAL")
        else:
            self._check_format(db)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA cache_size = -65536")
        db.execute("PRAGMA wal_autocheckpoint = 1000")
        db.execute("PRAGMA journal_size_limit = 67108864")
        with db:
            db.execute("BEGIN IMMEDIATE")
            if _is_new(db):
                for statement in _SCHEMA:
                    db.execute(statement)
            db.execute(_ERASURES)

    def _check_format(self, db: sqlite3.Connection) -> None:
        application, version = _number(db, "PRAGMA application_id"), _number(db, "PRAGMA user_version")
        if application != APPLICATION_ID:
            raise JournalError(f"the file {self._path} is not a Salestream journal; name another file")
        if version > FORMAT:
            raise JournalError(
                f"the journal {self._path} was written by a newer Salestream (format {version}; this one knows "
                f"{FORMAT}); install that version"
            )

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is in the file for good when this ends, or nothing is."""
        assert self._writer is not None, "this journal was opened to be read only"
        with self._write_lock, _in_a_sentence(self._path), self._writer as db:
            db.execute("BEGIN IMMEDIATE")
            yield db

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        with self._read_lock, _in_a_sentence(self._path):
            return self._reader.execute(sql, values).fetchall()

    def _entries(self, sql: str, tenant: str, *values: Any) -> list[Entry]:
        with self._read_lock, _in_a_sentence(self._path):
            return list(starmap(Entry, self._reader.execute(_ENTRY + sql, (tenant, *values))))

    def _base(self, tenant: str) -> int:
        """The place before the tenant's first. Of an unknown tenant it is 0: a span in which nothing stands."""
        rows = self._rows("SELECT number FROM tenants WHERE name = ?", tenant)
        return rows[0][0] << PLACE_BITS if rows else 0

    def append(self, batch: Sequence[Content], refused: Sequence[Refused] = (), *, now_ms: int) -> list[Verdict]:
        kept, kept_refused = self._sealed(batch, refused, now_ms)
        with self._writing() as db:
            intake = Intake(db)
            intake.look_up(kept)
            verdicts = [intake.take(told, now_ms) for told in kept]
            for refusal in kept_refused:
                intake.refuse(refusal, now_ms)
            intake.write()
        self._destroy(kept, verdicts, now_ms)
        return verdicts

    def _sealed(
        self, batch: Sequence[Content], refused: Sequence[Refused], now_ms: int
    ) -> tuple[Sequence[Content], Sequence[Refused]]:
        if self._vault is None:
            return batch, refused
        return self._vault.sealed(batch), self._vault.seal_refused(refused, now_ms)

    def _destroy(self, batch: Sequence[Content], verdicts: Iterable[Verdict | None], now_ms: int) -> None:
        """What was promised by erasures that are in the journal now."""
        for told, verdict in zip(batch, verdicts, strict=True):
            if told.type == SubjectErased.TYPE and self._vault is not None and verdict is not None:
                self._vault.destroy(told.tenant, told.body, now_ms if told.recorded_ms is None else told.recorded_ms)

    def opened(self, entry: Entry) -> Entry:
        return entry if self._vault is None else self._vault.opened(entry)

    def personal(self, entry: Entry) -> Personal:
        if self._vault is not None:
            return self._vault.state(entry)
        token = token_of(entry)[1]
        return "erased" if token == ERASED else "sealed" if token else ""

    @property
    def vault(self) -> Vault | None:
        """What seals and opens what is personal."""
        return self._vault

    def read(self, tenant: str, after: int, limit: int) -> list[Entry]:
        base = self._base(tenant)
        above = base + min(max(after, 0), LAST)
        sql = "WHERE place > ?2 AND place <= ?3 ORDER BY place LIMIT ?4"
        return self._entries(sql, tenant, above, base + LAST, limit)

    def read_shard(self, tenant: str, after: int, upto: int, shard: int, count: int) -> list[Place]:
        """The entries above ``after`` up to ``upto`` of one of ``count`` shards of entities, and all voidings.

        The shard of an entity is the code of its id's last character, modulo ``count``.
        """
        base = self._base(tenant)
        sql = (
            f"SELECT {_PLACE} FROM entries WHERE place > ? AND place <= ? "
            "AND (unicode(substr(subject, -1)) % ? = ? OR type = ?) ORDER BY place"
        )
        return self._rows(sql, base + after, base + upto, count, shard, EventVoided.TYPE)

    def contents(self, tenant: str, after: int, limit: int) -> list[Journalled]:
        """As ``read``, but as another journal takes them in."""
        base = self._base(tenant)
        sql = (
            "SELECT ?1, source, id, type, at_ms, subject, digest, body, recorded_ms FROM entries "
            "WHERE place > ?2 AND place <= ?3 ORDER BY place LIMIT ?4"
        )
        return list(starmap(Journalled, self._rows(sql, tenant, base + after, base + LAST, limit)))

    def entries(self, tenant: str, positions: Iterable[int]) -> list[Entry]:
        base = self._base(tenant)
        places = [base + position for position in positions if 0 < position <= LAST]
        return self._entries("WHERE place IN (SELECT value FROM json_each(?2)) ORDER BY place", tenant, as_json(places))

    def of_type(self, tenant: str, types: Iterable[str], upto: int | None = None) -> list[Entry]:
        wanted = set(types)
        base = self._base(tenant)
        last = base + (LAST if upto is None else min(max(upto, 0), LAST))
        if wanted <= set(_SOUGHT):
            where = f"INDEXED BY sought WHERE tenant = ?2 >> {PLACE_BITS} AND {_IS_SOUGHT} "
        elif wanted == {SubjectErased.TYPE}:
            where = f"WHERE tenant = ?2 >> {PLACE_BITS} AND {_IS_ERASURE} "
        else:
            where = "NOT INDEXED WHERE place > ?2 "
        where += "AND place <= ?3 AND type IN (SELECT value FROM json_each(?4)) ORDER BY place"
        return self._entries(where, tenant, base, last, as_json(sorted(wanted)))

    def find(self, tenant: str, source: str, id_: str) -> Entry | None:
        number = self._base(tenant) >> PLACE_BITS
        found = self._entries("WHERE tenant = ?2 AND source = ?3 AND id = ?4", tenant, number, source, id_)
        return found[0] if found else None

    def head(self, tenant: str) -> Cut:
        rows = self._rows("SELECT position, recorded_ms FROM tenants WHERE name = ?", tenant)
        return Cut(*rows[0]) if rows else Cut(0, 0)

    def position_at(self, tenant: str, recorded_ms: int) -> int:
        """Found by halving the journal, for recorded times never decrease."""
        low, high = 0, self.head(tenant).position
        while low < high:
            middle = (low + high + 1) // 2
            at = self.recorded_at(tenant, middle)
            assert at is not None, "positions have no gaps"
            low, high = (middle, high) if at <= recorded_ms else (low, middle - 1)
        return low

    def recorded_at(self, tenant: str, position: int) -> int | None:
        if not 0 < position <= LAST:
            return None
        rows = self._rows("SELECT recorded_ms FROM entries WHERE place = ?", self._base(tenant) + position)
        return rows[0][0] if rows else None

    def tenants(self) -> list[str]:
        return [name for (name,) in self._rows("SELECT name FROM tenants ORDER BY name")]

    def tally(self, tenant: str) -> Tally:
        rows = self._rows("SELECT told, position, duplicates, refused FROM tenants WHERE name = ?", tenant)
        return Tally(*rows[0]) if rows else Tally(0, 0, 0, 0)

    def letters(self, tenant: str, open_only: bool = True) -> list[Letter]:
        base = self._base(tenant)
        which = "AND outcome IS NULL " if open_only else ""
        rows = self._rows(f"{_LETTER} WHERE place > ? AND place <= ? {which}ORDER BY place", base, base + LAST)
        return [self._letter(tenant, row) for row in rows]

    def letter(self, tenant: str, number: int) -> Letter | None:
        if not 0 < number <= LAST:
            return None
        rows = self._rows(f"{_LETTER} WHERE place = ?", self._base(tenant) + number)
        return self._letter(tenant, rows[0]) if rows else None

    def _letter(self, tenant: str, row: Sequence[Any]) -> Letter:
        letter = Letter(tenant=tenant, **dict(zip(Letter.__struct_fields__[1:], row, strict=True)))
        if self._vault is None:
            return letter
        return msgspec.structs.replace(letter, body=self._vault.open_body(tenant, letter.body) or b"")

    def close_letter(self, tenant: str, number: int, outcome: Literal["retried", "discarded"]) -> None:
        letter = self.letter(tenant, number)
        if letter is None:
            raise JournalError(f"{tenant!r} has no dead letter {number}; list them to see their numbers")
        place = self._base(tenant) + number
        with self._writing() as db:
            closed = db.execute("UPDATE letters SET outcome = ? WHERE place = ? AND outcome IS NULL", (outcome, place))
        if not closed.rowcount:
            raise JournalError(f"dead letter {number} of {tenant!r} is closed already; a decision stands")

    def keep(self, tenant: str, system: str, received_ms: int, raw: bytes, headers: Mapping[str, str]) -> int:
        sql = "INSERT INTO inbox (tenant, system, received_ms, headers, raw) VALUES (?, ?, ?, ?, ?)"
        kept = self._sealed_raw(tenant, received_ms, raw)
        with self._writing() as db:
            number = db.execute(sql, (tenant, system, received_ms, as_json(dict(headers)), kept)).lastrowid
        assert number is not None, "an insert has a number"
        return number

    def inbox(self, tenant: str, after: int, limit: int) -> list[Delivery]:
        rows = self._rows(f"{_DELIVERY} WHERE tenant = ? AND number > ? ORDER BY number LIMIT ?", tenant, after, limit)
        return [
            Delivery(tenant, number, system, received_ms, msgspec.json.decode(headers), self._opened_raw(tenant, raw))
            for number, system, received_ms, headers, raw in rows
        ]

    def _sealed_raw(self, tenant: str, received_ms: int, raw: bytes) -> bytes:
        return raw if self._vault is None else self._vault.seal_body("inbox", tenant, received_ms, raw)

    def _opened_raw(self, tenant: str, kept: bytes) -> bytes:
        """What was delivered; nothing where its time is over."""
        return kept if self._vault is None else self._vault.open_body(tenant, kept) or b""

    def prune(self, before_ms: int) -> int:
        with self._writing() as db:
            deleted = db.execute("DELETE FROM inbox WHERE received_ms < ?", (before_ms,)).rowcount
        self._cut_log(db)
        return deleted

    def forget_raw(self, tenant: str, mentions: Callable[[bytes], object]) -> int:
        """Deletes, for good, deliveries and bodies of decided dead letters in which somebody is mentioned; how many."""
        after, gone = 0, []
        while page := self.inbox(tenant, after, 1000):
            after = page[-1].number
            gone += [each.number for each in page if mentions(each.raw)]
        base = self._base(tenant)
        decided = (each for each in self.letters(tenant, open_only=False) if each.outcome is not None)
        emptied = [base + each.number for each in decided if mentions(each.body)]
        if gone or emptied:
            with self._writing() as db:
                db.execute("DELETE FROM inbox WHERE number IN (SELECT value FROM json_each(?))", (as_json(gone),))
                sql = "UPDATE letters SET body = x'' WHERE place IN (SELECT value FROM json_each(?))"
                db.execute(sql, (as_json(emptied),))
            self._cut_log(db)
        return len(gone) + len(emptied)

    def _cut_log(self, db: sqlite3.Connection) -> None:
        """What secure_delete has overwritten in the file would still be readable in the log beside it."""
        with self._write_lock, _in_a_sentence(self._path):
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self._close_file()
        if self._vault is not None:
            self._vault.close()

    def _close_file(self) -> None:
        with self._write_lock, self._read_lock, _in_a_sentence(self._path):
            self._connections.close()


def _is_new(db: sqlite3.Connection) -> bool:
    """Nothing is in the file yet: it was just made, or its maker died at once."""
    return not _number(db, "PRAGMA application_id") and not _number(db, "SELECT count(*) FROM sqlite_master")


def _number(db: sqlite3.Connection, sql: str) -> int:
    value = db.execute(sql).fetchone()[0]
    assert isinstance(value, int)
    return value
