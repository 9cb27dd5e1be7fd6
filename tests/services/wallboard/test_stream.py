"""Handing frames out: the same bytes for all who have seen the same, and nobody waits for who is slow."""

import asyncio
import json
import zlib
from typing import Any

from services.wallboard import stream
from services.wallboard.stream import GZIP, Asking, Picture, Screen, Viewer, deflated


class Telling(Asking):
    """Frames of one tile, each at the position that is set."""

    def __init__(self) -> None:
        super().__init__(Any)  # type: ignore[arg-type]
        self.at = 1

    async def position(self, tenant: str | None) -> int:
        return self.at

    async def frame(self, tenant: str | None, framer: Any) -> dict[str, Any]:
        tiles = [{"n": self.at // 10}, {"n": self.at}]
        return {"cut": {"position": self.at}, "health": None, "tiles": tiles}


def read(told: bytes | None) -> tuple[str, dict[str, Any]]:
    assert told is not None
    _, event, data, *_ = told.decode().split("\n")
    frame = json.loads(data.removeprefix("data: "))
    del frame["health"]
    return event.removeprefix("event: "), frame


async def after(telling: Telling, at: int, viewer: Viewer) -> tuple[str, dict[str, Any]]:
    """What a viewer is told when another frame is known."""
    telling.at = at
    telling.bell.ring()
    return read(await asyncio.wait_for(viewer.next(), 10))


def test_who_is_slow_gets_what_was_missed_at_once_and_holds_up_nobody() -> None:
    async def run() -> None:
        telling = Telling()
        screen = Screen(telling, None, Any)  # type: ignore[arg-type]
        slow, quick = screen.join(), screen.join()
        assert read(await quick.next()) == ("frame", {"cut": {"position": 1}, "tiles": {"0": {"n": 0}, "1": {"n": 1}}})
        assert read(await slow.next())[0] == "frame"
        assert await after(telling, 2, quick) == ("change", {"cut": {"position": 2}, "tiles": {"1": {"n": 2}}})
        assert await after(telling, 11, quick) == (
            "change", {"cut": {"position": 11}, "tiles": {"0": {"n": 1}, "1": {"n": 11}}})  # fmt: skip
        assert await after(telling, 12, quick) == ("change", {"cut": {"position": 12}, "tiles": {"1": {"n": 12}}})
        missed = ("change", {"cut": {"position": 12}, "tiles": {"0": {"n": 1}, "1": {"n": 12}}})
        assert read(await slow.next()) == missed
        assert screen.watching == 2
        slow.leave()
        await screen.end()
        assert (await slow.next(), await quick.next(), screen.watching) == (None, None, 0)
        assert await screen.join().next() is None, "it has ended"

    asyncio.run(run())


class Broken(Telling):
    """Frames fail in a way that nobody thought of."""

    async def frame(self, tenant: str | None, framer: Any) -> dict[str, Any]:
        raise KeyError("unthought of")


def test_where_frames_cannot_be_made_all_are_let_go_and_may_come_again() -> None:
    async def run() -> None:
        screen = Screen(Broken(), None, Any)  # type: ignore[arg-type]
        for _ in range(2):
            assert await asyncio.wait_for(screen.join().next(), 10) is None
            assert screen.watching == 0

    asyncio.run(run())


def test_where_nothing_is_new_something_is_said_all_the_same(monkeypatch: Any) -> None:
    monkeypatch.setattr(stream, "PING_S", 1.1)

    async def run() -> None:
        screen = Screen(Telling(), None, Any)  # type: ignore[arg-type]
        viewer = screen.join()
        await viewer.next()
        assert await asyncio.wait_for(viewer.next(), 10) == b": still here\n\n"
        await screen.end()

    asyncio.run(run())


def test_pieces_fit_into_any_stream_and_are_made_once() -> None:
    picture, whole = Picture(), zlib.decompressobj(wbits=31)
    picture.take({"cut": 1, "tiles": [{"words": "again and again " * 20}]})
    assert picture.told(0, True) is picture.told(0, True)
    assert whole.decompress(GZIP + picture.told(0, True)) == picture.told(0, False)
    first = picture.told(0, True)
    picture.take({"cut": 2, "tiles": [{"words": "again and again " * 21}]})
    other = zlib.decompressobj(wbits=31)
    assert other.decompress(GZIP + deflated(b": still here\n\n")) == b": still here\n\n"
    for reader in (whole, other):
        assert reader.decompress(picture.told(1, True)) == picture.told(1, False)
    assert len(first) < 150 < len(picture.told(0, False))
