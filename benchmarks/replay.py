"""Rebuilding: how good its estimate is, how time grows with size, what it costs who reads meanwhile, and its peers."""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, pairwise
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

import httpx
from kafka import KafkaProducer

from benchmarks import work
from benchmarks.gateway import CALM_PER_S, serving
from benchmarks.measure import Figure, taken
from benchmarks.peers import environment, faust_bare
from benchmarks.wallboard import HISTORY, watched
from services.replay.estimate import estimate
from services.settings import Settings
from services.workspace import Workspace
from tests.clickhouse.running import ROOT
from tests.kafka import broker
from tests.kafka.broker import NoKafka
from tests.kafka.topics import make

LOCK: Final = Path(__file__).parent / "peers" / "sourcing.lock"
PROJECTED: Final = 5_000
"""Events that ``eventsourcing`` projects: each is a transaction of its own."""
TURNS: Final = 2
"""How often freshness is measured, alone and while a ledger is rebuilt."""
ACKNOWLEDGED: Final = 40_000
"""Events that the bare Faust agent reads."""

Told = tuple[int, float, float]
"""Events, seconds, processor seconds."""


def measured(sizes: Sequence[int]) -> list[str]:
    """The figures, as Markdown."""
    lines = ["## Replay: rebuilding", ""]
    lines += ["| events | estimated s | rebuilt in s | estimate / rebuild | events/s | CPU µs an event | peak MiB |"]
    lines += ["|---|---|---|---|---|---|---|"]
    rebuilt: list[tuple[int, Figure]] = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sorted(sizes):
            path, data = Path(folder) / f"{size}.jsonl", Path(folder) / str(size)
            taken(work.simulate, path, size)
            taken(work.ingest, data, path)
            told = taken(estimated, data).result
            figure = taken(work.rebuild_all, data)
            count = int(figure.result)
            rebuilt.append((count, figure))
            seconds = figure.seconds - taken(work.empty, data).seconds
            lines.append(
                f"| {count:,} | {told['seconds']:.1f} | {seconds:.1f} | {told['seconds'] / seconds:.2f} | "
                f"{count / seconds:,.0f} | {figure.cpu_seconds / count * 1e6:.1f} | {figure.peak_mib:,.0f} |"
            )
        lines += ["", *_growth(rebuilt)]
        lines += ["", *_peers(Path(folder) / f"{max(sizes)}.jsonl", Path(folder), rebuilt[-1][1])]
    return [*lines, "", *_freshness(), ""]


def estimated(data: Path) -> dict[str, Any]:
    """What ``rebuild --estimate`` says."""
    with Workspace(Settings(data=data)) as workspace:
        return estimate(workspace)


def _growth(rebuilt: Sequence[tuple[int, Figure]]) -> list[str]:
    """1 is linear: processor time grows as events do."""
    return [
        f"From {few:,} to {many:,} events ({many / few:.1f} times as many) a rebuild takes "
        f"{after.cpu_seconds / before.cpu_seconds:.1f} times the processor time: "
        f"{after.cpu_seconds / before.cpu_seconds / (many / few):.2f} of linear."
        for (few, before), (many, after) in pairwise(rebuilt)
    ]


def _peers(path: Path, folder: Path, figure: Figure) -> list[str]:
    lines = ["| on the same events | events/s | CPU µs an event | a rebuild is so many times as fast, and as sparing |"]
    lines += ["|---|---|---|---|"]
    count = int(figure.result)
    speed, cpu = count / figure.seconds, figure.cpu_seconds / count * 1e6
    lines.append(f"| a rebuild | {speed:,.0f} | {cpu:.1f} | |")
    for name, told in (*_sourcing(path, folder / "sourcing"), _faust(path, folder / "broker")):
        if told is None:
            lines.append(f"| {name} | not measured | – | – |")
            continue
        rate, its_cpu = told[0] / told[1], told[2] / told[0] * 1e6
        lines.append(f"| {name} | {rate:,.0f} | {its_cpu:.1f} | {speed / rate:.1f}, {its_cpu / cpu:.1f} |")
    return lines


def _sourcing(path: Path, folder: Path) -> list[tuple[str, Told | None]]:
    """The library ``eventsourcing``."""
    names = (
        "`eventsourcing`: projected from SQLite, as documented",
        "`eventsourcing`: only read from SQLite and mapped",
    )
    python = environment.made(folder, LOCK)
    if python is None:
        return [(name, None) for name in names]
    few = folder / "few.jsonl"
    with path.open("rb") as lines:
        few.write_bytes(b"".join(islice(lines, 100_000)))
    command = [str(python), "-m", "benchmarks.peers.sourcing", str(few), str(folder), str(PROJECTED)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        return [(name, None) for name in names]
    return list(zip(names, map(tuple, json.loads(done.stdout.splitlines()[-1])), strict=True))


def _faust(path: Path, folder: Path) -> tuple[str, Told | None]:
    """A Faust agent."""
    name = "a Faust agent that only acknowledges"
    try:
        kafka = broker.start(folder)
    except NoKafka:
        return name, None
    try:
        topic = make(kafka, "bench").inbox
        producer = KafkaProducer(bootstrap_servers=kafka.bootstrap.split(","))
        count = 0
        with path.open("rb") as lines:
            for line in islice(lines, ACKNOWLEDGED):
                producer.send(topic, line)
                count += 1
        producer.flush()
        producer.close()
        seconds, cpu = taken(faust_bare.acknowledged, kafka.bootstrap, topic, "bare", count, folder).result
    finally:
        kafka.close()
    return name, (count, seconds, cpu)


def _freshness() -> list[str]:
    """From telling an event to a board that shows it, alone and while one rebuild follows the other, by turns."""
    lines = [f"The sales board over {HISTORY:,} events, {CALM_PER_S} events told a second, from told to shown, the"]
    lines += [f"better of {TURNS} turns:", "", "| | p50 ms | p99 ms |", "|---|---|---|"]
    waits: dict[str, list[list[float]]] = {"alone": [], "while it is rebuilt": []}
    done = 0
    with tempfile.TemporaryDirectory() as folder:
        data, path = Path(folder) / "data", Path(folder) / "events.jsonl"
        taken(work.simulate, path, HISTORY)
        taken(work.ingest, data, path)
        try:
            with serving(data) as port:
                asyncio.run(watched(port, 1, 0))  # the first frames are of a cold store
                for turn in range(TURNS):
                    waits["alone"].append(asyncio.run(watched(port, 1, 2 * turn + 1))[0])
                    with _rebuilding(data) as rebuilds:
                        waits["while it is rebuilt"].append(asyncio.run(watched(port, 1, 2 * turn + 2))[0])
                    done += len(rebuilds)
        except httpx.TransportError as error:
            return [*lines[:-2], f"Not measured: the gateway did not answer ({type(error).__name__})."]
    middles = []
    for name, each in waits.items():
        middle, late = (min(told[len(told) * share // 100] for told in each) * 1000 for share in (50, 99))
        middles.append(middle)
        lines.append(f"| {name} | {middle:,.0f} | {late:,.0f} |")
    ratio = f"the p50 was {middles[1] / middles[0]:.1f} times that of none"
    return [*lines, "", f"{done} rebuilds were finished meanwhile; {ratio}."]


@contextmanager
def _rebuilding(data: Path) -> Iterator[list[int]]:
    """One rebuild after the other below ``serve``, as a user runs them; how each ended."""
    command = [str(Path(sys.executable).with_name("salestream")), "--data", str(data), "--json", "rebuild"]
    done, ended = Event(), []

    def again() -> None:
        while not done.is_set():
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            while process.poll() is None:
                if done.wait(0.05):
                    process.terminate()
                    process.wait()
                    return
            ended.append(process.returncode)

    thread = Thread(target=again)
    thread.start()
    try:
        yield ended
    finally:
        done.set()
        thread.join()


if __name__ == "__main__":
    sys.stdout.write("\n".join(measured([100_000])) + "\n")
