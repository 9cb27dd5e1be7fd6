"""One frame for all: computed when something new is known, and handed to everybody who watches that board."""

import asyncio
import logging
import time
import zlib
from collections.abc import Callable
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
        self._told: dict[tuple[int, bool], bytes] = {}

    def take(self, frame: dict[str, Any]) -> None:
        """The next frame."""
        self.number += 1
        tiles = [_encode(tile) for tile in frame.pop("tiles")]
        before = self._tiles or [(0, b"")] * len(tiles)
        self._tiles = [old if old[1] == tile else (self.number, tile) for old, tile in zip(before, tiles, strict=True)]
        self._head = _encode(frame)[:-1]
        self._told.clear()

    def told(self, seen: int, zipped: bool) -> bytes:
        """The server-sent event for who has seen a frame: what changed since; all of it, where that is none (0).

        It is made and compressed once, for all who have seen the same.
        """
        key = seen, zipped
        if key not in self._told:
            self._told[key] = deflated(self.told(seen, False)) if zipped else self._changed(seen)
        return self._told[key]

    def _changed(self, seen: int) -> bytes:
        tiles = b",".join(
            b'"%d":%s' % (place, tile) for place, (changed, tile) in enumerate(self._tiles) if changed > seen
        )
        name = b"change" if seen else b"frame"
        return b'id: %d\nevent: %s\ndata: %s,"tiles":{%s}}\n\n' % (self.number, name, self._head, tiles)


GZIP: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""The head of a gzip stream (RFC 1952). What follows are deflated pieces, and no end: the stream has none."""


def deflated(told: bytes) -> bytes:
    """A piece of a deflated stream that refers to none before it, so that it fits into everybody's (RFC 1951)."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(told) + packer.flush(zlib.Z_SYNC_FLUSH)


_STILL: Final = b": still here\n\n"
_STILL_ZIPPED: Final = deflated(_STILL)


class Viewer:
    """Who watches a screen, and up to which frame. Who is slow misses frames, and gets what they changed at once."""

    def __init__(self, screen: "Screen", zipped: bool) -> None:
        self._screen = screen
        self._zipped = zipped
        self._seen = 0
        self._waiting: asyncio.Future[bool] | None = None
        self._gone = False

    async def next(self) -> bytes | None:
        """What is to be sent next: a frame, or a comment where none came for a while; None: that was all."""
        picture = self._screen.picture
        if picture.number == self._seen and not self._gone:
            self._waiting = asyncio.get_running_loop().create_future()
            is_new = await self._waiting
            if not is_new and not self._gone:
                return _STILL_ZIPPED if self._zipped else _STILL
            picture = self._screen.picture
        if self._gone or picture.number == self._seen:
            return None
        told, self._seen = picture.told(self._seen, self._zipped), picture.number
        return told

    def wake(self, is_new: bool) -> None:
        """There is a new frame, or time to say that there is none."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(is_new)

    def leave(self) -> None:
        """Watch no more."""
        self._gone = True
        self._screen.viewers.discard(self)
        self.wake(False)


class Screen:
    """One board of one tenant, for all who watch it. Nothing is computed while nobody does."""

    def __init__(self, ask: "Asking", tenant: str | None, framer: Framer) -> None:
        self._ask = ask
        self._tenant = tenant
        self._framer = framer
        self.picture = Picture()
        self.viewers: set[Viewer] = set()
        self._making: asyncio.Task[None] | None = None
        self._ended = False
        self._said_s = 0.0
        """When something was sent to all."""

    @property
    def watching(self) -> int:
        """How many watch."""
        return len(self.viewers)

    def join(self, *, zipped: bool = False) -> Viewer:
        """Somebody who watches from now on, until leaving. ``zipped``: gets pieces of a deflated stream."""
        viewer = Viewer(self, zipped)
        if self._ended:
            viewer.leave()
            return viewer
        self.viewers.add(viewer)
        if self._making is None:
            self._making = asyncio.create_task(self._make())
        return viewer

    async def end(self) -> None:
        """Let everybody go who watches."""
        self._ended = True
        for viewer in self.viewers.copy():
            viewer.leave()

    async def _make(self) -> None:
        """Make frames as long as anybody watches; if that fails for good, all are let go and ask again."""
        try:
            await self._make_all()
        finally:
            self._making, self.picture = None, Picture()
            for viewer in self.viewers.copy():
                viewer.leave()

    async def _make_all(self) -> None:
        known, made_s, age_s = -1, 0.0, 0.0
        self._said_s = time.monotonic()
        while self.viewers:
            rung = self._ask.bell.next()
            try:
                position = await self._ask.position(self._tenant)
                start = time.monotonic()
                if position != known or start - made_s > age_s:
                    told = await self._ask.frame(self._tenant, self._framer)
                    made_s = time.monotonic()
                    known, health = told["cut"]["position"], told["health"]
                    age_s = AGE_S if health is None or health["holds"] is not None else self._ask.look_s
                    self.picture.take(told)
                    await asyncio.sleep(REST * (made_s - start) + await self._hand_out(is_new=True))
            except (StoreError, JournalError, BadQuestion) as error:
                _LOG.error("a frame could not be made: %s", error)
                await asyncio.sleep(_PATIENCE_S)
            if time.monotonic() - self._said_s > PING_S - self._ask.look_s:
                await self._hand_out(is_new=False)
            await rung.within(self._ask.look_s)

    async def _hand_out(self, *, is_new: bool) -> float:
        """Wake all who watch; how long it takes, in seconds, until each has what it is told."""
        start = self._said_s = time.monotonic()
        for viewer in self.viewers:
            viewer.wake(is_new)
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
