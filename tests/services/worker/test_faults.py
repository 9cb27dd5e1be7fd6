"""What befalls a worker: its store, its broker and itself go away at any moment, and the books stay exact."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clickhouse.running import RunningServer
from tests.clickhouse.server import Fault
from tests.kafka import broker
from tests.kafka.broker import Kafka
from tests.oracle.real_path import Backends
from tests.services.worker.harness import Site, stories, unique, wait

Right = Callable[..., None]

CHECKPOINT = r"INSERT INTO checkpoints (?!.*max\(epoch\) \+ 1)"
"""The statement that moves a checkpoint, and not the one that takes a tenant over."""


def test_what_cannot_be_written_to_the_journal_is_not_acknowledged(site: Site, right: Right) -> None:
    """Guards ``noack_take`` and ``Steady.do``: a batch that failed is tried again and not passed by the group.

    ``acknowledge_failures`` is caught: the group passes what is in no journal.
    """
    site.tell(stories(unique("acme"), 60))
    worker = site.begin()
    site.settle()
    site.wait_until_committed()
    held = site.committed()
    site.limit_journal(100)
    site.tell(stories(unique("bolt"), 60))
    time.sleep(4)  # longer than it takes to try, and to commit

    assert site.committed() == held
    worker.says('"trouble": "journal"')
    assert worker.log.count('"event": "waits and tries again"') == 1

    site.limit_journal(1 << 20)
    right()
    worker.says('"event": "goes on"')
    site.wait_until_committed()
    assert worker.stop() == 0


def test_a_failed_insert_is_tried_again_and_nothing_is_lost(site: Site, server: RunningServer, right: Right) -> None:
    """Guards ``Circuits`` and the checkpoint behind the lines."""
    site.tell(stories(unique("acme"), 60))
    worker = site.begin()
    site.settle()
    held = site.positions()
    server.fault(Fault("503", match="INSERT INTO postings ", times=1000))
    site.tell(stories(unique("bolt"), 60))
    worker.says('"trouble": "store"')
    time.sleep(2)

    assert {tenant: position for tenant, position in site.positions().items() if position} == held
    assert worker.log.count('"event": "waits and tries again"') == 1

    server.fault(Fault("503", times=0))
    right()
    worker.says('"event": "goes on"')


def test_a_sick_tenant_does_not_hold_up_the_others(site: Site, server: RunningServer, right: Right) -> None:
    """Guards ``Circuits``: with ``waits`` left out, the others' events wait for the tries of one."""
    sick, well = unique("sick", "well")
    worker = site.begin(WORKER_RETRY_S=600)
    server.fault(Fault("503", match=f"INSERT INTO history .*'{sick}'", times=1000))
    events = stories([sick, well], 120)
    site.tell(events[:100])
    worker.says('"trouble": "store"')
    site.tell(events[100:])
    wait(lambda: site.positions().get(well) == 120, "the healthy tenant to be posted", 30)

    assert site.positions().get(sick, 0) == 0
    server.fault(Fault("503", times=0))
    right(90)


@pytest.mark.parametrize(
    ("point", "fault"),
    [
        ("after the postings", Fault("wait after", match="INSERT INTO postings", seconds=3)),
        ("before the checkpoint", Fault("wait before", match=CHECKPOINT, seconds=3)),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_killed_at_a_point_of_a_write_nothing_stands_twice(
    site: Site, server: RunningServer, right: Right, point: str, fault: Fault
) -> None:
    """Guards the checkpoint behind the lines, and ``store.recover`` of whoever comes next.

    The statement that is under way reaches the server though its sender is dead, and comes to nothing.
    """
    site.tell(stories(unique("acme", "bolt"), 60))
    worker = site.begin()
    site.settle()
    before = len(server.told(fault.match.partition("(")[0].strip()))
    server.fault(fault)
    site.tell(stories(unique("crux"), 60))
    wait(lambda: len(server.told(fault.match.partition("(")[0].strip())) > before, point, 20)
    time.sleep(0.3)
    worker.kill()
    site.begin("a")
    right()


def test_killed_again_and_again_nothing_is_lost_and_nothing_stands_twice(site: Site, right: Right) -> None:
    events = stories(unique("acme", "bolt", "crux"), 300)
    for number in range(4):
        site.tell(events[number * 270 : (number + 1) * 270])
        worker = site.start(WORKER_BATCH=50)
        if number % 2:
            worker.says("partitions assigned")
        time.sleep(0.15 * number)
        worker.kill()
    site.begin()
    right(90)


def test_a_store_that_is_down_is_waited_for(site: Site, server: RunningServer, right: Right) -> None:
    """Guards the retries within the agent: the worker keeps its place in the group and drains."""
    tenants = unique("acme", "bolt")
    worker = site.begin()
    events = stories(tenants, 400)
    site.tell(events[:300])
    wait(lambda: bool(site.positions()), "something to be posted", 30)
    server.kill()
    try:
        for start in range(300, len(events), 60):
            site.tell(events[start : start + 60])
            time.sleep(0.9)  # altogether longer than a session
        worker.says('"trouble": "store"')
    finally:
        server.start()
    right()
    assert worker.log.count("partitions assigned") == 1, "it was thrown out of the group"
    assert worker.stop() == 0


@pytest.fixture
def kafka_of_ours(tmp_path: Path, kafka: Kafka) -> Iterator[Kafka]:
    """A broker that a test may kill."""
    if not kafka.brokers:
        pytest.skip("the broker is somebody else's")
    started = broker.start(tmp_path / "broker")
    yield started
    started.close()


def test_a_broker_that_is_killed_is_waited_for(
    kafka_of_ours: Kafka, server: RunningServer, tmp_path: Path, backends: Backends
) -> None:
    """Guards the same for Kafka: the worker goes on by itself when the broker is back."""
    site = Site(kafka_of_ours, server, tmp_path)
    try:
        worker = site.begin()
        events = stories(unique("acme", "bolt"), 300)
        site.tell(events[:400])
        kafka_of_ours.brokers[0].kill()
        time.sleep(4)
        kafka_of_ours.brokers[0].start()
        kafka_of_ours.wait()
        site.tell(events[400:])
        site.settle(90)
        assert site.wrong(backends.journal, backends.store) == []
        assert worker.process.poll() is None
        assert worker.stop() == 0
    finally:
        site.close()


def test_workers_share_the_tenants_and_hand_them_over(site: Site, right: Right) -> None:
    """Guards ``begin`` of both stages: who is assigned a partition goes on behind the other."""
    events = stories(unique(*"abcdefgh"), 150)
    part = len(events) // 4
    site.tell(events[:part])
    first = site.begin("a")
    second = site.begin("b")
    site.tell(events[part : 2 * part])
    third = site.begin("c")
    site.tell(events[2 * part : 3 * part])
    time.sleep(1)
    first.kill()
    assert second.stop() == 0
    site.tell(events[3 * part :])
    right(90)
    assert third.stop() == 0


def test_a_zombie_that_wakes_up_changes_nothing(site: Site, server: RunningServer, right: Right) -> None:
    """Guards the fence of the store and the forerunners in the journal: who was taken over from writes nothing more.

    It is stopped amid a batch for longer than its session, another takes over, and then it goes on.
    """
    events = stories(unique("acme", "bolt", "crux"), 200)
    zombie = site.begin("zombie", WORKER_BATCH=40)
    site.tell(events[:200])
    wait(lambda: bool(site.positions()), "something to be posted", 30)
    site.tell(events[200:500])
    time.sleep(0.2)
    zombie.send(signal.SIGSTOP)
    heir = site.begin("heir")
    site.tell(events[500:])
    site.settle()
    zombie.send(signal.SIGCONT)
    time.sleep(3)
    site.tell(stories(unique("dyne", "echo"), 60))
    right()
    assert zombie.process.poll() is None
    assert heir.stop() == 0
    assert zombie.stop() == 0
