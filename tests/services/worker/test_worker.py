"""The worker end to end: from the inbox topic to the ledger, in order, and what it leaves behind."""

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from events.envelope import MAX_EVENT_BYTES
from services.clock import now_ms
from services.ingest import Ingest
from services.processor.poster import Poster
from services.replay.digest import ledger_digest
from tests.clickhouse.running import RunningServer
from tests.kafka.broker import Kafka
from tests.oracle.real_path import Backends
from tests.services.worker.harness import EXECUTABLE, Site, free_port, stories, unique, wait

Right = Callable[..., None]


def test_two_tenants_of_one_partition_are_posted_in_order(
    kafka: Kafka, server: RunningServer, tmp_path: Path, backends: Backends
) -> None:
    """Guards that records are fed in the order of the inbox (``Inbox.take``); ``turn_around`` is caught."""
    with closing(Site(kafka, server, tmp_path, partitions=1)) as site:
        site.tell(stories(unique("acme", "bolt"), 300))
        worker = site.begin()
        site.settle()
        assert site.wrong(backends.journal, backends.store) == []
        assert worker.stop() == 0


def test_a_worker_alone_posts_to_the_embedded_store(kafka: Kafka, tmp_path: Path, backends: Backends) -> None:
    (tenant,) = unique("acme")
    with closing(Site(kafka, None, tmp_path)) as site:
        site.tell(stories([tenant], 150))
        worker = site.begin(WORKER_METRICS=f"127.0.0.1:{free_port()}")
        wait(lambda: worker.metric("salestream_event_to_ledger_seconds_count") == 150, "the events to be posted", 30)
        assert worker.stop() == 0
        said = subprocess.run(
            [EXECUTABLE, "digest", "--json", "--tenant", tenant],
            env=site.env("a"), capture_output=True, timeout=60, check=True,
        )  # fmt: skip
        Ingest(backends.journal, "CNY").tell(site.told, now_ms=now_ms())
    Poster(tenant, backends.journal, backends.store).catch_up()
    assert json.loads(said.stdout)["ledger"] == ledger_digest(backends.store, tenant, 150)


def test_a_worker_listens_nowhere_unless_asked(site: Site) -> None:
    """Guards ``web_enabled=False``: Faust would open port 6066 to everybody."""
    worker = site.begin()
    time.sleep(1)

    assert listening(worker.process.pid) == []
    assert worker.stop() == 0


def listening(pid: int) -> list[str]:
    """The TCP sockets on which a process listens."""
    held = {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    rows = [row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in held]


def test_told_to_stop_it_finishes_and_leaves_the_group(site: Site, right: Right) -> None:
    """Guards ``Worker._leave``: nothing is cut off, the exit code is 0, and the next need not wait for a session."""
    site.tell(stories(unique("acme", "bolt"), 2000))
    worker = site.begin(WORKER_BATCH=100, WORKER_SESSION_S=60)
    wait(lambda: bool(site.positions()), "something to be posted", 30)

    assert worker.stop(20) == 0

    assert re.search(r'"event": "stopping".*"event": "stopped"', worker.log, re.DOTALL)
    began = time.monotonic()
    follower = site.begin("b")
    assert time.monotonic() - began < 30, "the group waited for one who had left it"
    right()
    assert follower.stop() == 0


def test_a_second_signal_ends_it_at_once(site: Site, server: RunningServer) -> None:
    worker = site.begin()
    worker.send(signal.SIGSTOP)
    worker.send(signal.SIGTERM)
    worker.send(signal.SIGINT)
    worker.send(signal.SIGCONT)
    assert worker.process.wait(20) in (0, 130)


def test_what_is_no_event_goes_to_the_dead_letters_and_the_rest_flows(site: Site, right: Right) -> None:
    """Guards ``Raw`` and ``judge``: no bytes of anybody stop the worker."""
    (tenant,) = unique("acme")
    good = stories([tenant], 60)
    one = good[0] | {"id": "binary"}
    attributes = [(f"ce_{name}", str(value).encode()) for name, value in one.items() if name != "data"]
    site.tell(good[:20])
    bad: list[bytes | None] = [b"{", b"\xff\xfe", b"", b"[]", b"null", b"1e999", b'{"specversion":"1.0"}', None]
    bad.append(b"{}" * MAX_EVENT_BYTES)
    wrong = [
        {"type": "deal.frozen", "id": "new"},
        {"tenant": "No Such Tenant!", "id": "wrong"},
        {"data": {}, "id": good[5]["id"]},
    ]
    bad += [json.dumps(one | each).encode() for each in wrong]
    site.put((value, tenant, []) for value in bad)
    site.put([(json.dumps(one["data"]).encode(), tenant, [*attributes, ("content-type", b"application/json")])])
    site.told[-1] = json.dumps(one).encode()
    site.tell(good[20:])
    worker = site.begin(BREAKER_EVENTS=10_000)

    right()

    with site.books() as (journal, _):
        assert sum(len(journal.letters(name)) for name in journal.tenants()) >= 10
    assert worker.process.poll() is None
    assert not any(line for line in worker.log.splitlines() if "specversion" in line or "deal.frozen" in line)
    assert worker.stop() == 0


def test_what_the_group_has_passed_and_no_journal_has_is_read(site: Site, right: Right) -> None:
    """Guards ``Inbox.begin`` and ``_aim``: Faust 0.15 commits over what is in flight; ``trust_the_group`` is caught."""
    site.tell(stories(unique("acme", "bolt"), 100))
    site.commit_everything()
    worker = site.begin()
    right()
    site.tell(stories(unique("crux"), 50))
    right()
    assert worker.stop() == 0


def test_what_is_in_the_journal_is_not_written_to_it_again(site: Site, right: Right) -> None:
    """Guards ``Inbox._not_passed``: after a rebalance Kafka gives again what was fed and not yet committed."""
    site.tell(stories(unique("acme", "bolt"), 50))
    site.put([(b"{", "acme", [])])
    worker = site.begin()
    right()
    assert worker.stop() == 0
    before = site.journal_records()
    site.commit_nothing()

    worker = site.begin()
    site.wait_until_committed()

    assert site.journal_records() == before > 0
    site.tell(stories(unique("crux"), 20))
    right()
    assert worker.stop() == 0


def test_a_mistake_of_ours_ends_it_with_a_sentence(site: Site) -> None:
    """Guards ``Worker._broken``: an agent of Faust that raises is started anew without a word."""
    site.tell(stories(unique("acme"), 5))
    worker = site.start(planted="crash")

    assert worker.process.wait(40) == 1

    assert "error that trying again does not help: ZeroDivisionError in post, planted.py:" in worker.log
    assert "what an event told" not in worker.log


@pytest.mark.parametrize("mistake", ["lose", "double"])
def test_the_equations_see_a_planted_mistake(site: Site, backends: Backends, mistake: str) -> None:
    site.tell(stories(unique("acme"), 40))
    site.begin(planted=mistake)
    site.settle()

    assert "the digest is that of the embedded pair" in str(site.wrong(backends.journal, backends.store))


def test_its_port_tells_how_it_is(site: Site, server: RunningServer) -> None:
    address = f"127.0.0.1:{free_port()}"
    worker = site.begin(WORKER_METRICS=address, WORKER_WITHIN_MS=20)
    site.tell(stories(unique("acme", "bolt"), 100))
    site.settle()

    assert listening(worker.process.pid) == [f"0100007F:{int(address.rpartition(':')[2]):04X}"]
    assert worker.page("/healthz") == (200, "fine\n")
    wait(lambda: worker.page("/readyz")[0] == 200, "the worker to be ready", 10)
    assert worker.page("/")[0] == 404
    assert worker.metric('salestream_events_total{outcome="accepted"}') == 200
    assert worker.metric('salestream_events_total{outcome="duplicate"}') == 40
    assert (
        worker.metric('salestream_events_total{outcome="applied"}')
        + worker.metric('salestream_events_total{outcome="parked"}')
        == 200
    )
    assert worker.metric("salestream_event_to_ledger_seconds_count") == 200
    wait(lambda: 'stage="journal"' in worker.page("/metrics")[1], "the lags to be measured", 10)
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=5):  # who says nothing
        assert worker.page("/healthz")[0] == 200
    assert worker.stop() == 0
