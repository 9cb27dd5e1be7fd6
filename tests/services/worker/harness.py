"""A site of workers: a broker with topics of its own, a store, worker processes, and the equations that must hold.

Whatever was done to the workers, in the end told = accepted + duplicates + refused, accepted = applied + parked, and
the ledger is to the bit that of the embedded pair on the same events.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError

from kafka import KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, MemberToRemove
from kafka.errors import CoordinatorNotAvailableError, NotCoordinatorError
from kafka.structs import OffsetAndMetadata
from msgspec.structs import astuple

from events.envelope import DEFAULT_TENANT
from services.clock import now_ms
from services.ingest import Ingest
from services.journal.kafka import KafkaJournal
from services.journal.port import Tally
from services.journal.sqlite import SqliteJournal
from services.kafka.clients import Cluster, partition_of
from services.kafka.log import Log
from services.kafka.topics import Names
from services.processor.poster import Poster
from services.replay.digest import ledger_digest
from services.replay.verify import broken_laws
from services.store.clickhouse import ClickHouseStore
from services.store.server import open_server
from tests.clickhouse.running import ROOT, RunningServer
from tests.kafka.broker import Kafka
from tests.kafka.topics import cluster, make
from tests.services.processor.stories import story
from tests.services.worker.nursery import Child, Nursery

EXECUTABLE: Final = Path(sys.executable).with_name("salestream")
QUICK: Final = {"WORKER_SESSION_S": 6, "WORKER_RETRY_S": 1, "KAFKA_TIMEOUT_S": 20, "STORE_TIMEOUT_S": 20}
"""Settings that make an outage short enough for a test."""


class Running:
    """A worker process. ``log`` is what it said."""

    def __init__(
        self, name: str, folder: Path, env: dict[str, str], planted: str = "", nursery: Nursery | None = None
    ) -> None:
        self.name = name
        self._log = folder / f"{name}-{uuid.uuid4().hex[:6]}.log"
        self._log.touch()
        self.process: subprocess.Popen[bytes] | Child
        self.process = nursery.born(env, self._log, planted) if nursery else _started(env, self._log, planted)
        self.metrics_url = f"http://{env['SALESTREAM_WORKER_METRICS']}" if env.get("SALESTREAM_WORKER_METRICS") else ""

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def send(self, number: signal.Signals) -> None:
        """A signal to it."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """As the power goes."""
        self.process.kill()
        self.process.wait(10)

    def stop(self, within_s: float = 60) -> int:
        """SIGTERM, and its exit code."""
        self.send(signal.SIGTERM)
        return self.process.wait(within_s)

    def says(self, text: str, within_s: float = 40) -> None:
        """Wait until it has said this."""
        said = lambda: text in self.log or self.process.poll() is not None  # noqa: E731
        wait(said, f"{self.name} to say {text!r}", within_s, lambda: self.log[-3000:])
        assert text in self.log, f"{self.name} ended: {self.log[-3000:]}"

    def page(self, path: str) -> tuple[int, str]:
        """A page of its port."""
        try:
            with urllib.request.urlopen(self.metrics_url + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metric(self, name: str) -> float:
        """A sample by its name and labels, as the page has it; 0 where there is none."""
        found = [
            line.rpartition(" ")[2] for line in self.page("/metrics")[1].splitlines() if line.startswith(name + " ")
        ]
        return float(found[0]) if found else 0.0


class Site:
    """Topics, a database and workers of one test. Close it, which kills what runs."""

    def __init__(
        self, kafka: Kafka, server: RunningServer | None, folder: Path, partitions: int = 3, **settings: object
    ) -> None:
        mark = uuid.uuid4().hex[:8]
        self.names = make(kafka, f"w-{mark}", partitions)
        self.cluster: Cluster = cluster(kafka)
        self.partitions = partitions
        self.database = f"w_{mark}"
        self.folder = folder
        self.server = server
        self._kafka = kafka
        self._settings = settings
        self.nursery: Nursery | None = None
        """Where workers come from; None: each is started anew."""
        self.workers: list[Running] = []
        self.told: list[bytes] = []
        """Everything told, in the order told."""
        self._twinned = 0
        """How much of it the embedded pair was told."""
        self._before: dict[str, Tally] = {}

    @property
    def store_url(self) -> str:
        """Where the ledger is; empty: in the data folder of the one worker."""
        return self.server.url.replace("/salestream", f"/{self.database}") if self.server else ""

    def env(self, name: str, **settings: object) -> dict[str, str]:
        """The environment of a process of this site."""
        told: dict[str, object] = {
            "DATA": self.folder / name,
            "JOURNAL": self._kafka.url,
            "KAFKA_PREFIX": self.names.prefix,
            "KAFKA_PARTITIONS": self.partitions,
            "STORE": self.store_url,
            "SUBJECT_KEYS": f"sqlite://{self.folder}/subjects.sqlite",
            "WORKER_LOG": "json",
        }
        told |= QUICK | self._settings | settings
        clean = {key: value for key, value in os.environ.items() if not key.startswith("SALESTREAM_")}
        return clean | {f"SALESTREAM_{key}": str(value) for key, value in told.items()}

    def start(self, name: str = "a", *, planted: str = "", **settings: object) -> Running:
        """Start a worker, one with a mistake where that is asked for.

        One that is started again under its name goes on with its data folder.
        """
        planted = planted or os.environ.get("PLANTED", "")
        worker = Running(name, self.folder, self.env(name, **settings), planted, self.nursery)
        self.workers.append(worker)
        return worker

    def begin(self, name: str = "a", *, planted: str = "", **settings: object) -> Running:
        """Start a worker and wait until it has joined the group."""
        worker = self.start(name, planted=planted, **settings)
        worker.says("partitions assigned")
        return worker

    def bury(self) -> None:
        """Tell the group that its members are dead, which it else finds out when their sessions are over."""
        group, admin = f"{self.names.prefix}-worker", self.cluster.admin()
        try:
            members = admin.describe_groups([group])[group]["members"]
            if dead := [MemberToRemove(member_id=member["member_id"]) for member in members]:
                admin.remove_group_members(group, dead)
        except (CoordinatorNotAvailableError, NotCoordinatorError):
            return  # a broker that has just begun knows no groups yet
        finally:
            admin.close()

    def tell(self, events: Iterable[dict[str, Any]]) -> None:
        """Into the inbox, structured."""
        self.put((json.dumps(event).encode(), str(event["tenant"]), []) for event in events)

    @contextmanager
    def sending(self) -> Iterator[Callable[[dict[str, Any]], None]]:
        """Tells one event after the other; each is on its way at once."""
        servers = self._kafka.bootstrap.split(",")
        with closing(KafkaProducer(bootstrap_servers=servers, linger_ms=0)) as producer:

            def send(event: dict[str, Any]) -> None:
                value, tenant = json.dumps(event).encode(), str(event["tenant"])
                producer.send(self.names.inbox, value, tenant.encode(), [], partition_of(tenant, self.partitions))
                self.told.append(value)

            yield send

    def put(self, records: Iterable[tuple[bytes | None, str, list[tuple[str, bytes]]]]) -> None:
        """Records of any kind, each a value, the tenant in whose partition it goes, and headers."""
        servers = self._kafka.bootstrap.split(",")
        # One for each time: kafka-python leaks the sockets of connections that a broker refuses.
        with closing(KafkaProducer(bootstrap_servers=servers, linger_ms=20)) as producer:
            for value, tenant, headers in records:
                place = partition_of(tenant, self.partitions)
                producer.send(self.names.inbox, value, tenant.encode(), headers, place)
                self.told.append(value or b"")
            producer.flush()

    @contextmanager
    def books(self) -> Iterator[tuple[KafkaJournal, ClickHouseStore]]:
        """Journal and store, opened beside the workers, which this does not disturb."""
        with (
            KafkaJournal(self.folder / "watching.sqlite", self.cluster, Names(self.names.prefix)) as journal,
            closing(open_server(self.store_url)) as store,
        ):
            yield journal, store

    def settle(self, within_s: float = 60) -> None:
        """Wait until everything told is in the journal and everything in the journal is in the ledger."""
        with closing(Log(self.cluster, self.names.inbox)) as log, self.books() as (journal, store):
            ends = log.ends()

            def settled() -> bool:
                told = sum(journal.tally(tenant).told for tenant in journal.tenants())
                return told >= sum(ends.values()) and all(
                    store.checkpoint(tenant).position == journal.head(tenant).position for tenant in journal.tenants()
                )

            def state() -> str:
                tenants = journal.tenants()
                tallies = {tenant: (journal.tally(tenant), store.checkpoint(tenant)) for tenant in tenants}
                return "\n".join([str(ends), str(tallies), *(worker.log[-1500:] for worker in self.workers)])

            wait(settled, "the workers to be done", within_s, state)

    def positions(self) -> dict[str, int]:
        """How far the ledger of each tenant is that has one."""
        with closing(open_server(self.store_url)) as store:
            return {tenant: store.checkpoint(tenant).position for tenant in store.tenants()}

    def committed(self) -> dict[int, int]:
        """Where the group reads on in the inbox, by partition."""
        group, admin = f"{self.names.prefix}-worker", self.cluster.admin()
        try:
            offsets = admin.list_group_offsets([group])[group]
            return {tp.partition: told.offset for tp, told in offsets.items() if tp.topic == self.names.inbox}
        finally:
            admin.close()

    def wait_until_committed(self) -> None:
        """Wait until the group has passed everything in the inbox."""
        with closing(Log(self.cluster, self.names.inbox)) as log:
            ends = {number: end for number, end in log.ends().items() if end}
        wait(
            lambda: self.committed() == ends,
            f"the group to commit {ends}",
            20,
            lambda: f"{self.committed()} {self.workers[-1].log}",
        )

    def limit_journal(self, size: int) -> None:
        """Let the journal topic take records up to this many bytes."""
        admin = self.cluster.admin()
        topic = ConfigResource(ConfigResourceType.TOPIC, self.names.journal, {"max.message.bytes": str(size)})
        try:
            admin.alter_configs([topic])
        finally:
            admin.close()

    def commit_everything(self) -> None:
        """Let the group, of which nobody runs, pass everything in the inbox."""
        with closing(Log(self.cluster, self.names.inbox)) as log:
            self._commit(log.ends())

    def commit_nothing(self) -> None:
        """Let the group, of which nobody runs, begin anew."""
        self._commit(dict.fromkeys(self.committed(), 0))

    def journal_records(self) -> int:
        """How many records stand in the journal topic."""
        with closing(Log(self.cluster, self.names.journal)) as log:
            return sum(log.ends().values())

    def _commit(self, offsets: Mapping[int, int]) -> None:
        ends = {
            TopicPartition(self.names.inbox, number): OffsetAndMetadata(offset, "", -1)
            for number, offset in offsets.items()
        }
        admin = self.cluster.admin()

        def committed() -> bool:
            with suppress(CoordinatorNotAvailableError):  # a broker that has just begun
                return bool(admin.alter_group_offsets(f"{self.names.prefix}-worker", ends))
            return False

        try:
            wait(committed, "the group's offsets to be set", 20)
        finally:
            admin.close()

    def wrong(self, backends_journal: SqliteJournal, backends_store: ClickHouseStore) -> list[str]:
        """What does not hold, in words. The pair is an embedded one, in which these tenants were never told of."""
        if not self._twinned:  # tests share the tenant of what names none
            self._before = {DEFAULT_TENANT: backends_journal.tally(DEFAULT_TENANT)}
        ingest = Ingest(backends_journal, "CNY")
        for start in range(self._twinned, len(self.told), 1000):
            ingest.tell(self.told[start : start + 1000], now_ms=now_ms())
        self._twinned = len(self.told)
        with self.books() as (journal, store):
            tallies = [journal.tally(tenant) for tenant in journal.tenants()]
            found = (
                [] if sum(each.told for each in tallies) == len(self.told) else [f"told {len(self.told)}: {tallies}"]
            )
            for tenant in journal.tenants():
                before = self._before.get(tenant, Tally(0, 0, 0, 0))
                found += _wrong(tenant, journal, store, backends_journal, backends_store, before)
        return found

    def close(self) -> None:
        """Kill what runs."""
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.send(signal.SIGCONT)
                worker.kill()


def _wrong(
    tenant: str,
    journal: KafkaJournal,
    store: ClickHouseStore,
    twin: SqliteJournal,
    twin_store: ClickHouseStore,
    before: Tally,
) -> list[str]:
    Poster(tenant, twin, twin_store).catch_up()
    tally, cut, parked = journal.tally(tenant), store.checkpoint(tenant), store.parked(tenant)
    ((applied,),) = store.query(
        "SELECT count() FROM {history} WHERE tenant = {tenant:String} AND parked = ''", {"tenant": tenant}
    )
    last = journal.head(tenant).position
    twins = Tally(*(now - then for now, then in zip(astuple(twin.tally(tenant)), astuple(before), strict=True)))
    checks = {
        "told = accepted + duplicates + refused": tally.told == tally.accepted + tally.duplicates + tally.refused,
        "the tally is that of the embedded pair": tally == twins,
        "accepted = the last position": tally.accepted == last,
        "the ledger is at the head": cut.position == last,
        "accepted = applied + parked": tally.accepted == applied + len(parked),
        "parked as in the embedded pair": [each[0].position for each in parked]
        == [each[0].position for each in twin_store.parked(tenant)],
        "the digest is that of the embedded pair": ledger_digest(store, tenant, last)
        == ledger_digest(twin_store, tenant, last),
    }
    broken = [f"{tenant}: law {law} {where}" for law, where in broken_laws(store, tenant, cut).items()]
    return broken + [f"{tenant}: {check} ({tally}, {twins}, {cut})" for check, ok in checks.items() if not ok]


def stories(tenants: Sequence[str], length: int, seed: int = 1) -> list[dict[str, Any]]:
    """A messy story of each tenant, told by turns; every fifth event is told a second time, some way on."""
    told: list[list[dict[str, Any]]] = []
    for number, tenant in enumerate(tenants):
        once = [event | {"tenant": tenant} for event in story(length, seed + number, max(length // 10, 12))]
        late = [once[max(at - 30, 0)] if at % 5 == 0 else None for at in range(length)]
        told.append([event for pair in zip(once, late, strict=True) for event in pair if event is not None])
    return [event for turn in zip(*told, strict=True) for event in turn]


def unique(*names: str) -> list[str]:
    """Names of tenants that no other test has."""
    mark = uuid.uuid4().hex[:6]
    return [f"{name}-{mark}" for name in names]


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait(until: Callable[[], bool], what: str, within_s: float, state: Callable[[], str] = str) -> None:
    """Wait for something; says what there is instead if it does not come."""
    deadline = time.monotonic() + within_s
    while not until():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {within_s} s for {what}: {state()}")
        time.sleep(0.1)


def _started(env: dict[str, str], log: Path, planted: str) -> subprocess.Popen[bytes]:
    """A worker as a user starts it; one with a mistake where one is named."""
    command = [str(EXECUTABLE), "worker"]
    if planted:
        command = [sys.executable, "-m", "tests.services.worker.planted", planted]
    with log.open("wb") as out:
        return subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
