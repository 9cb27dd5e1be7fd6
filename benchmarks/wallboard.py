"""From telling an event to a board that shows it: how long, with how many viewers; and how heavy the page is."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final

import httpx

from benchmarks import screen, work
from benchmarks.gateway import CALM_PER_S, serving
from benchmarks.measure import taken
from benchmarks.telling import tell

HISTORY: Final = 100_000
"""Events in the books beforehand."""
SECONDS: Final = 10
VIEWERS: Final = (1, 1_000)
_PAGE: Final = (
    "/", "/wall.css", "/icon.svg", "/wall.js", "/state.js", "/words.js", "/tiles.js", "/charts.js", "/receipt.js",
    "/moments.js", "/stream.js", "/echarts.js",
)  # fmt: skip
_STREAM: Final = b"GET /api/stream?board=sales HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


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


def _line(viewers: int, told: tuple[list[float], int, int]) -> str:
    waits, frames, size = told
    middle, late = waits[len(waits) // 2] * 1000, waits[len(waits) * 99 // 100] * 1000
    return (
        f"| {viewers:,} | {middle:,.0f} | {late:,.0f} | {frames / SECONDS:.1f} | {size / max(frames, 1) / 1024:.1f} |"
    )


async def watched(port: int, viewers: int, run: int) -> tuple[list[float], int, int]:
    """Seconds from sending each event to the frame that has it, sorted; frames and bytes of the viewer who measures."""
    seen: list[tuple[float, int]] = []
    size = [0]
    others = [asyncio.create_task(_watch(port, None, None)) for _ in range(viewers - 1)]
    measuring = asyncio.create_task(_watch(port, seen, size))
    while not seen:
        await asyncio.sleep(0.05)
    await asyncio.sleep(2)
    before, bytes_before = len(seen), size[0]
    told = await tell(port, run, SECONDS)
    last = max(position for _, position in told)
    until = time.monotonic() + 30
    while seen[-1][1] < last and time.monotonic() < until:
        await asyncio.sleep(0.05)
    for task in (measuring, *others):
        task.cancel()
    await asyncio.gather(measuring, *others, return_exceptions=True)
    waits, place = [], 0
    for sent, position in sorted(told, key=lambda each: each[1]):
        while place < len(seen) - 1 and seen[place][1] < position:
            place += 1
        waits.append(seen[place][0] - sent)
    return sorted(waits), len(seen) - before, size[0] - bytes_before


async def _watch(port: int, seen: list[tuple[float, int]] | None, size: list[int] | None) -> None:
    """Read a stream; who measures notes when which position came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(_STREAM)
    try:
        if seen is None or size is None:
            while await reader.read(1 << 16):
                pass
            return
        while line := await reader.readline():
            if line.startswith(b"data: "):
                position = int(line.partition(b'"position":')[2].partition(b",")[0])
                seen.append((time.monotonic(), position))
                size[0] += len(line)
    finally:
        writer.close()


if __name__ == "__main__":
    print("\n".join(measured()))
