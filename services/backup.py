"""Backups: what cannot be made anew, copied while it is used, with a digest of every file; and their restoration.

A backup is one tar file: the databases of ``PIECES``, ``settings.json`` and ``manifest.json``. The ledger is not in it,
for it is made anew from the journal; nor are passwords and other secrets of the environment.
"""

import hashlib
import json
import os
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final

import msgspec
from pydantic import SecretStr

from services.clock import now_ms
from services.journal.sqlite import SqliteJournal
from services.sealing.register import Register, listed
from services.settings import Settings
from services.workspace import WorkspaceError, owned

Progress = Callable[[int], None]
"""Told how many bytes more were copied."""


class Piece(msgspec.Struct, frozen=True):
    """A database file of a data folder that a backup holds."""

    name: str
    """In the backup."""
    path: Callable[[Settings], Path | None]
    """Where it is; None where these settings have none, or where it is no truth."""


_KEYS: Final = "subjects.sqlite"
PIECES: Final = (
    Piece("journal.sqlite", lambda settings: None if settings.on_kafka else settings.journal_path),
    Piece("keys.sqlite", lambda settings: settings.keys_path),
    Piece("seals.sqlite", lambda settings: settings.seals_path),
    Piece(_KEYS, lambda settings: _subject_keys(settings)),
    Piece("trail.sqlite", lambda settings: settings.trail_path),
)
"""In the order in which they are copied. The journal is first, so whatever its events need was there before them."""

_MANIFEST: Final = "manifest.json"
_SETTINGS: Final = "settings.json"
_PAGES: Final = 2048


class Backup(msgspec.Struct, frozen=True):
    """What a backup says of itself."""

    made_ms: int
    version: str
    files: dict[str, str]
    """SHA-256 by name."""
    heads: dict[str, int]
    """The last position of each tenant's journal."""


def _subject_keys(settings: Settings) -> Path | None:
    """The keys of personal data, each wrapped by the master key, which is a secret and is not in a backup."""
    try:
        return settings.subject_keys_path
    except ValueError:
        return None  # they are kept elsewhere


class BadBackup(WorkspaceError):
    """A file that is no backup, or is not as it was written."""


def backup(settings: Settings, target: Path, progress: Progress = lambda count: None) -> tuple[Path, Backup]:
    """Write a backup to a file, or under a dated name into a directory. Raises WorkspaceError.

    Each database is copied as it was at one moment, whoever uses it. The file is there only when it is whole.
    """
    made_ms = now_ms()
    file = target / f"salestream-{made_ms}.tar.gz" if target.is_dir() else target
    if file.exists():
        raise WorkspaceError(f"{file} exists already; name another file, or a directory for one with a dated name")
    if not file.parent.is_dir():
        raise WorkspaceError(f"{file.parent} is no directory; make it first, or name another")
    with TemporaryDirectory(dir=file.parent, prefix=".salestream-backup-") as folder:
        made = _collected(settings, Path(folder), made_ms, progress)
        packed = Path(folder) / "packed"
        with _private(packed) as out, tarfile.open(fileobj=out, mode=_mode(file)) as tar:  # type: ignore[call-overload]
            for name in (_MANIFEST, *made.files):
                tar.add(Path(folder) / name, name)
        packed.replace(file)
    return file, made


def _collected(settings: Settings, folder: Path, made_ms: int, progress: Progress) -> Backup:
    """Copies of everything in a folder, with the manifest."""
    heads: dict[str, int] = {}
    files: dict[str, str] = {}
    for piece in PIECES:
        path = piece.path(settings)
        if path is None or not path.exists():
            continue
        copy_database(path, folder / piece.name, progress)
        if piece.name == PIECES[0].name:
            heads = _heads(folder / piece.name)
        files[piece.name] = _digest(folder / piece.name)
    if not files:
        raise WorkspaceError(f"there is nothing to back up in {settings.data}; name another folder with --data")
    (folder / _SETTINGS).write_text(json.dumps(public(settings), indent=2, sort_keys=True), "utf-8")
    files[_SETTINGS] = _digest(folder / _SETTINGS)
    made = Backup(made_ms, version("salestream"), files, heads)
    (folder / _MANIFEST).write_bytes(msgspec.json.encode(made))
    return made


def copy_database(path: Path, copy: Path, progress: Progress) -> None:
    """Copy a SQLite file as it is at this moment, while others write it. Raises WorkspaceError."""
    try:
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # from here on this moment is what is read
            ((size,),) = source.execute("PRAGMA page_size").fetchall()
            left = 0

            def copied(status: int, remaining: int, total: int) -> None:
                nonlocal left
                progress(max((left or total) - remaining, 0) * size)
                left = remaining

            source.backup(target, pages=_PAGES, progress=copied)
            ((wrong,),) = target.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.DatabaseError as error:
        raise WorkspaceError(f"{path} could not be copied ({error}); nothing was backed up") from error
    if wrong != "ok":
        raise WorkspaceError(f"{path} is damaged ({wrong}); restore it from an earlier backup")


def public(settings: Settings) -> dict[str, str]:
    """The settings that were told, without passwords and without what may hold some."""
    told = {name: getattr(settings, name) for name in sorted(settings.model_fields_set)}
    shown = {name: str(value) for name, value in told.items() if not isinstance(value, SecretStr)}
    return {name: _without_user(value) for name, value in shown.items()}


def _without_user(value: str) -> str:
    scheme, mark, rest = value.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if mark else value


def restore(
    settings: Settings, file: Path, progress: Progress = lambda count: None, erasures: Path | None = None
) -> tuple[Backup, dict[str, str]]:
    """Put what a backup holds into an empty data folder; the backup, and the settings that it was made with.

    Every file is checked before the first is put in place, the journal last. ``erasures`` are noted before, so that
    they are applied when the journal is opened. Keys of personal data that live outside of the folder stay as they
    are: they know who was erased since. Raises WorkspaceError, and SealingError where ``erasures`` is no list of them.
    """
    noted = listed(erasures, settings.tenant) if erasures is not None else {}
    places = {piece.name: piece.path(settings) for piece in PIECES}
    keys = places[_KEYS]
    with owned(settings.data):
        if keys is not None and keys.exists() and settings.data.resolve() not in keys.resolve().parents:
            del places[_KEYS]
        taken = [path for path in (*places.values(), settings.store_path) if path is not None and path.exists()]
        if taken:
            raise WorkspaceError(f"{taken[0]} exists already; choose an empty folder with --data, or move it away")
        with TemporaryDirectory(dir=settings.data, prefix=".restore-") as folder:
            made = unpacked(file, Path(folder), progress)
            Register(settings.erasures_path).add(noted.items())
            for name in reversed([piece.name for piece in PIECES if piece.name in made.files and piece.name in places]):
                place = places[name]
                if place is None:
                    what, setting = ("keys", "SUBJECT_KEYS") if name == _KEYS else ("a journal", "JOURNAL")
                    raise WorkspaceError(f"{file} holds {what} in a file, and SALESTREAM_{setting} names a server")
                place.parent.mkdir(parents=True, exist_ok=True)
                (Path(folder) / name).replace(place)
            return made, json.loads((Path(folder) / _SETTINGS).read_text("utf-8"))


def checked(file: Path) -> Backup:
    """Prove that a backup is as it was written. Raises BadBackup."""
    with TemporaryDirectory(prefix="salestream-check-") as folder:
        return unpacked(file, Path(folder))


def unpacked(file: Path, folder: Path, progress: Progress = lambda count: None) -> Backup:
    """The files of a backup in a folder, each proved by its digest. Raises BadBackup."""
    try:
        with tarfile.open(file) as tar:
            names = set(tar.getnames()) & {_MANIFEST, _SETTINGS, *(piece.name for piece in PIECES)}
            if names != set(tar.getnames()):
                raise BadBackup(f"{file} holds more than a backup of this version does; use the one that made it")
            for name in sorted(names):
                source = tar.extractfile(name)
                assert source is not None, "a backup holds plain files"
                with _private(folder / name) as out:
                    while chunk := source.read(1 << 20):
                        out.write(chunk)
                        progress(len(chunk))
        made = msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=Backup)
    except (tarfile.TarError, EOFError, OSError, msgspec.DecodeError) as error:
        problem = str(error).partition(":\n")[0]  # what each way of reading it finds says nothing to anybody
        raise BadBackup(f"{file} cannot be read as a backup ({problem}); name another") from error
    for name, digest in made.files.items():
        if not (folder / name).is_file() or _digest(folder / name) != digest:
            raise BadBackup(f"{name} in {file} is not as it was written; take another backup")
    if (folder / PIECES[0].name).exists() and _heads(folder / PIECES[0].name) != made.heads:
        raise BadBackup(f"the journal in {file} does not end where it says; take another backup")
    return made


def _heads(path: Path) -> dict[str, int]:
    with SqliteJournal(path, read_only=True) as journal:
        return {tenant: journal.head(tenant).position for tenant in journal.tenants()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _mode(file: Path) -> str:
    return "w:gz" if file.suffix in (".gz", ".tgz") else "w"


@contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    """A new file that only its user may read, on the disk when it is closed."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        yield out
        out.flush()
        os.fsync(out.fileno())


def differing(settings: Settings, then: dict[str, str]) -> dict[str, Any]:
    """Settings that were told when the backup was made and are others now: the numbers may be others too."""
    now = {name: _without_user(str(getattr(settings, name))) for name in then}
    return {name: {"then": then[name], "now": now[name]} for name in then if then[name] != now[name] and name != "data"}
