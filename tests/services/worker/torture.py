"""``make torture``: workers are killed, cut off and shuffled for as long as wanted, and the books stay exact.

It ends by itself, writes what was told and what became of it, and exits with 1 if an equation does not hold.
"""

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final, Self

from services.processor.poster import Poster
from services.replay.digest import ledger_digest
from services.store.port import StoreError
from services.store.server import open_server
from tests.clickhouse.running import RunningServer
from tests.kafka import broker
from tests.oracle.real_path import Backends
from tests.services.worker.harness import Running, Site, stories, unique, wait
from tests.services.worker.nursery import Nursery

PER_KILL: Final = 60
"""Events told for each kill."""
PER_S: Final = 100
"""Events told a second while the store is down, and while workers come and go."""
MOVES: Final = 25
"""Every so many-th worker is let live until the ledger has moved."""
LONGEST_S: Final = 2.0
"""How long the others live at most, on average."""
WINDOW: Final = 50
"""Within so many events, any may come first."""


class WentBack(Exception):
    """Somebody saw a ledger at a position below one that was seen before."""


class Watcher:
    """Looks at the checkpoints again and again; they never go back. A context manager; raises WentBack at its end."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._ended: Final = Event()
        self._wrong: list[str] = []
        self._thread: Final = Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        seen: dict[str, int] = {}
        while not self._ended.wait(0.25):
            try:
                found = self._site.positions()
            except StoreError:
                continue  # the server is down, as it may be
            for tenant, position in found.items():
                if position < seen.get(tenant, 0):
                    self._wrong.append(f"{tenant} was at {seen[tenant]} and then at {position}")
                seen[tenant] = position

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(30)
        if self._wrong:
            raise WentBack("; ".join(self._wrong))


def disordered(tenants: Sequence[str], length: int, chance: random.Random) -> list[dict[str, Any]]:
    """Stories of which every fifth event is told twice, told in any order within a window."""
    events = stories(tenants, length, seed=chance.randrange(1 << 30))
    for start in range(0, len(events), WINDOW):
        part = events[start : start + WINDOW]
        chance.shuffle(part)
        events[start : start + WINDOW] = part
    return events


def killed(site: Site, events: Sequence[dict[str, Any]], kills: int, chance: random.Random) -> None:
    """A worker is killed at a random time, while it starts or while it works, and another takes its place.

    On average it lives as long as one lately needed to write something to the ledger, however slow the machine is.
    """
    part = -(-len(events) // kills)
    lives_s = 0.2
    for number in range(kills):
        site.tell(events[number * part : (number + 1) * part])
        worker = site.start("ab"[number % 2], WORKER_BATCH=chance.choice((20, 200, 2000)))
        if number % MOVES == 0:
            lives_s = min(_until_it_wrote(site, worker), LONGEST_S)
        else:
            if chance.random() < 0.8:
                worker.says("partitions assigned")
            time.sleep(chance.random() * 2 * lives_s)
        worker.kill()
        site.workers.remove(worker)
        site.bury()


def _until_it_wrote(site: Site, worker: Running) -> float:
    """Wait until the ledger has moved; the seconds that this took the worker once it had its partitions."""
    before = site.positions()
    worker.says("partitions assigned")
    began = time.monotonic()
    wait(lambda: site.positions() != before, "the ledger to move", 120, lambda: worker.log[-1500:])
    return time.monotonic() - began


def without_a_store(
    site: Site, server: RunningServer, events: Sequence[dict[str, Any]], down_s: float, worker: Running
) -> float:
    """The store is down while events are told; the seconds that it then takes to catch up."""
    server.kill()
    try:
        _told_slowly(site, events, down_s)
    finally:
        server.start()
    began = time.monotonic()
    site.settle(600)
    assert worker.process.poll() is None, "it gave up"
    return time.monotonic() - began


def stormed(site: Site, events: Sequence[dict[str, Any]], changes: int, chance: random.Random) -> None:
    """Up to four workers: again and again one comes, goes, is killed, or is stopped for a while and then goes on."""
    crowd: list[Running] = []
    part = -(-len(events) // max(changes, 1))
    for number in range(changes):
        _told_slowly(site, events[number * part : (number + 1) * part], chance.random() * 2)
        what = chance.choice(("come", "come", "go", "kill", "freeze"))
        if what == "come" or not crowd:
            if len(crowd) < 4:
                crowd.append(site.start(f"storm-{number}"))
            continue
        victim = crowd.pop(chance.randrange(len(crowd)))
        if what == "go":
            victim.send(signal.SIGTERM)
        elif what == "kill":
            victim.kill()
        else:
            victim.send(signal.SIGSTOP)
            time.sleep(chance.choice((1, 8)))
            victim.send(signal.SIGCONT)
            crowd.append(victim)


def _told_slowly(site: Site, events: Sequence[dict[str, Any]], seconds: float) -> None:
    """Evenly, over so many seconds."""
    began = time.monotonic()
    for start in range(0, len(events), 50):
        site.tell(events[start : start + 50])
        time.sleep(max(began + seconds * (start + 50) / len(events) - time.monotonic(), 0))
    time.sleep(max(began + seconds - time.monotonic(), 0))


def rebuilt(site: Site, tenant: str, position: int) -> str:
    """The digest of a ledger made anew from the journal, in a database of its own."""
    with site.books() as (journal, _), closing(open_server(f"{site.store_url}_anew")) as anew:
        Poster(tenant, journal, anew).catch_up()
        return ledger_digest(anew, tenant, position)


def report(site: Site, pair: Backends) -> list[str]:
    """What was told, what became of it, and the digests; prints them, and returns what is wrong."""
    wrong = site.wrong(pair.journal, pair.store)
    _say(f"told {len(site.told):,}")
    with site.books() as (journal, store):
        for tenant in journal.tenants():
            tally, last = journal.tally(tenant), journal.head(tenant).position
            parked = len(store.parked(tenant))
            digests = [ledger_digest(each, tenant, last) for each in (store, pair.store)]
            digests.append(rebuilt(site, tenant, last))
            _say(
                f"{tenant}: told {tally.told:,} = accepted {tally.accepted:,} + duplicates {tally.duplicates:,} + "
                f"refused {tally.refused:,}; accepted = applied {tally.accepted - parked:,} + parked {parked:,}\n"
                f"  digest {digests[0]}, of the embedded pair {digests[1]}, rebuilt {digests[2]}"
            )
            if len(set(digests)) > 1:
                wrong.append(f"{tenant}: the digests differ")
    return wrong


@contextmanager
def site_of(folder: Path) -> Iterator[tuple[Site, RunningServer]]:
    """A broker, a store, topics, and a nursery of workers, all of which end with it."""
    kafka = broker.start(folder / "broker")
    try:
        with (
            RunningServer(folder / "clickhouse") as server,
            Nursery() as nursery,
            closing(Site(kafka, server, folder, partitions=6)) as site,
        ):
            site.nursery = nursery
            yield site, server
    finally:
        kafka.close()


def main() -> int:
    """The whole of it; 0: everything is exact."""
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--down-s", type=int, default=600, help="seconds without the store")
    parser.add_argument("--changes", type=int, default=100, help="of who is in the group")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    told = parser.parse_args()
    _say(f"--kills {told.kills} --down-s {told.down_s} --changes {told.changes} --seed {told.seed}")
    chance, tenants = random.Random(told.seed), unique("acme", "bolt", "crux", "dyne")
    with tempfile.TemporaryDirectory() as name, site_of(Path(name)) as (site, server):
        lengths = {"kills": told.kills * PER_KILL, "down": told.down_s * PER_S, "changes": told.changes * PER_S}
        events = disordered(tenants, sum(lengths.values()) // 5, chance)  # four tenants, and a fifth twice
        first, second = (len(events) * cut // sum(lengths.values()) for cut in _cuts(*lengths.values()))
        with Watcher(site):
            began = time.monotonic()
            killed(site, events[:first], told.kills, chance)
            _say(f"killed {told.kills} times in {time.monotonic() - began:.0f} s")
            worker = site.begin("steady", WORKER_BATCH=2000)
            site.settle(600)
            drained_s = without_a_store(site, server, events[first:second], told.down_s, worker)
            _say(f"the store was down for {told.down_s} s, and caught up in {drained_s:.0f} s")
            assert worker.stop() == 0
            stormed(site, events[second:], told.changes, chance)
            site.begin("last")
            site.settle(600)
            _say(f"the group changed {told.changes} times")
        Path(name, "pair").mkdir()
        pair = Backends(Path(name, "pair"))
        try:
            wrong = report(site, pair)
        finally:
            pair.close()
    for each in wrong:
        _say(f"WRONG: {each}")
    _say("everything is exact" if not wrong else f"{len(wrong)} equations do not hold; the seed is {told.seed}")
    return 1 if wrong else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _cuts(first: int, second: int, third: int) -> tuple[int, int]:
    return first, first + second


if __name__ == "__main__":
    sys.exit(main())
