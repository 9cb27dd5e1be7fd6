"""The register of erasures: a file that notes each, so that journal and keys of an old backup learn of them.

It is read before a journal serves anybody. On another disk than what is backed up, it knows what neither of them does
where both are restored from before an erasure. It holds nothing personal.
"""

import fcntl
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import IO, Final

import msgspec

from events.envelope import to_ms, to_text
from services.keys.port import KeysError
from services.keys.sqlite import make_private
from services.sealing.port import SealingError, Slot


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """An erasure in the register, or in what ``subject erased --json`` prints, which is of one tenant."""

    tenant: str = ""
    subject: str
    erased: datetime


_line: Final = msgspec.json.Decoder(Noted).decode
_list: Final = msgspec.json.Decoder(list[Noted]).decode


class Register:
    """The erasures in the file at ``path``, one JSON object a line; made with the first. Raises SealingError."""

    def __init__(self, path: Path) -> None:
        self._path: Final = path

    def read(self) -> dict[Slot, int]:
        """Who was erased, and when first, in milliseconds."""
        try:
            return _first(_lines(self._path.read_bytes(), self._path))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise _sentence(self._path, error) from error

    def add(self, erasures: Iterable[tuple[Slot, int]]) -> int:
        """Notes erasures for good; how many of them were not noted yet."""
        told = dict(erasures)
        if not told.keys() - self.read().keys():
            return 0
        try:
            make_private(self._path, "the register of erasures")
            with self._path.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                return self._write(file, told)
        except KeysError as error:
            raise SealingError(str(error)) from error
        except OSError as error:
            raise _sentence(self._path, error) from error

    def _write(self, file: IO[bytes], told: dict[Slot, int]) -> int:
        whole, end, _ = file.read().rpartition(b"\n")  # a last line without its end was cut off by a crash
        known = _first(_lines(whole + end, self._path))
        new = [_told(slot, at_ms) for slot, at_ms in sorted(told.items()) if slot not in known]
        file.seek(len(whole + end))
        file.truncate()
        file.write(b"".join(new))
        file.flush()
        os.fsync(file.fileno())
        return len(new)


def listed(path: Path, tenant: str) -> dict[Slot, int]:
    """The erasures of a file: a register, or what ``subject erased --json`` has printed of a tenant."""
    try:
        content = path.read_bytes()
        found = _list(content) if content.lstrip().startswith(b"[") else _lines(content, path)
    except OSError as error:
        raise _sentence(path, error) from error
    except msgspec.MsgspecError as error:
        raise _no_register(path) from error
    return _first([msgspec.structs.replace(each, tenant=each.tenant or tenant) for each in found])


def _told(slot: Slot, at_ms: int) -> bytes:
    told = {"tenant": slot.tenant, "subject": slot.subject, "erased": to_text(at_ms)}
    return msgspec.json.encode(told) + b"\n"


def _lines(content: bytes, path: Path) -> list[Noted]:
    try:
        return [_line(each) for each in content.split(b"\n")[:-1] if each]
    except msgspec.MsgspecError as error:
        raise _no_register(path) from error


def _first(found: Iterable[Noted]) -> dict[Slot, int]:
    moments: dict[Slot, int] = {}
    for each in found:
        slot, at_ms = Slot(each.tenant, each.subject), to_ms(each.erased)
        moments[slot] = min(at_ms, moments.get(slot, at_ms))
    return moments


def _no_register(path: Path) -> SealingError:
    return SealingError(
        f'{path} is no register of erasures; allowed: lines such as {{"tenant":"default","subject":"lead:L-1",'
        '"erased":"2026-11-22T09:00:00Z"}, or what `salestream subject erased --json` prints'
    )


def _sentence(path: Path, error: OSError) -> SealingError:
    what = (error.strerror or str(error)).lower()
    return SealingError(f"the register of erasures {path} cannot be used ({what}); check that file and its folder")
