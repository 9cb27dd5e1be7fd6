"""The journal as a chain of hashes, and the seals that keep what it was: a past that is changed later shows.

Every link is the SHA-256 of the link before and of the next ``LINK`` events, each with its place and recorded time; the
value at a position is that of the link begun there. It is computed when the journal is read, so it costs nothing when
events are taken. A seal is a value that was written down; who wants to change the past unseen has to change the seals
too, so give them away, as attestations.
"""

import hashlib
import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from events.envelope import to_text
from services.clock import now_ms
from services.journal.port import Journal
from services.replay.digest import hashed
from services.workspace import WorkspaceError

LINK: Final = 10_000
_CHUNK: Final = 5_000
assert LINK % _CHUNK == 0, "a link ends where a chunk does"
_FIRST: Final = bytes(32)


class Seal(msgspec.Struct, frozen=True):
    """What the chain of a tenant's journal was at a position, when that was written down."""

    tenant: str
    position: int
    chain: str
    made_ms: int


def chain(journal: Journal, tenant: str, positions: Collection[int]) -> dict[int, str]:
    """The values of the chain at these positions, in hexadecimal; none for those the journal does not have."""
    found = {0: _FIRST.hex()} if 0 in positions else {}
    wanted, last = set(positions), max(positions, default=0)
    link, at = hashlib.sha256(_FIRST), 0
    while at < last and (entries := journal.read(tenant, at, _CHUNK)):
        for entry in entries:
            link.update(hashed(entry))
            if entry.position in wanted:
                found[entry.position] = link.hexdigest()
        at = entries[-1].position
        if at % LINK == 0:
            link = hashlib.sha256(link.digest())
    return found


class Seals:
    """The seals of a data folder, in ``seals.sqlite``. Raises WorkspaceError where that cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, seal: Seal) -> None:
        """Write one down, once and for all: where one stands, it stays."""
        with self._opened() as db:
            db.execute("INSERT OR IGNORE INTO seals VALUES (?, ?, ?, ?)", msgspec.structs.astuple(seal))

    def of(self, tenant: str) -> list[Seal]:
        """Those of a tenant, in order of position."""
        if not self._path.exists():
            return []
        with self._opened() as db:
            return [
                Seal(*row) for row in db.execute("SELECT * FROM seals WHERE tenant = ? ORDER BY position", [tenant])
            ]

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            with closing(sqlite3.connect(self._path)) as db, db:
                db.execute(
                    "CREATE TABLE IF NOT EXISTS seals (tenant TEXT NOT NULL, position INTEGER NOT NULL, "
                    "chain TEXT NOT NULL, made_ms INTEGER NOT NULL, PRIMARY KEY (tenant, position)) WITHOUT ROWID"
                )
                yield db
        except (sqlite3.DatabaseError, OSError) as error:
            raise WorkspaceError(f"the seals in {self._path} cannot be used ({error}); restore them") from error


def sealed(journal: Journal, seals: Seals, tenant: str) -> dict[str, Any]:
    """Compare the journal with its seals and, where it is as it was, write down what it is now.

    ``tampered`` says in words between which positions it is not what it was; None: it is.
    """
    known, head = seals.of(tenant), journal.head(tenant).position
    now = chain(journal, tenant, {head, *(seal.position for seal in known)})
    good = 0
    for seal in known:
        if now.get(seal.position) != seal.chain:
            lacks = seal.position > head
            what = f"ends at {head}" if lacks else f"was changed between positions {good + 1} and {seal.position}"
            made = to_text(seal.made_ms)
            words = f"the journal of {tenant} {what}, after it was sealed up to {seal.position} on {made}"
            return {"chain": now.get(head, ""), "seals": len(known), "tampered": words}
        good = seal.position
    if head:
        seals.add(Seal(tenant, head, now[head], now_ms()))
    return {"chain": now.get(head, ""), "seals": len(known), "tampered": None}
