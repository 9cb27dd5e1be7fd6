"""The secrets of the subject keys: the master key, which wraps them all, and the token of a key store.

Each is told in the environment, or is in a file that only its owner may read.
"""

import base64
import binascii
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from services.sealing.port import SealingError

BYTES: Final = 32
_LEAST: Final = 32
_MASTER: Final = "master key"
_TOKEN: Final = "token of the key store"
_NAMED: Final = {
    _MASTER: "SALESTREAM_MASTER_KEY_FILE or SALESTREAM_MASTER_KEY",
    _TOKEN: "SALESTREAM_KEYSTORE_TOKEN_FILE or SALESTREAM_KEYSTORE_TOKEN",
}
_FORM: Final = f"{BYTES} random bytes in base64, as `openssl rand -base64 {BYTES}` makes them"


class MasterKeys:
    """The master key, and while it is being changed also the one that follows it.

    Both are told (``SALESTREAM_MASTER_KEY`` and ``SALESTREAM_MASTER_KEY_NEXT``), or both are files: the next one has
    the name of the present one with ``.next``, until it takes its place.
    """

    def __init__(self, told: SecretStr, told_next: SecretStr, path: Path) -> None:
        self._told = told.get_secret_value()
        self._told_next = told_next.get_secret_value()
        self._path = path
        self._next_path = path.with_name(f"{path.name}.next")
        if self._told_next and not self._told:
            raise SealingError(
                "SALESTREAM_MASTER_KEY_NEXT is told and SALESTREAM_MASTER_KEY is not; allowed: both, or files for both"
            )

    @property
    def is_told(self) -> bool:
        """Whether they come from the environment, not from files."""
        return bool(self._told)

    def make(self) -> None:
        """Makes the file of the first master key where there is none. Raises SealingError."""
        if not self._told and not self._path.exists():
            _create(self._path, _MASTER)

    def read(self) -> list[bytes]:
        """The keys that are good now, the next one last. Raises SealingError."""
        # The next one is read first: where it takes the place of the present one meanwhile, it is read twice.
        following = self._next()
        present = _read(self._told, "SALESTREAM_MASTER_KEY") if self._told else _kept(self._path)
        return [present, *following]

    def next_one(self) -> bytes:
        """The key that is to follow; its file is made where there is none. Raises SealingError where it is not told."""
        if not self._told and not self._next_path.exists():
            _create(self._next_path, _MASTER)
        if following := self._next():
            return following[0]
        raise SealingError(
            "the master key is told by SALESTREAM_MASTER_KEY, and no other one is; give every process the one that is "
            "to follow as SALESTREAM_MASTER_KEY_NEXT, and do it again"
        )

    def promote(self) -> None:
        """Puts the next key in the place of the present one, where they are files. Raises SealingError."""
        if self._told:
            return
        try:
            with suppress(FileNotFoundError):  # another process has done it
                self._next_path.replace(self._path)
            _to_disk(self._path.parent)
        except OSError as error:
            raise _cannot_be_made(self._path, _MASTER, error) from error

    def _next(self) -> list[bytes]:
        if self._told:
            return [_read(self._told_next, "SALESTREAM_MASTER_KEY_NEXT")] if self._told_next else []
        try:
            return [_kept(self._next_path)]
        except SealingError:
            if self._next_path.exists():
                raise
            return []


def token(told: SecretStr, path: Path | None, *, make: bool) -> str:
    """The token of a key store; its file is made where it is missing and ``make``. Raises SealingError."""
    found = told.get_secret_value()
    if not found and path is None:
        raise SealingError(
            "the key store needs a token, which keeps everybody else out; tell it with SALESTREAM_KEYSTORE_TOKEN, or "
            "name its file with SALESTREAM_KEYSTORE_TOKEN_FILE"
        )
    if not found and path is not None:
        if make and not path.exists():
            _create(path, _TOKEN)
        found = _text(path, _TOKEN).strip()
    if len(found) < _LEAST or not found.isascii() or not found.isprintable():
        raise SealingError(f"the token of the key store is none; allowed: {_LEAST} or more ASCII characters")
    return found


def _kept(path: Path) -> bytes:
    return _read(_text(path, _MASTER), str(path))


def _text(path: Path, what: str) -> str:
    try:
        mode, found = path.stat().st_mode, path.read_text("ascii", "replace")
    except OSError as error:
        raise SealingError(
            f"the {what} {path} cannot be read ({(error.strerror or str(error)).lower()}), and without it nothing "
            f"personal; bring it back, or name it with {_NAMED[what]}"
        ) from error
    if mode & 0o077:
        raise SealingError(f"the {what} {path} may be read or changed by others; run `chmod 600` on it")
    return found


def _read(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != BYTES:
        raise SealingError(f"{where} holds no master key; allowed: {_FORM}")
    return key


def _create(path: Path, what: str) -> None:
    """A new secret, whole or not at all; where two make one, the first stands."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(base64.b64encode(secrets.token_bytes(BYTES)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(part, path)
        finally:
            part.unlink()
        _to_disk(path.parent)
    except OSError as error:
        raise _cannot_be_made(path, what, error) from error


def _to_disk(folder: Path) -> None:
    """The names in a folder, for good."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _cannot_be_made(path: Path, what: str, error: OSError) -> SealingError:
    problem = (error.strerror or str(error)).lower()
    return SealingError(f"the {what} {path} cannot be made: {problem}; check that folder")
