"""Subject keys in a SQLite file of their own, each wrapped by the master key.

A key is in the file for good before anything is sealed with it (``synchronous=FULL``). A destroyed one is overwritten
where it stood, and the log beside the file is cut off: no byte of it stays in either.
"""

import secrets
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.closing import Closing
from services.keys.port import KeysError
from services.keys.sqlite import make_private
from services.sealing.port import KEY_BYTES, Erased, SealingError, Slot

APPLICATION_ID: Final = 0x53414C4B
"""``SALK``, in the file's header: it is one of ours."""
FORMAT: Final = 1
CACHED: Final = 50_000
"""Keys that are kept unwrapped in memory, those used last."""
_NONCE: Final = 12
_PROOF: Final = b"the master key of these subject keys"
_NOBODY: Final = Slot("", "")
_PAGE: Final = 10_000
_PATIENCE_S: Final = 10.0
_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS subjects (
        tenant TEXT NOT NULL, subject TEXT NOT NULL, wrapped BLOB, erased_ms INTEGER, PRIMARY KEY (tenant, subject)
    ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS fence ON subjects (tenant, subject) WHERE erased_ms IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    "INSERT OR IGNORE INTO about VALUES ('destroyed', 0)",
)


class SqliteSubjectKeys(Closing):
    """SubjectKeys in the file at ``path``, which is created with mode 0600 if it is missing.

    ``masters`` gives the master keys that are good at the moment, the present one first. It is asked again where
    another process has wrapped the keys anew. Raises SealingError, also where none of them is the one that the keys in
    the file are wrapped with.
    """

    def __init__(self, path: Path, masters: Callable[[], Sequence[bytes]]) -> None:
        self._path = path = path.absolute()
        self._masters = masters
        self._master = AESGCM(masters()[0])
        self._proof = b""
        self._lock = RLock()
        self._known: OrderedDict[Slot, bytes | None] = OrderedDict()
        self._version = self._destroyed = -1
        with ExitStack() as opened, _in_a_sentence(path):
            try:
                make_private(path, "the subject keys")
            except KeysError as error:
                raise SealingError(str(error)) from error
            self._db = opened.enter_context(closing(self._connect()))
            self._make_ready()
            opened.pop_all()

    def _connect(self) -> sqlite3.Connection:
        uri = f"{self._path.as_uri()}?mode=rw"
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=_PATIENCE_S)

    def _make_ready(self) -> None:
        db = self._db
        (application,), (version,) = (
            db.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
        )
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != APPLICATION_ID and tables:
            raise SealingError(
                f"the file {self._path} holds no subject keys; name another with SALESTREAM_SUBJECT_KEYS"
            )
        if version > FORMAT:
            raise SealingError(f"the subject keys {self._path} are of a newer Salestream; install that version")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")
        with db:
            db.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {FORMAT}")
            db.execute("INSERT OR IGNORE INTO about VALUES ('proof', ?)", (self._wrap(_NOBODY, _PROOF),))
            self._agree()

    def made(self, slots: Collection[Slot]) -> dict[Slot, bytes | None]:
        with self._lock:
            self._see()
            found = {slot: self._known[slot] for slot in slots if slot in self._known}
            if missing := sorted(set(slots) - found.keys()):
                found |= self._read_or_make(missing)
            for slot, key in found.items():
                self._keep(slot, key)
            return found

    def key(self, slot: Slot) -> bytes | None:
        with self._lock:
            self._see()
            if slot not in self._known:
                with _in_a_sentence(self._path):
                    row = self._row(slot)
                if row is None:
                    return None
                self._keep(slot, row[0] if row[0] is None else self._unwrap(slot, row[0]))
            return self._known[slot]

    def destroy(self, slot: Slot, at_ms: int) -> int:
        with self._lock, self._writing() as db:
            db.execute(
                "INSERT INTO subjects VALUES (?, ?, NULL, ?) ON CONFLICT DO UPDATE "
                "SET wrapped = NULL, erased_ms = coalesce(erased_ms, excluded.erased_ms)",
                (slot.tenant, slot.subject, at_ms),
            )
            (erased_ms,) = db.execute(
                "SELECT erased_ms FROM subjects WHERE tenant = ? AND subject = ?", (slot.tenant, slot.subject)
            ).fetchone()
            self._forget(db)
        self._wipe()
        return int(erased_ms)

    def erased(self, tenant: str) -> list[Erased]:
        sql = "SELECT subject, erased_ms FROM subjects WHERE tenant = ? AND erased_ms IS NOT NULL ORDER BY subject"
        with self._lock, _in_a_sentence(self._path):
            return [Erased(*row) for row in self._db.execute(sql, (tenant,))]

    def tenants(self) -> list[str]:
        sql = "SELECT DISTINCT tenant FROM subjects WHERE erased_ms IS NOT NULL ORDER BY tenant"
        with self._lock, _in_a_sentence(self._path):
            return [tenant for (tenant,) in self._db.execute(sql)]

    def is_erased(self, slot: Slot) -> bool:
        with self._lock, _in_a_sentence(self._path):
            row = self._row(slot)
        return row is not None and row[0] is None

    def expire(self, tenant: str, prefix: str, before: str) -> int:
        where = "tenant = ?1 AND subject >= ?2 AND subject < ?3 AND erased_ms IS NULL"
        with self._lock:
            bounds = (tenant, prefix, prefix + before)
            with _in_a_sentence(self._path):
                (count,) = self._db.execute(f"SELECT count(*) FROM subjects WHERE {where}", bounds).fetchone()
            if not count:
                return 0
            with self._writing() as db:
                gone = db.execute(f"DELETE FROM subjects WHERE {where}", bounds).rowcount
                self._forget(db)
            self._wipe()
            return int(gone)

    def _read_or_make(self, slots: list[Slot]) -> dict[Slot, bytes | None]:
        """In one transaction, so that a batch waits for the disk once."""
        found: dict[Slot, bytes | None] = {}
        with _in_a_sentence(self._path):
            rows = {slot: self._row(slot) for slot in slots}
        if absent := [slot for slot in slots if rows[slot] is None]:
            with self._writing() as db:
                self._agree()
                db.executemany(
                    "INSERT OR IGNORE INTO subjects VALUES (?, ?, ?, NULL)",
                    [(s.tenant, s.subject, self._wrap(s, secrets.token_bytes(KEY_BYTES))) for s in absent],
                )
                rows |= {slot: self._row(slot) for slot in absent}
        for slot, row in rows.items():
            assert row is not None, "it was read or made"
            found[slot] = row[0] if row[0] is None else self._unwrap(slot, row[0])
        return found

    def _row(self, slot: Slot) -> tuple[bytes | None] | None:
        sql = "SELECT wrapped FROM subjects WHERE tenant = ? AND subject = ?"
        row: tuple[bytes | None] | None = self._db.execute(sql, (slot.tenant, slot.subject)).fetchone()
        return row

    def _see(self) -> None:
        """Forgets what it knows where another process has destroyed a key since."""
        with _in_a_sentence(self._path):
            (version,) = self._db.execute("PRAGMA data_version").fetchone()
            if version == self._version:
                return
            (destroyed,) = self._db.execute("SELECT value FROM about WHERE name = 'destroyed'").fetchone()
        if destroyed != self._destroyed:
            self._known.clear()
        self._version, self._destroyed = version, destroyed

    def _forget(self, db: sqlite3.Connection) -> None:
        db.execute("UPDATE about SET value = value + 1 WHERE name = 'destroyed'")
        self._known.clear()
        self._version = -1

    def _keep(self, slot: Slot, key: bytes | None) -> None:
        self._known[slot] = key
        self._known.move_to_end(slot)
        while len(self._known) > CACHED:
            self._known.popitem(last=False)

    def _wrap(self, slot: Slot, key: bytes) -> bytes:
        return _wrapped(self._master, slot, key)

    def _unwrap(self, slot: Slot, wrapped: bytes) -> bytes:
        try:
            return _unwrapped(self._master, slot, wrapped)
        except InvalidTag:
            self._agree()
        try:
            return _unwrapped(self._master, slot, wrapped)
        except InvalidTag as error:
            raise SealingError(
                f"the key of one subject in {self._path} is damaged; restore that file from a backup"
            ) from error

    def _agree(self) -> None:
        """Takes the master key that the keys are wrapped with now. Raises SealingError where it is not known here."""
        with _in_a_sentence(self._path):
            (proof,) = self._db.execute("SELECT value FROM about WHERE name = 'proof'").fetchone()
        if proof == self._proof:
            return
        for master in self._masters():
            with suppress(InvalidTag):
                _unwrapped(AESGCM(master), _NOBODY, proof)
                self._master, self._proof = AESGCM(master), proof
                return
        raise SealingError(
            f"the subject keys {self._path} are wrapped by another master key; bring that one back, or name it "
            "with SALESTREAM_MASTER_KEY_FILE or SALESTREAM_MASTER_KEY"
        )

    def rewrap(self, master: bytes) -> int:
        """Wraps every key by another master key, all of them or none, and says how many; 0 where that was done before.

        From then on the master key before opens none of them. Others may use the keys meanwhile; who makes new ones
        waits.
        """
        with self._lock:
            with self._writing() as db:
                self._agree()
                count = 0 if self._is_wrapped_by(master) else self._rewrap(db, AESGCM(master))
            self._wipe()
            return count

    def _is_wrapped_by(self, master: bytes) -> bool:
        try:
            _unwrapped(AESGCM(master), _NOBODY, self._proof)
        except InvalidTag:
            return False
        return True

    def _rewrap(self, db: sqlite3.Connection, to: AESGCM) -> int:
        count, after = 0, ("", "")
        page = (
            "SELECT tenant, subject, wrapped FROM subjects WHERE (tenant, subject) > (?, ?) AND wrapped NOTNULL "
            f"ORDER BY tenant, subject LIMIT {_PAGE}"
        )
        while rows := db.execute(page, after).fetchall():
            anew = []
            for tenant, subject, wrapped in rows:
                slot = Slot(tenant, subject)
                anew.append((_wrapped(to, slot, self._unwrap(slot, wrapped)), tenant, subject))
            db.executemany("UPDATE subjects SET wrapped = ? WHERE tenant = ? AND subject = ?", anew)
            count, after = count + len(rows), rows[-1][:2]
        db.execute("UPDATE about SET value = ? WHERE name = 'proof'", (_wrapped(to, _NOBODY, _PROOF),))
        return count

    def destroyed(self) -> int:
        """A number that grows whenever a key is destroyed: who remembers keys forgets them then."""
        with self._lock:
            self._see()
            return self._destroyed

    def _wipe(self) -> None:
        """Cuts off the log, which still holds what ``secure_delete`` has overwritten in the file."""
        deadline = time.monotonic() + _PATIENCE_S
        with _in_a_sentence(self._path):
            while True:
                (busy, *_) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if not busy:
                    return
                if time.monotonic() > deadline:
                    raise SealingError(
                        f"the key is destroyed, but the log beside {self._path} still holds it while another process "
                        "reads; stop that process and do it again"
                    )
                time.sleep(0.02)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with _in_a_sentence(self._path), self._db as db:
            db.execute("BEGIN IMMEDIATE")
            yield db

    def close(self) -> None:
        with self._lock, _in_a_sentence(self._path), closing(self._db):
            self._known.clear()


def _wrapped(master: AESGCM, slot: Slot, key: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + master.encrypt(nonce, key, _name(slot))


def _unwrapped(master: AESGCM, slot: Slot, wrapped: bytes) -> bytes:
    return master.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], _name(slot))


def _name(slot: Slot) -> bytes:
    return f"{slot.tenant}\0{slot.subject}".encode()


@contextmanager
def _in_a_sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise SealingError(f"the subject keys {path} cannot be used ({error}); check that file and its disk") from error
