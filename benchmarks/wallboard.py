"""From telling an event to a board that shows it: how long, with how many viewers; and how heavy the page is."""

import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Final

import httpx

from benchmarks import screen, work
from benchmarks.gateway import CALM_PER_S, serving
from benchmarks.measure import taken
from benchmarks.telling import tell
from benchmarks.viewers import Seen, watch

HISTORY: Final = 100_000
"""Events in the books beforehand."""
SECONDS: Final = 20
VIEWERS: Final = (1, 1_000)
_PAGE: Final = (
    "/", "/wall.css", "/icon.svg", "/wall.js", "/state.js", "/words.js", "/tiles.js", "/charts.js", "/receipt.js",
    "/moments.js", "/stream.js", "/echarts.js", "/inter.woff2",
)  # fmt: skip
_SETTLE_S: Final = 3
"""How long it may take until every viewer has the last frame, and rest beforehand."""
_WATCHED_S: Final = SECONDS + 2 * _SETTLE_S


def measured(events: int = HISTORY) -> list[str]:
    """The figures, as Markdown."""
    lines = [f"## Wallboard: the sales board over {events:,} events, embedded, {CALM_PER_S} events told a second", ""]
    with tempfile.TemporaryDirectory() as folder:
        data, path = Path(folder) / "data", Path(folder) / "events.jsonl"
        taken(work.simulate, path, events)
        taken(work.ingest, data, path)
        with serving(data) as port:
            lines += ["| viewers | told to screen p50 ms | p99 ms | frames/s | KiB a frame |", "|---|---|---|---|---|"]
            lines += [_line(viewers, asyncio.run(watched(port, viewers, run))) for run, viewers in enumerate(VIEWERS)]
            weight = sum(_weight(port, path) for path in _PAGE)
            lines += ["", f"The page weighs {weight / 1024:,.0f} KiB as it travels, all that it ever loads.", ""]
            lines += screen.measured(port, SECONDS)
    return lines


def _weight(port: int, path: str) -> int:
    with httpx.stream("GET", f"http://127.0.0.1:{port}{path}", headers={"Accept-Encoding": "gzip"}) as answer:
        return sum(len(part) for part in answer.iter_raw())


def _line(viewers: int, told: tuple[list[float], float, float]) -> str:
    waits, frames, size = told
    middle, late = waits[len(waits) // 2] * 1000, waits[len(waits) * 99 // 100] * 1000
    return (
        f"| {viewers:,} | {middle:,.0f} | {late:,.0f} | {frames / SECONDS:.1f} | {size / max(frames, 1) / 1024:.1f} |"
    )


async def watched(port: int, viewers: int, run: int) -> tuple[list[float], float, float]:
    """Seconds from sending each event to the frame that has it, of all viewers, sorted; frames and bytes of each."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    watching = context.Process(target=watch, args=(port, viewers, theirs))
    watching.start()
    theirs.close()
    try:
        ours.recv()
        await asyncio.sleep(_SETTLE_S)
        start = time.monotonic()
        told = await tell(port, run, SECONDS)
        await asyncio.sleep(_SETTLE_S)
        ours.send(None)
        seen, size = ours.recv()
    finally:
        watching.terminate()
        watching.join()
    frames = sum(at > start for each in seen for at, _ in each) / viewers
    last = max(position for _, position in told)
    if not all(each[-1][1] >= last for each in seen):
        raise RuntimeError(f"{_SETTLE_S} s after the last event not every viewer has seen it")
    return sorted(wait for each in seen for wait in _waits(told, each)), frames, size * SECONDS / _WATCHED_S


def _waits(told: list[tuple[float, int]], seen: Seen) -> Iterator[float]:
    """Of one viewer."""
    place = 0
    for sent, position in sorted(told, key=itemgetter(1)):
        while seen[place][1] < position:
            place += 1
        yield seen[place][0] - sent


if __name__ == "__main__":
    print("\n".join(measured()))
