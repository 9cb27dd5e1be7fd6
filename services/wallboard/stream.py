"""One frame for all: computed when something new is known, and handed to everybody who watches that board."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Final

import msgspec

from projections.question import BadQuestion
from services.books import Books
from services.clock import now_ms
from services.gateway.reader import Reader
from services.journal.port import Cut, JournalError
from services.store.port import StoreError
from services.wallboard.board import Board
from services.wallboard.frame import Clock, Framer, Health
from services.wallboard.style import Style

_LOG: Final = logging.getLogger(__name__)
LOOK_S: Final = 1.0
"""How often to look whether something new is known, where that is announced."""
LOOK_FAR_S: Final = 0.25
"""How often, where the store has to be asked."""
AGE_S: Final = 15
"""A frame is made anew after so long, for hours end also where nothing happens."""
PING_S: Final = 15
REST: Final = 0.25
"""After a frame its maker rests for this share of the time it took, for the sake of those who post and ask; and for as
long as it took to hand it to all who watch, for the sake of those who tell."""
MOST: Final = 200
"""The most screens that are watched at a time: a board that is one's is a screen for each."""
PAST: Final = 8
"""Of so many boards the past that was looked at last is remembered."""
_PATIENCE_S: Final = 1.0
"""How long to wait before what failed is tried again."""
_encode: Final = msgspec.json.Encoder().encode


class TooMany(Exception):
    """So many different boards are watched that no other can be."""


class Picture:
    """The latest frame of a board, in pieces, with the number of the frame that changed each."""

    def __init__(self) -> None:
        self.number = 0
        self._head = b""
        self._tiles: list[tuple[int, bytes]] = []
        self._told: dict[int, bytes] = {}

    def take(self, frame: dict[str, Any]) -> None:
        """The next frame."""
        self.number += 1
        tiles = [_encode(tile) for tile in frame.pop("tiles")]
        before = self._tiles or [(0, b"")] * len(tiles)
        self._tiles = [old if old[1] == tile else (self.number, tile) for old, tile in zip(before, tiles, strict=True)]
        self._head = _encode(frame)[:-1]
        self._told.clear()

    def told(self, seen: int) -> bytes:
        """The server-sent event for who has seen a frame: what changed since; all of it, where that is none (0)."""
        if seen not in self._told:
            tiles = b",".join(
                b'"%d":%s' % (place, tile) for place, (changed, tile) in enumerate(self._tiles) if changed > seen
            )
            name = b"change" if seen else b"frame"
            self._told[seen] = b'id: %d\nevent: %s\ndata: %s,"tiles":{%s}}\n\n' % (self.number, name, self._head, tiles)
        return self._told[seen]


class Screen:
    """One board of one tenant, for all who watch it. Nothing is computed while nobody does."""

    def __init__(self, ask: "Asking", tenant: str | None, framer: Framer) -> None:
        self._ask = ask
        self._tenant = tenant
        self._framer = framer
        self._picture = Picture()
        self._changed = asyncio.Condition()
        self.watching = 0
        self._making: asyncio.Task[None] | None = None
        self._ended = False

    async def frames(self) -> AsyncIterator[bytes]:
        """The frames as server-sent events: all of the latest at once, then what changes; a comment where nothing
        does. Who is slow misses frames, and gets all that they changed with the next."""
        self.watching += 1
        if self._making is None:
            self._making = asyncio.create_task(self._make())
        seen = 0
        try:
            while not self._ended:
                if not await self._wait_beyond(seen):
                    yield b": still here\n\n"
                    continue
                if self._picture.number == seen:
                    return
                told, seen = self._picture.told(seen), self._picture.number
                yield told
        finally:
            self.watching -= 1

    async def end(self) -> None:
        """Let everybody go who watches."""
        self._ended = True
        async with self._changed:
            self._changed.notify_all()

    async def _wait_beyond(self, seen: int) -> bool:
        """Wait for another frame than the one seen; False where none came for a while."""
        try:
            async with asyncio.timeout(PING_S), self._changed:
                await self._changed.wait_for(lambda: self._ended or self._picture.number != seen)
        except TimeoutError:
            return False
        return True

    async def _make(self) -> None:
        """Make frames as long as anybody watches."""
        known, made_s = -1, 0.0
        while self.watching and not self._ended:
            rung = self._ask.bell.next()
            try:
                position = await self._ask.position(self._tenant)
                start = time.monotonic()
                if position != known or start - made_s > AGE_S:
                    told = await self._ask.frame(self._tenant, self._framer)
                    made_s = time.monotonic()
                    known = told["cut"]["position"]
                    self._picture.take(told)
                    await asyncio.sleep(REST * (made_s - start) + await self._hand_out())
            except (StoreError, JournalError, BadQuestion) as error:
                _LOG.error("a frame could not be made: %s", error)
                await asyncio.sleep(_PATIENCE_S)
            await rung.within(self._ask.look_s)
        self._making, self._picture = None, Picture()

    async def _hand_out(self) -> float:
        """Wake all who watch; how long it takes, in seconds, until each has its frame."""
        start = time.monotonic()
        async with self._changed:
            self._changed.notify_all()
        for _ in range(2):  # in the first turn they take it, in the second it is sent
            await asyncio.sleep(0)
        return time.monotonic() - start


class Ring:
    """A ring of a bell that is still to come."""

    def __init__(self) -> None:
        self.rung = asyncio.Event()

    async def within(self, seconds: float) -> None:
        """Wait for it, but not for longer."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.rung.wait(), seconds)


class Bell:
    """Says in the event loop that something became known in another thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next: Ring | None = None

    def next(self) -> Ring:
        """The next ring, for who is about to look whether anything is known. In the event loop."""
        self._loop = asyncio.get_running_loop()
        self._next = self._next or Ring()
        return self._next

    def ring(self) -> None:
        """Something became known. Any thread may say so."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it was closed: nobody listens any more
                loop.call_soon_threadsafe(self._ring)

    def _ring(self) -> None:
        rung, self._next = self._next, None
        if rung is not None:
            rung.rung.set()


class Asking:
    """How screens ask: the books beside all else, what time it is, and how the journal is.

    ``posted`` tells how far a tenant's ledger is without asking the store, where somebody here knows.
    """

    def __init__(
        self,
        reader: Reader,
        clock: Clock | None = None,
        posted: Callable[[str | None], int | None] | None = None,
        health: Callable[[str | None], Health] | None = None,
    ) -> None:
        self._reader = reader
        self._clock = clock or _wall_clock
        self._posted = posted
        self._health = health
        self.bell: Final = Bell()
        """Rings where a ledger has grown, as far as that is known here."""
        self.look_s: Final = LOOK_S if posted is not None else LOOK_FAR_S

    async def position(self, tenant: str | None) -> int:
        """How far the ledger is."""
        known = self._posted(tenant) if self._posted is not None else None
        if known is not None:
            return known
        return await self._reader.ask(tenant, lambda books: books.cut(None).position)

    async def frame(self, tenant: str | None, framer: Framer) -> dict[str, Any]:
        """The frame of now."""
        return await self._reader.ask(tenant, lambda books: self.now(books, tenant, framer))

    def now(self, books: Books, tenant: str | None, framer: Framer) -> dict[str, Any]:
        """The frame of now, in the reader's thread."""
        health = self._health(tenant) if self._health is not None else None
        return framer.frame(books, None, self._clock, health)


class Screens:
    """The screens there are, by tenant, board and whose it is."""

    def __init__(self, asking: Asking, boards: dict[str, Board], style: Style) -> None:
        self.asking: Final = asking
        self.boards: Final = boards
        self._style: Final = style
        self._screens: dict[tuple[str | None, str, str], Screen] = {}
        self._past: dict[tuple[str | None, str, str], Framer] = {}

    def of(self, tenant: str | None, name: str, of: str = "") -> Screen:
        """The screen of a board. Raises KeyError where there is no such board, and TooMany."""
        key = tenant, name, of
        if key not in self._screens:
            self._screens = {each: screen for each, screen in self._screens.items() if screen.watching}
            if len(self._screens) >= MOST:
                raise TooMany
            self._screens[key] = Screen(self.asking, tenant, Framer(self.boards[name], self._style, of))
        return self._screens[key]

    def watched(self) -> bool:
        """Whether anybody watches. Any thread may ask."""
        return any(screen.watching for screen in self._screens.copy().values())

    async def end(self) -> None:
        """Let everybody go who watches: the server stops."""
        for screen in self._screens.values():
            await screen.end()

    def past(self, tenant: str | None, name: str, of: str = "") -> Framer:
        """Who makes single frames of a board, for the reader's thread."""
        key = tenant, name, of
        framer = self._past.pop(key, None) or Framer(self.boards[name], self._style, of)
        self._past[key] = framer
        while len(self._past) > PAST:
            del self._past[next(iter(self._past))]
        return framer


def _wall_clock(cut: Cut) -> int:
    return now_ms()
