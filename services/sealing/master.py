"""The master key, which wraps all subject keys: from the environment, or from a file that only its owner may read."""

import base64
import binascii
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from services.sealing.port import SealingError

BYTES: Final = 32
_FORM: Final = f"{BYTES} random bytes in base64, as `openssl rand -base64 {BYTES}` makes them"


def master_key(text: str, path: Path, *, make: bool) -> bytes:
    """The key in ``text``, else the one in the file at ``path``, which is made there if it is missing and ``make``.

    Raises SealingError.
    """
    if text:
        return _read(text, "SALESTREAM_MASTER_KEY")
    if make and not path.exists():
        _create(path)
    try:
        mode, found = path.stat().st_mode, path.read_text("ascii", "replace")
    except OSError as error:
        raise SealingError(
            f"the master key {path} cannot be read ({(error.strerror or str(error)).lower()}), and without it nothing "
            "personal; bring it back, or name it with SALESTREAM_MASTER_KEY_FILE or SALESTREAM_MASTER_KEY"
        ) from error
    if mode & 0o077:
        raise SealingError(f"the master key {path} may be read or changed by others; run `chmod 600` on it")
    return _read(found, str(path))


def _read(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != BYTES:
        raise SealingError(f"{where} holds no master key; allowed: {_FORM}")
    return key


def _create(path: Path) -> None:
    """A new key, whole or not at all; where two make one, the first stands."""
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
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise SealingError(
            f"the master key {path} cannot be made: {(error.strerror or str(error)).lower()}; check that folder"
        ) from error
