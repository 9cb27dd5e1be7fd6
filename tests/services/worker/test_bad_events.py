"""When nearly everything is bad: the breaker, and the dead letters beside running workers."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import msgspec

from events.codec import decode
from events.deals import DealWon
from events.envelope import Told
from events.samples import sample, told
from tests.oracle.real_path import NOW_MS
from tests.services.worker.harness import EXECUTABLE, Site, free_port, stories, unique, wait

Right = Callable[..., None]


def run(site: Site, *args: str) -> tuple[int, Any]:
    """A command of ours beside the workers, with a data folder of its own."""
    command = [str(EXECUTABLE), *args, "--json"]
    done = subprocess.run(command, env=site.env("cli"), capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == "", done.stderr
    return done.returncode, json.loads(done.stdout)


def newer(tenant: str, number: int) -> Told:
    """An event of a type that only a newer version knows."""
    event = told(sample(DealWon, deal_id=f"N-{number}"), id=f"newer-{number}") | {"tenant": tenant}
    plain = decode(event, now_ms=NOW_MS, currency="CNY")
    body = plain.body.replace(b"urn:salestream:deal.won:1", b"urn:salestream:deal.frozen:1")
    return msgspec.structs.replace(plain, type="deal.frozen", body=body.replace(b"deal.won", b"deal.frozen"))


def test_when_nearly_everything_is_refused_it_stops_and_says_so(site: Site, right: Right) -> None:
    """Guards ``Breaker``: a topic full of what we cannot read is not emptied into the dead letters."""
    (tenant,) = unique("acme")
    events = stories([tenant], 100)
    site.tell(events[:20])
    site.put((b"{", tenant, []) for _ in range(500))
    site.tell(events[20:])
    port = f"127.0.0.1:{free_port()}"
    worker = site.begin(BREAKER_EVENTS=50, BREAKER_PAUSE_S=3, WORKER_BATCH=20, WORKER_METRICS=port)
    worker.says('"trouble": "breaker"')

    wait(lambda: worker.metric('salestream_breaker_open{stage="inbox"}') == 1, "the metric", 10)
    assert "the breaker of the inbox is open" in worker.page("/readyz")[1]
    assert worker.page("/healthz")[0] == 200
    refused = worker.metric('salestream_events_total{outcome="refused"}')
    assert 30 <= refused < 80
    wait(lambda: worker.metric('salestream_events_total{outcome="refused"}') > refused, "a batch to be tried", 10)
    assert worker.metric('salestream_events_total{outcome="refused"}') < 140
    assert worker.stop() == 0

    site.begin(BREAKER_PERCENT=0)
    right()


def test_when_nearly_everything_is_parked_it_stops_and_the_books_stay_as_they_are(site: Site) -> None:
    """Guards ``_Watched``: an old version does not park the whole journal of a new one."""
    (tenant,) = unique("acme")
    with site.books() as (journal, _):
        for start in range(0, 200, 50):
            journal.append([newer(tenant, start + number) for number in range(50)], now_ms=0)
    worker = site.begin(BREAKER_EVENTS=50, BREAKER_PAUSE_S=600)
    worker.says('"stage": "journal", "trouble": "breaker"')

    with site.books() as (_, store):
        assert (store.checkpoint(tenant).position, store.parked(tenant)) == (0, [])
    assert worker.stop() == 0
    site.begin(BREAKER_PERCENT=0)
    wait(lambda: site.positions() == {tenant: 200}, "the events to be parked", 30)


def test_dead_letters_are_looked_after_beside_running_workers(site: Site, right: Right) -> None:
    """Guards ``FENCED_S``: a retry takes the tenant over for a moment, and its worker takes it back."""
    (tenant,) = unique("acme")
    events = stories([tenant], 60)
    site.put([(b"{", tenant, [])])
    site.tell(event | {"type": "deal.wonn"} for event in events[:1])
    site.tell(events[:40])
    worker = site.begin()
    site.settle()
    with site.books() as (journal, _):
        journal.append([newer(tenant, 1)], now_ms=0)
    wait(lambda: len(parked(site, tenant)) == 1, "the event to be parked", 20)

    code, listed = run(site, "dead-letters", "list", "--tenant", tenant)
    assert (code, len(listed["refused"]), len(listed["parked"])) == (0, 1, 1)
    assert "trouble" not in worker.log, "looking disturbs nobody"
    code, retried = run(site, "dead-letters", "retry", "all", "--tenant", tenant)
    assert (code, retried["posted"], retried["parked"], len(retried["refused"])) == (3, 0, 1, 1)
    assert run(site, "dead-letters", "discard", "1", "--tenant", tenant) == (0, {"discarded": 1})
    code, status = run(site, "status")
    assert (code, [each["inbox_lag"] for each in status["partitions"]]) == (0, [0, 0, 0])
    assert status["strangers"] == {"inbox": 1, "journal": 0}

    site.tell(events[40:])
    worker.says('"trouble": "fenced"')
    worker.says('"after": "fenced"')
    site.settle()
    with site.books() as (journal, store):
        assert store.checkpoint(tenant).position == journal.head(tenant).position
    assert run(site, "status")[1]["tenants"][-1]["laws_hold"]
    assert worker.stop() == 0


def parked(site: Site, tenant: str) -> list[Any]:
    """The events of a tenant that wait."""
    with site.books() as (_, store):
        return store.parked(tenant)
