"""Files that are no files: what comes down a pipe, and what never ends."""

import io
from typing import Any


class Drops(io.RawIOBase):
    """A pipe that gives these, one at a time."""

    def __init__(self, *drops: bytes) -> None:
        self._rest = list(drops)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        drop = self._rest.pop(0) if self._rest else b""
        buffer[: len(drop)] = drop
        return len(drop)


class Endless(io.RawIOBase):
    """A file with one line of so many bytes, and another after it."""

    def __init__(self, length: int, after: bytes) -> None:
        self._rest = length
        self._after = b"\n" + after

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), self._rest)
        self._rest -= size
        if size:
            buffer[:size] = bytes(size)
            return size
        part, self._after = self._after[: len(buffer)], self._after[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)
