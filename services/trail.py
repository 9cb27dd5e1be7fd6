"""Who asked what and who changed what: events in a small journal of their own, beside that of selling.

Changes are written before they are answered. Questions are counted: the same one of the same caller within some seconds
is one entry with a count, written a little later by a thread of its own, so that nobody waits for it and a wall that
asks every second makes few entries. Entries are kept for a time, and never more than ``MOST``.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from getpass import getuser
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Final

import msgspec

from events.envelope import to_text
from services.clock import now_ms
from services.keys.port import KeysError
from services.keys.sqlite import make_private
from services.settings import Settings

ASKED: Final = "question.asked"
CHANGES: Final = (
    "key.created", "key.rotated", "key.revoked", "master.rotated", "subject.erased", "subject.exported",
    "letter.retried", "letter.discarded", "mapping.changed", "inbox.retranslated", "command.run",
)  # fmt: skip
"""What is noted of those who change something or see what is personal."""
TYPES: Final = (ASKED, *CHANGES)
SOURCE: Final = "/salestream/audit"
LOCAL: Final = "local"
"""Who works on the data folder itself, from the command line."""
MOST: Final = 1_000_000
WITHIN_S: Final = 5.0
"""How long a question may wait to be written, and within which the same ones are one."""
WAITING: Final = 10_000
"""Different questions that may wait; of more than that only how many there were is noted."""
LONGEST: Final = 500
"""Characters of a question that are kept."""
_DAY_MS: Final = 86_400_000
_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS entries (
        number INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, at_ms INTEGER NOT NULL, type TEXT NOT NULL,
        who TEXT NOT NULL, data TEXT NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS of_tenant ON entries (tenant, number)",
    "PRAGMA user_version = 1",
)
_encode: Final = msgspec.json.Encoder().encode


def local_user() -> str:
    """Who works on the data folder itself: ``local`` and the account of this machine."""
    try:
        return f"{LOCAL}:{getuser()}"
    except (KeyError, OSError):  # an account without a name, as in some containers
        return f"{LOCAL}:{os.getuid()}"


class AuditError(Exception):
    """The audit journal cannot be used. One sentence says why and what to do."""


class Change(msgspec.Struct, frozen=True):
    """Something that was changed."""

    type: str
    tenant: str
    who: str
    """The prefix of a key, ``local``, or of the command line ``local_user()``."""
    data: Mapping[str, Any]
    """What, by its name or number: nothing personal and no secret."""


class _Question(msgspec.Struct, frozen=True):
    tenant: str
    who: str
    route: str
    asked: str
    status: int


class _Count(msgspec.Struct):
    first_ms: int
    last_ms: int
    count: int
    cut: int | None


class Audit:
    """The audit journal in the file at ``path``, which nobody but its owner may read. Raises AuditError."""

    def __init__(self, path: Path, days: int) -> None:
        self._path = path = path.absolute()
        self._days = days
        self._lock = Lock()
        self._asked_lock = Lock()
        self._asked: dict[_Question, _Count] = {}
        self._wake, self._over = Event(), False
        self._thread: Thread | None = None
        with _in_a_sentence(path):
            try:
                make_private(path, "the audit journal")
            except KeysError as error:
                raise AuditError(str(error)) from error
            uri = f"{path.as_uri()}?mode=rw"
            self._db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                for statement in _SCHEMA:
                    self._db.execute(statement)
            self._prune()

    def changed(self, change: Change) -> None:
        """Notes a change, at once."""
        assert change.type in CHANGES, f"add {change.type} to CHANGES"
        self._write([(change.tenant, now_ms(), change.type, change.who, _encode(dict(change.data)).decode())])

    def asked(self, *, tenant: str, who: str, route: str, asked: str, status: int, cut: int | None) -> None:
        """Notes a question, soon. ``cut``: the position at which it was answered, where it was at one."""
        question = _Question(tenant, who, route, asked[:LONGEST], status)
        now = now_ms()
        with self._asked_lock:
            if question not in self._asked and len(self._asked) >= WAITING:
                question = _Question(tenant, who, "", "more questions than are kept", 0)
            found = self._asked.setdefault(question, _Count(now, now, 0, None))
            found.count += 1
            found.last_ms, found.cut = now, cut
            if self._thread is None:
                self._thread = Thread(target=self._keep_writing, name="audit", daemon=True)
                self._thread.start()

    def entries(
        self, tenant: str, *, types: Sequence[str] = (), since_ms: int = 0, limit: int = 100
    ) -> list[dict[str, Any]]:
        """The latest entries of a tenant as CloudEvents, oldest first."""
        self.flush()
        sql = (
            "SELECT number, at_ms, type, who, data FROM entries WHERE tenant = ? AND at_ms >= ? "
            "AND (? OR type IN (SELECT value FROM json_each(?))) ORDER BY number DESC LIMIT ?"
        )
        with self._lock, _in_a_sentence(self._path):
            told = (tenant, since_ms, not types, _encode(list(types)).decode(), limit)
            rows = self._db.execute(sql, told).fetchall()
        return [_event(tenant, row) for row in reversed(rows)]

    def last(self, tenant: str, type_: str, name: str, value: str) -> dict[str, Any] | None:
        """The data of the latest entry of a type in which ``name`` is ``value``."""
        sql = (
            "SELECT data FROM entries WHERE tenant = ? AND type = ? AND json_extract(data, '$.' || ?) = ? "
            "ORDER BY number DESC LIMIT 1"
        )
        with self._lock, _in_a_sentence(self._path):
            row = self._db.execute(sql, (tenant, type_, name, value)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=dict[str, Any])

    def flush(self) -> None:
        """Writes the questions that wait."""
        with self._asked_lock:
            waiting, self._asked = self._asked, {}
        rows = []
        for question, found in waiting.items():
            data = {"route": question.route, "asked": question.asked, "status": question.status, "count": found.count}
            data |= {"cut": found.cut, "until": to_text(found.last_ms)}
            rows.append((question.tenant, found.first_ms, ASKED, question.who, _encode(data).decode()))
        if rows:
            self._write(rows)

    def _keep_writing(self) -> None:
        while not self._over:
            self._wake.wait(WITHIN_S)
            self.flush()

    def _write(self, rows: Sequence[tuple[Any, ...]]) -> None:
        with self._lock, _in_a_sentence(self._path), self._db as db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO entries (tenant, at_ms, type, who, data) VALUES (?, ?, ?, ?, ?)", rows)
            db.execute("DELETE FROM entries WHERE number <= (SELECT max(number) FROM entries) - ?", (MOST,))

    def _prune(self) -> None:
        self._db.execute("DELETE FROM entries WHERE at_ms < ?", (now_ms() - self._days * _DAY_MS,))

    def close(self) -> None:
        """Writes what waits and lets go of the file. Closing twice is fine."""
        self._over = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self.flush()
        with self._lock, closing(self._db):
            pass


@contextmanager
def audited(settings: Settings) -> Iterator[Audit]:
    """The audit journal of a data folder. Raises AuditError."""
    with closing(Audit(settings.trail_path, settings.audit_days)) as audit:
        yield audit


def _event(tenant: str, row: tuple[Any, ...]) -> dict[str, Any]:
    number, at_ms, type_, who, data = row
    return {
        "specversion": "1.0",
        "id": str(number),
        "source": SOURCE,
        "type": type_,
        "time": to_text(at_ms),
        "tenant": tenant,
        "data": {"who": who} | msgspec.json.decode(data),
    }


@contextmanager
def _in_a_sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise AuditError(f"the audit journal {path} cannot be used ({error}); check that file and its disk") from error
