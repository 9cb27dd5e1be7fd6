"""One frame for all: computed when something new is known, and handed to everybody who watches that board."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from projections.question import BadQuestion
from services.books import Books
from services.clock import now_ms
from services.gateway.reader import Reader
from services.store.port import StoreError
from services.wallboard.board import Board
from services.wallboard.frame import frame

_LOG: Final = logging.getLogger(__name__)
LOOK_S: Final = 0.25
"""How often to look whether something new is known."""
AGE_S: Final = 30
"""A frame is made anew after so long, for days end also where nothing happens."""
PING_S: Final = 15
_encode: Final = msgspec.json.Encoder().encode


class Screen:
    """One board of one tenant, for all who watch it. Nothing is computed while nobody does."""

    def __init__(self, reader: Reader, tenant: str | None, board: Board) -> None:
        self._reader = reader
        self._tenant = tenant
        self._board = board
        self._latest: tuple[int, bytes] | None = None
        self._changed = asyncio.Condition()
        self._watching = 0
        self._making: asyncio.Task[None] | None = None

    async def frames(self) -> AsyncIterator[bytes]:
        """The frames as server-sent events: the latest at once, then each that is new; a comment where none is."""
        self._watching += 1
        if self._making is None:
            self._making = asyncio.create_task(self._make())
        seen = -1
        try:
            while True:
                if not await self._wait_beyond(seen):
                    yield b": still here\n\n"
                    continue
                assert self._latest is not None, "it was waited for"
                seen, told = self._latest
                yield b"id: %d\nevent: frame\ndata: %s\n\n" % (seen, told)
        finally:
            self._watching -= 1

    async def _wait_beyond(self, seen: int) -> bool:
        """Wait for another frame than the one seen; False where none came for a while."""
        try:
            async with asyncio.timeout(PING_S), self._changed:
                await self._changed.wait_for(lambda: self._latest is not None and self._latest[0] != seen)
        except TimeoutError:
            return False
        return True

    async def _make(self) -> None:
        """Make frames as long as anybody watches."""
        number, known, made_ms = 0, -1, 0
        while self._watching:
            try:
                position = await self._reader.ask(self._tenant, lambda books: books.cut(None).position)
                if position != known or now_ms() - made_ms > AGE_S * 1000:
                    told = await self._reader.ask(self._tenant, self._frame)
                    number, known, made_ms = number + 1, told["cut"]["position"], now_ms()
                    self._latest = number, _encode(told)
                    async with self._changed:
                        self._changed.notify_all()
            except (StoreError, BadQuestion) as error:
                _LOG.error("a frame could not be made: %s", error)
            await asyncio.sleep(LOOK_S)
        self._making, self._latest = None, None

    def _frame(self, books: Books) -> dict[str, Any]:
        return frame(books, self._board, None, now_ms())


class Screens:
    """The screens there are, by tenant and board."""

    def __init__(self, reader: Reader, boards: dict[str, Board]) -> None:
        self._reader = reader
        self.boards: Final = boards
        self._screens: dict[tuple[str | None, str], Screen] = {}

    def of(self, tenant: str | None, name: str) -> Screen:
        """The screen of a board. Raises KeyError where there is no such board."""
        if (tenant, name) not in self._screens:
            self._screens[tenant, name] = Screen(self._reader, tenant, self.boards[name])
        return self._screens[tenant, name]
