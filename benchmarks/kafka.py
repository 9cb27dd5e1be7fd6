"""How fast a worker takes events from Kafka to the ledger, beside others that read the same topic of one broker."""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Final

from benchmarks.measure import taken
from benchmarks.peers import environment, faust_bare, plain
from services.kafka.clients import partition_of
from services.simulator.company import Company
from services.store.server import open_server
from tests.clickhouse.running import ROOT, RunningServer
from tests.kafka import broker
from tests.kafka.broker import Kafka, NoKafka
from tests.services.worker.harness import Running, Site, free_port, wait

EVENTS: Final = 320_000
PARTITIONS: Final = 12
TENANTS: Final = tuple(
    next(name for name in map("tenant-{}".format, itertools.count()) if partition_of(name, PARTITIONS) == number)
    for number in (0, 1, 2, 3, 6, 7, 8, 9)
)
"""Each in a partition of its own, as many in either half and in even and odd ones: two workers have as much to do."""
CALM_PER_S: Final = 1_000
CALM_S: Final = 15
LOCK: Final = Path(__file__).parent / "peers" / "quix.lock"
_TICKS: Final = os.sysconf("SC_CLK_TCK")
TOLD: Final = ("accepted", "duplicate", "conflict", "refused", "passed_over")

Speed = tuple[float, float]
"""Events a second, and microseconds of processor an event."""


def measured() -> list[str]:
    """The figures, as Markdown; a sentence where there is no broker to be had."""
    lines = ["## Kafka: from the inbox to the ledger", ""]
    with tempfile.TemporaryDirectory() as folder:
        try:
            kafka = broker.start(Path(folder) / "broker")
        except NoKafka as error:
            return [*lines, f"Not measured: {error}.", ""]
        try:
            with RunningServer(Path(folder) / "clickhouse") as server:
                return [*lines, *_figures(kafka, server, Path(folder)), ""]
        finally:
            kafka.close()


def _figures(kafka: Kafka, server: RunningServer, folder: Path) -> list[str]:
    rows: dict[str, Speed | str] = {}
    with closing(Site(kafka, server, _made(folder / "calm"), PARTITIONS)) as site:
        late = _latencies(site)  # before the others, of whose rows the server is busy for a while
    with _told(kafka, server, folder / "one") as site:
        topic, count = site.names.inbox, len(site.told)
        bare = _speed(count, taken(faust_bare.acknowledged, kafka.bootstrap, topic, "bare", count, folder).result)
        rows["a Faust agent that only acknowledges"] = bare
        rows["a kafka-python consumer that only reads"] = _speed(
            count, taken(plain.read, kafka.bootstrap, topic, count).result
        )
        one = rows["**one worker**: validate, journal, ledger"] = _worked(site, 1)
        rows["Quix Streams: validate, look for doubles, write to a topic; no ledger"] = _quix(site, folder / "quix")
    with _told(kafka, server, folder / "two") as site:
        two = rows["two workers, eight tenants"] = _worked(site, 2)
    lines = [f"{count:,} events of {len(TENANTS)} tenants in {PARTITIONS} partitions, one broker; the ledger goes to"]
    lines += ["the tests' ClickHouse server, which takes its share of the same cores.", ""]
    lines += ["| what | events/s | of the bare Faust agent | CPU µs an event |", "|---|---|---|---|"]
    for name, speed in rows.items():
        if isinstance(speed, str):
            lines.append(f"| {name} | {speed} | – | – |")
        else:
            lines.append(f"| {name} | {speed[0]:,.0f} | {speed[0] / bare[0]:.2f} | {speed[1]:.0f} |")
    lines += ["", f"Two workers are {two[0] / one[0]:.2f} times as fast as one, on {os.cpu_count()} cores."]
    middle, tail = late[len(late) // 2], late[len(late) * 99 // 100]
    told = f"At {CALM_PER_S:,} events a second, from telling Kafka to standing in the ledger"
    return [*lines, f"{told}: p50 {middle * 1000:.0f} ms, p99 {tail * 1000:.0f} ms."]


def _speed(count: int, seconds: Speed) -> Speed:
    return count / seconds[0], seconds[1] / count * 1e6


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


@contextmanager
def _told(kafka: Kafka, server: RunningServer, folder: Path) -> Iterator[Site]:
    """A site whose inbox is full."""
    each = EVENTS // len(TENANTS)
    lives = [itertools.islice(Company(seed=n, years=4, reps=8).events(), each) for n in range(len(TENANTS))]
    with closing(Site(kafka, server, _made(folder), PARTITIONS, BREAKER_PERCENT=0)) as site:
        site.tell(
            event | {"tenant": tenant}
            for turn in zip(*lives, strict=True)
            for tenant, event in zip(TENANTS, turn, strict=True)
        )
        yield site


def _worked(site: Site, number: int) -> Speed:
    """What workers do with a full inbox, from when all have their partitions until everything is in the ledger."""
    workers = [site.start(f"w{n}", WORKER_METRICS=f"127.0.0.1:{free_port()}") for n in range(number)]
    for worker in workers:
        worker.says("partitions assigned", 60)
    time.sleep(0.5 * (number - 1))  # the first of them shares out its partitions
    began, before = time.perf_counter(), sum(_counted(worker)[0] for worker in workers)
    cpu = sum(_cpu(worker) for worker in workers)

    def done() -> bool:
        counts = [_counted(worker) for worker in workers]
        told = sum(told for told, _ in counts)
        if told < len(site.told) * 0.9:
            time.sleep(0.5)  # each look is work for the worker
        return told >= len(site.told) and sum(left for _, left in counts) <= 0

    wait(done, "everything to be in the ledger", 300)
    seconds, cpu = time.perf_counter() - began, sum(_cpu(worker) for worker in workers) - cpu
    for worker in workers:
        worker.stop()
    count = len(site.told) - before
    return count / seconds, cpu / count * 1e6


def _counted(worker: Running) -> tuple[int, int]:
    """How many events a worker has fed, and how many of them are not in the ledger yet."""
    found: dict[str, int] = {}
    for line in worker.page("/metrics")[1].splitlines():
        if line.startswith("salestream_events_total{"):
            found[line.split('"')[1]] = int(float(line.rpartition(" ")[2]))
    told = sum(found.get(outcome, 0) for outcome in TOLD)
    return told, found.get("accepted", 0) - found.get("applied", 0) - found.get("parked", 0)


def _cpu(worker: Running) -> float:
    """Seconds of processor that a process has used."""
    fields = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _quix(site: Site, folder: Path) -> Speed | str:
    """Quix Streams on the same inbox, or why it was not measured."""
    python = environment.made(folder, LOCK)
    if python is None:
        return "not measured: it could not be installed"
    told = [site.cluster.name, site.names.inbox, f"{site.names.prefix}.quix", "quix", len(site.told), folder / "state"]
    command = [str(word) for word in (python, "-m", "benchmarks.peers.quix", *told)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    except subprocess.TimeoutExpired:
        return "not measured: it did not end within two minutes"
    if done.returncode:
        return "not measured: it ended with an error"
    seconds, cpu, count = json.loads(done.stdout.splitlines()[-1])
    return _speed(count, (seconds, cpu))


def _latencies(site: Site) -> list[float]:
    """Seconds of each event from telling it until the ledger's checkpoint has passed it, sorted.

    The worker has the tenant's ledger already, as it has in the long run.
    """
    told: list[float] = []
    total = CALM_PER_S * CALM_S
    worker = site.begin()
    one = {"specversion": "1.0", "source": "/benchmark", "type": "deal.won", "time": "2026-01-05T09:00:00Z"}

    def tell() -> None:
        start = time.perf_counter()
        for number in range(total):
            due = start + number / CALM_PER_S
            if (wait_s := due - time.perf_counter()) > 0:
                time.sleep(wait_s)
            told.append(time.perf_counter())
            data = {"deal_id": f"D-{number // 3}", "amount": "1200.00", "rep_id": "ana"}
            send(one | {"id": f"{number}", "tenant": TENANTS[0], "data": data})

    with site.sending() as send:
        send(one | {"id": "first", "tenant": TENANTS[0], "data": {"deal_id": "D-0", "amount": "1.00", "rep_id": "ana"}})
        site.settle()
        teller = Thread(target=tell)
        teller.start()
        late = _seen(lambda: told, site.store_url, total)
        teller.join()
    worker.stop()
    return late


def _seen(told: Callable[[], list[float]], url: str, total: int) -> list[float]:
    """Look at the checkpoint again and again; the seconds that each event after the first took, sorted."""
    late: list[float] = []
    deadline = time.monotonic() + CALM_S + 120
    with closing(open_server(url)) as store:
        while len(late) < total and time.monotonic() < deadline:
            position, now = store.checkpoint(TENANTS[0]).position, time.perf_counter()
            late += [now - at for at in told()[len(late) : position - 1]]
            time.sleep(0.04)  # each look is work for the server, which is to write
    return sorted(late)


if __name__ == "__main__":
    sys.stdout.write("\n".join(measured()) + "\n")
