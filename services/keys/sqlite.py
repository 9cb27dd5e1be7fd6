"""The keys in a small SQLite file that nobody but its owner may read."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Final

import msgspec

from services.closing import Closing
from services.keys.port import Key, KeysError, Secret

_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS keys (
        prefix TEXT PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL, scopes TEXT NOT NULL,
        created_ms INTEGER NOT NULL, expires_ms INTEGER, revoked_ms INTEGER
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS secrets (
        number INTEGER PRIMARY KEY AUTOINCREMENT, prefix TEXT NOT NULL REFERENCES keys, digest BLOB NOT NULL,
        until_ms INTEGER
    )""",
)
_FORMAT: Final = 1
_SECRETS: Final = 2
"""How many of a key may be good at a time."""


class SqliteKeys(Closing):
    """A KeyStore in the file at ``path``, which is created with mode 0600 if it is missing. Raises KeysError."""

    def __init__(self, path: Path) -> None:
        self._path = path = path.absolute()
        self._lock = Lock()
        self._known: dict[str, Key] = {}
        self._version = -1
        with _in_a_sentence(path):
            make_private(path, "the keys")
            uri = f"{path.as_uri()}?mode=rw"
            self._db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5)
            self._make_ready()

    def _make_ready(self) -> None:
        db = self._db
        db.execute("PRAGMA journal_mode = WAL")  # so that a request never waits for who changes the keys
        db.execute("PRAGMA secure_delete = ON")
        with db:
            db.execute("BEGIN IMMEDIATE")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > _FORMAT:
                raise KeysError(f"the keys in {self._path} are of a newer Salestream; install that version")
            for statement in _SCHEMA:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {_FORMAT}")

    def find(self, prefix: str) -> Key | None:
        return self._all().get(prefix)

    def listed(self) -> list[Key]:
        return sorted(self._all().values(), key=lambda key: (key.created_ms, key.prefix))

    def add(self, key: Key) -> None:
        row = (key.prefix, key.tenant, key.name, msgspec.json.encode(key.scopes).decode())
        with self._writing() as db:
            db.execute(
                "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, key.created_ms, key.expires_ms, key.revoked_ms)
            )
            for secret in reversed(key.secrets):
                self._keep(db, key.prefix, secret)

    def revoke(self, prefix: str, now_ms: int) -> Key:
        with self._writing() as db:
            db.execute("UPDATE keys SET revoked_ms = ? WHERE prefix = ? AND revoked_ms IS NULL", (now_ms, prefix))
        return self._there(prefix)

    def renew(self, prefix: str, digest: bytes, old_until_ms: int) -> Key:
        self._there(prefix)
        with self._writing() as db:
            db.execute(
                "UPDATE secrets SET until_ms = min(coalesce(until_ms, ?1), ?1) WHERE prefix = ?2",
                (old_until_ms, prefix),
            )
            self._keep(db, prefix, Secret(digest, None))
            db.execute(
                "DELETE FROM secrets WHERE prefix = ?1 AND number NOT IN "
                "(SELECT number FROM secrets WHERE prefix = ?1 ORDER BY number DESC LIMIT ?2)",
                (prefix, _SECRETS),
            )
        return self._there(prefix)

    @staticmethod
    def _keep(db: sqlite3.Connection, prefix: str, secret: Secret) -> None:
        sql = "INSERT INTO secrets (prefix, digest, until_ms) VALUES (?, ?, ?)"
        db.execute(sql, (prefix, secret.digest, secret.until_ms))

    def _there(self, prefix: str) -> Key:
        key = self.find(prefix)
        if key is None:
            raise KeysError(f"there is no key {prefix!r}; `salestream keys list` shows those there are")
        return key

    def _all(self) -> dict[str, Key]:
        """Every key by its prefix; read anew only where the file was changed since."""
        with self._lock, _in_a_sentence(self._path):
            (version,) = self._db.execute("PRAGMA data_version").fetchone()
            if version != self._version:
                self._known, self._version = self._read(), version
            return self._known

    def _read(self) -> dict[str, Key]:
        with self._db:
            self._db.execute("BEGIN")
            kept: dict[str, list[Secret]] = {}
            for prefix, digest, until_ms in self._db.execute(
                "SELECT prefix, digest, until_ms FROM secrets ORDER BY number DESC"
            ):
                kept.setdefault(prefix, []).append(Secret(digest, until_ms))
            rows = self._db.execute("SELECT * FROM keys").fetchall()
        return {row[0]: _key(row, kept.get(row[0], [])) for row in rows}

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _in_a_sentence(self._path), self._db as db:
            db.execute("BEGIN IMMEDIATE")
            self._version = -1
            yield db

    def close(self) -> None:
        with self._lock, _in_a_sentence(self._path), closing(self._db):
            self._known, self._version = {}, -1


def _key(row: tuple[Any, ...], kept: list[Secret]) -> Key:
    prefix, tenant, name, scopes, created_ms, expires_ms, revoked_ms = row
    return Key(
        prefix=prefix,
        tenant=tenant,
        name=name,
        scopes=tuple(msgspec.json.decode(scopes)),
        created_ms=created_ms,
        expires_ms=expires_ms,
        revoked_ms=revoked_ms,
        secrets=tuple(kept),
    )


def make_private(path: Path, what: str) -> None:
    """An empty file that only its owner may read, where there is none. Those beside it get its mode from SQLite."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        mode = path.stat().st_mode
    except OSError as error:
        raise KeysError(f"{what} in {path} cannot be opened: {error.strerror}; check that folder") from error
    if mode & 0o077:
        raise KeysError(f"{what} in {path} may be read or changed by others; run `chmod 600` on it")


@contextmanager
def _in_a_sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise KeysError(f"the keys in {path} cannot be used ({error}); check that file and its disk") from error
