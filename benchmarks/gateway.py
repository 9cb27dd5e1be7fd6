"""How fast the gateway takes events: one process over loopback, beside the door of the journal without HTTP.

Everything is on: validation, sealing of what is personal, and the journal on the disk. The caller is on this machine
and needs no key.
"""

import asyncio
import http.client
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from services.clock import now_ms
from services.gateway.server import bound, serve
from services.gateway.wiring import alone
from services.ingest import Ingest
from services.journal.open import open_journal
from services.keys.sqlite import SqliteKeys
from services.settings import Settings

CONNECTIONS: Final = 32
SINGLES: Final = 6_000
BATCHES: Final = 60
BATCH: Final = 500
PERSONAL: Final = 4
CALM_PER_S: Final = 200
CALM_S: Final = 5
STRUCTURED: Final = "application/cloudevents+json"
BATCHED: Final = "application/cloudevents-batch+json"


def measured() -> list[str]:
    """The figures, as Markdown."""
    bare = _bare()
    lines = ["## Gateway: one process, loopback", ""]
    lines.append(f"Telling without HTTP, {BATCH} events at a time: {bare:,.0f} events/s. One in {PERSONAL} is sealed.")
    for name, kind in (("alone, as before workers", _alone), ("with the ledger in the same process", serving)):
        with tempfile.TemporaryDirectory() as folder, kind(Path(folder)) as port:
            lines += ["", f"### {name.capitalize()}", "", *_figures(port, bare)]
    return [*lines, ""]


def _figures(port: int, bare: float) -> list[str]:
    singles = _rate(port, [as_request(STRUCTURED, _event(n)) for n in range(SINGLES)], SINGLES, CONNECTIONS)
    bodies = [_array(SINGLES + n * BATCH) for n in range(BATCHES)]
    batches = _rate(port, [as_request(BATCHED, body) for body in bodies], BATCHES * BATCH, 4)
    _settle(port)
    first = SINGLES + BATCHES * BATCH
    calm = asyncio.run(_calm(port, [as_request(STRUCTURED, _event(first + n)) for n in range(CALM_PER_S * CALM_S)]))
    lines = ["| what | events/s | of telling without HTTP |", "|---|---|---|"]
    lines.append(f"| single events over {CONNECTIONS} connections | {singles:,.0f} | {singles / bare:.2f} |")
    lines.append(f"| batches of {BATCH} over 4 connections | {batches:,.0f} | {batches / bare:.2f} |")
    middle, late = calm[len(calm) // 2] * 1000, calm[len(calm) * 99 // 100] * 1000
    return [*lines, "", f"Single events at {CALM_PER_S} a second: p50 {middle:.1f} ms, p99 {late:.1f} ms."]


def _event(number: int) -> bytes:
    """A deal; of each ``PERSONAL`` events one is a lead, somebody new whose name and address are sealed."""
    deal = {"deal_id": f"D-{number}", "amount": "1200.00", "customer_id": f"C-{number % 997}", "rep_id": "ana"}
    contact = {"name": f"Person {number}", "email": f"person-{number}@example.com"}
    lead = {"lead_id": f"L-{number}", "contact": contact}
    is_lead = number % PERSONAL == 0
    told = {
        "specversion": "1.0",
        "id": f"e-{number}",
        "source": "/benchmark",
        "type": "lead.created" if is_lead else "deal.won",
        "time": "2026-01-05T09:00:00Z",
        "data": lead if is_lead else deal,
    }
    return json.dumps(told).encode()


def _array(first: int) -> bytes:
    return b"[" + b",".join(_event(first + n) for n in range(BATCH)) + b"]"


def as_request(media: str, body: bytes) -> bytes:
    head = f"POST /events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _bare() -> float:
    """Events a second that go through the door of a journal, in batches."""
    batches = [[_event(first * BATCH + n) for n in range(BATCH)] for first in range(BATCHES)]
    with tempfile.TemporaryDirectory() as folder, open_journal(Settings(data=Path(folder))) as journal:
        ingest = Ingest(journal, "CNY")
        start = time.perf_counter()
        for batch in batches:
            ingest.tell(batch, now_ms=now_ms())
        return BATCHES * BATCH / (time.perf_counter() - start)


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """A gateway that leaves the posting to others, on a journal in a file; its port."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve_alone, args=(folder, theirs))
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve_alone(folder: Path, started: Any) -> None:
    settings = Settings(data=folder, open_on_loopback=True, rate_events_per_s=0)
    with (
        SqliteKeys(settings.keys_path) as keys,
        open_journal(settings) as journal,
        alone(settings, journal, keys, "127.0.0.1") as app,
    ):
        at = bound("127.0.0.1", 0)
        serve(app, at, started=lambda: started.send(at.getsockname()[1]))


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """The command, as a user runs it; its port."""
    command = [str(Path(sys.executable).with_name("salestream")), "--data", str(folder), "--json", "serve", "--port=0"]
    more = {"SALESTREAM_OPEN_ON_LOOPBACK": "1", "SALESTREAM_RATE_EVENTS_PER_S": "0"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | more)
    assert process.stdout is not None
    try:
        told = ""
        while not told.endswith("}\n"):
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("salestream serve ended; its error stands above")
            told += line
        yield int(json.loads(told)["address"].rpartition(":")[2])
    finally:
        process.terminate()
        process.wait()


def _rate(port: int, requests: list[bytes], events: int, connections: int) -> float:
    """Events a second, with each connection sending one request after the other."""
    start = time.perf_counter()
    asyncio.run(_flood(port, requests, connections))
    return events / (time.perf_counter() - start)


def _settle(port: int) -> None:
    """Wait until the ledger, if it is posted there, has everything."""
    behind = None
    while behind != 0:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/readyz")
        behind = json.load(connection.getresponse())["ledger"]["behind"] or 0
        connection.close()
        time.sleep(0.2)


async def _flood(port: int, requests: list[bytes], connections: int) -> None:
    async def one(part: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in part:
            await answered(reader, writer, request)
        writer.close()

    await asyncio.gather(*(one(requests[number::connections]) for number in range(connections)))


async def _calm(port: int, requests: list[bytes]) -> list[float]:
    """Seconds from sending to the answer, sorted, at an even pace over a few connections."""
    idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(8):
        idle.put_nowait(await asyncio.open_connection("127.0.0.1", port))

    async def one(request: bytes, due: float) -> float:
        reader, writer = await idle.get()
        await answered(reader, writer, request)
        idle.put_nowait((reader, writer))
        return loop.time() - due

    loop = asyncio.get_running_loop()
    start, tasks = loop.time(), []
    for number, request in enumerate(requests):
        due = start + number / CALM_PER_S
        await asyncio.sleep(max(due - loop.time(), 0))
        tasks.append(asyncio.create_task(one(request, due)))
    taken = sorted(await asyncio.gather(*tasks))
    while not idle.empty():
        idle.get_nowait()[1].close()
    return taken


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    """The body of the answer. Raises RuntimeError where the events were not taken."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 202"):
        raise RuntimeError(f"the gateway answered {head.split(maxsplit=2)[1].decode()}")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return await reader.readexactly(length)


if __name__ == "__main__":
    print("\n".join(measured()))
