"""The spool: events on their way to the gateway, in a SQLite file that survives a crash and a power cut."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Final, NamedTuple

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS waiting (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS refused (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    reason TEXT NOT NULL,
    field TEXT,
    body BLOB NOT NULL
);
"""
_BUSY_S: Final = 30
"""How long another process may hold the file."""


class SpoolError(Exception):
    """The spool cannot be used. One sentence says why and what to do."""


class Waiting(NamedTuple):
    """An event that is not known to be in the journal yet."""

    number: int
    """Its place in the spool, never used again."""
    body: bytes
    """The structured CloudEvent."""


class Refused(NamedTuple):
    """An event that the gateway refused. It stays in the spool until it is forgotten or told again."""

    number: int
    id: str
    reason: str
    """What is wrong and what is allowed, in one sentence."""
    field: str | None
    """Where it is wrong, where that is known."""
    body: bytes
    """The structured CloudEvent, as it was told."""


class Spool:
    """Events that wait, in order, and those that were refused. For any number of threads and processes.

    What ``put`` has returned from is on disk. All methods raise SpoolError.
    """

    def __init__(self, path: Path) -> None:
        self._path: Final = path
        self._lock: Final = RLock()
        with self._sentence():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db: Final = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)

    def put(self, bodies: Sequence[bytes], most: int) -> int:
        """Keep events, all or none, and give the number of the last.

        Raises SpoolError, too, where more than ``most`` would wait.
        """
        with self._writing():
            if self._at_most() + len(bodies) > most:
                raise SpoolError(
                    f"the spool {self._path} is full, and nothing of this was taken; allowed: {most} waiting events; "
                    "see whether the gateway can be reached, or open the client with a larger most_waiting"
                )
            self._db.executemany("INSERT INTO waiting (body) VALUES (?)", [(body,) for body in bodies])
            return self.last()

    def first_is_full(self, events: int) -> bool:
        """Whether so many events wait, or a few less."""
        with self._reading():
            return self._at_most() >= events

    def first(self, events: int, size: int) -> list[Waiting]:
        """The events that wait longest: at most so many, and of so many bytes together, but one at least."""
        found: list[Waiting] = []
        with self._reading():
            for number, body in self._db.execute("SELECT number, body FROM waiting ORDER BY number LIMIT ?", (events,)):
                size -= len(body)
                if found and size < 0:
                    break
                found.append(Waiting(number, body))
        return found

    def settle(self, numbers: Sequence[int], refused: Sequence[Refused]) -> None:
        """These no longer wait: the journal has them, or they were refused. In one transaction."""
        with self._writing():
            self._db.executemany("DELETE FROM waiting WHERE number = ?", [(number,) for number in numbers])
            self._db.executemany("INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?, ?)", refused)

    def count(self) -> int:
        """How many events wait."""
        with self._reading():
            return int(self._db.execute("SELECT count(*) FROM waiting").fetchone()[0])

    def _at_most(self) -> int:
        """No less than wait, and hardly more: they leave in order. Counting a million takes too long for each event."""
        span = "SELECT (SELECT max(number) FROM waiting) - (SELECT min(number) FROM waiting) + 1"
        return int(self._db.execute(span).fetchone()[0] or 0)

    def last(self) -> int:
        """The number given last; 0 where none was given yet."""
        with self._reading():
            row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'waiting'").fetchone()
            return int(row[0]) if row else 0

    def waits(self, upto: int) -> bool:
        """Whether an event of this number or a lower one waits."""
        with self._reading():
            return bool(
                self._db.execute("SELECT EXISTS (SELECT 1 FROM waiting WHERE number <= ?)", (upto,)).fetchone()[0]
            )

    def refused(self, most: int, after: int = 0) -> list[Refused]:
        """The refused events with a number above ``after``, the oldest first."""
        told = "SELECT * FROM refused WHERE number > ? ORDER BY number LIMIT ?"
        with self._reading():
            rows = self._db.execute(told, (after, most)).fetchall()
            return [Refused(*row) for row in rows]

    def forget(self, numbers: Sequence[int]) -> None:
        """Let go of refused events."""
        with self._writing():
            self._db.executemany("DELETE FROM refused WHERE number = ?", [(number,) for number in numbers])

    def retry(self, numbers: Sequence[int]) -> None:
        """Let refused events wait once more, behind all others."""
        marks = [(number,) for number in numbers]
        with self._writing():
            self._db.executemany(
                "INSERT INTO waiting (body) SELECT body FROM refused WHERE number = ? ORDER BY number", marks
            )
            self._db.executemany("DELETE FROM refused WHERE number = ?", marks)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._reading(), self._db:  # which commits, or rolls back
            self._db.execute("BEGIN IMMEDIATE")
            yield

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock, self._sentence():
            yield

    @contextmanager
    def _sentence(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise SpoolError(
                f"the spool {self._path} cannot be used: {str(error).lower()}; allowed: a file that this program "
                "may write, on a disk with room"
            ) from error
