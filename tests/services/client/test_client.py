"""The client: what ``tell`` has returned from reaches the journal once, whatever happens on the way."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

import pytest

from events.base import Contact
from events.codec import InvalidEvent
from events.deals import DealWon
from events.leads import LeadCreated
from services.client.client import Client, Patience, Undelivered
from services.client.spool import Spool, SpoolError
from services.client.telling import Dated, cloud_event
from tests.services.client.stand_in import Reply, standing_in, taken
from tests.services.gateway.test_serve import until

AT = datetime(2026, 9, 21, 9, tzinfo=UTC)
QUICK = Patience(0.01, 0.05)


def won(number: int, amount: str = "1.00") -> DealWon:
    return DealWon(deal_id=f"D-{number}", amount=amount)


@contextmanager
def client(url: str, folder: Path, **more: Any) -> Iterator[Client]:
    """A client whose failures are over soon; what it has not told is nobody's affair in the end."""
    told: dict[str, Any] = {"source": "/shop", "spool": folder / "spool", "patience": QUICK, "linger_s": 0.01}
    made = Client(url, **(told | more))
    try:
        yield made
    finally:
        made.close(timeout_s=0)


def test_a_batch_is_full_or_has_waited(tmp_path: Path) -> None:
    with standing_in(taken) as there, client(there.url, tmp_path, batch_events=3, linger_s=0.1) as teller:
        start = monotonic()
        teller.tell_all(Dated(won(number), AT) for number in range(7))
        until(lambda: teller.waiting() == 0)

    assert [len(events) for _, events in there.asked] == [3, 3, 1]
    assert there.asked[2][0] - start >= 0.1


def test_an_id_is_made_of_the_content_and_of_nothing_else() -> None:
    first, body = cloud_event(Dated(won(1), AT), source="/shop")
    again, same = cloud_event(Dated(DealWon(deal_id="D-1", amount="1"), AT), source="/shop")
    other, _ = cloud_event(Dated(won(1, "1.01"), AT), source="/shop")
    later, _ = cloud_event(Dated(won(1), AT.replace(hour=10)), source="/shop")

    assert first.startswith("deal.won-")
    assert len({first, other, later}) == 3
    assert (again, body == same) == (first, False), "1 and 1.00 are one amount, whatever the currency"
    assert cloud_event(Dated(won(1), AT, "mine"), source="/shop")[0] == "mine"


def test_decimals_and_nested_fields_are_told_as_text() -> None:
    event = DealWon(deal_id="D-1", amount=Decimal("12.50"), currency="CNY")  # type: ignore[arg-type]
    _, body = cloud_event(Dated(event, AT), source="/shop", tenant="acme", extensions={"correlationid": "c-1"})
    _, lead = cloud_event(Dated(LeadCreated(lead_id="L", contact=Contact(email="a@example.com")), AT), source="/shop")

    assert b'"data":{"deal_id":"D-1","amount":"12.50","currency":"CNY"}' in body
    assert b'"tenant":"acme","correlationid":"c-1"' in body
    assert b'"data":{"lead_id":"L","contact":{"email":"a@example.com"}}' in lead


@pytest.mark.parametrize(
    ("event", "at", "sentence"),
    [
        (DealWon(deal_id="D", amount=1.5), AT, "digits would be lost"),  # type: ignore[arg-type]
        (DealWon(deal_id="D", amount="1.005", currency="CNY"), AT, "data.amount"),
        (won(1), AT.replace(tzinfo=None), "time is '2026-09-21T09:00:00'; allowed: RFC 3339 with an offset"),
        (won(1), AT.replace(year=2127), "more than 24 h in the future"),
    ],
    ids=["float", "decimals", "naive", "future"],
)
def test_what_is_no_event_is_refused_at_once(event: DealWon, at: datetime, sentence: str, tmp_path: Path) -> None:
    with standing_in(taken) as there, client(there.url, tmp_path) as teller:
        with pytest.raises(InvalidEvent, match=sentence):
            teller.tell(event, time=at)
        assert teller.waiting() == 0


def test_retry_after_is_kept_even_where_somebody_waits(tmp_path: Path) -> None:
    replies = iter([Reply(429, {"detail": "too fast"}, (("Retry-After", "1"),)), Reply(503), Reply(0)])
    with standing_in(lambda events: next(replies, None) or taken(events)) as there, client(there.url, tmp_path) as told:
        told.tell(won(1), time=AT)
        assert told.flush().accepted == 1

    times = [at for at, _ in there.asked]
    # A connection that was kept and is cut is opened anew at once, so the cut is seen as one failure at most.
    assert len(times) == 4
    assert times[1] - times[0] >= 1
    assert times[3] - times[1] < 1


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Reply(401, {"type": "urn:salestream:problem:unauthorized", "detail": "a key is needed"}), "a key is needed"),
        (Reply(404, b"<html>not here</html>"), "HTTP 404"),
        (Reply(400, b"<html>a proxy's opinion</html>"), "HTTP 400"),
        (Reply(200, {"results": []}), "HTTP 200"),
        (Reply(301, b"", (("Location", "https://elsewhere"),)), "HTTP 301"),
        (Reply(202, b"hello"), "none of a gateway"),
        (Reply(202, {"results": []}), "about 0 events"),
        (Reply(500, {"detail": "ours"}), "ours"),
    ],
    ids=["key", "path", "proxy", "portal", "redirect", "garbage", "short", "mistake"],
)
def test_what_is_not_told_waits_and_says_why(reply: Reply, problem: str, tmp_path: Path) -> None:
    with standing_in(lambda events: reply) as there, client(there.url, tmp_path) as teller:
        teller.tell(won(1), time=AT)
        with pytest.raises(Undelivered, match=f"^1 events wait in the spool and are told later: .*{problem}"):
            teller.flush(timeout_s=0.3)
        there.answering = taken
        assert teller.flush(timeout_s=10).accepted == 1
        assert teller.problem is None


def test_what_flush_sees_judged_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle = Spool.settle

    def slowly(spool: Spool, *settled: Any) -> None:
        settle(spool, *settled)
        sleep(0.2)

    monkeypatch.setattr(Spool, "settle", slowly)
    with standing_in(taken) as there, client(there.url, tmp_path) as teller:
        teller.tell(won(1), time=AT)
        until(lambda: teller.waiting() == 0)
        assert teller.flush().accepted == 1


def test_a_batch_that_is_refused_as_a_whole_is_told_in_parts(tmp_path: Path) -> None:
    ours = {"type": "urn:salestream:problem:content-too-large", "detail": "the body is too long", "field": "event"}

    def answering(events: list[dict[str, Any]]) -> Reply:
        is_bad = any(event["data"]["deal_id"] == "D-3" for event in events)
        return Reply(413, ours) if is_bad else taken(events)

    with standing_in(answering) as there, client(there.url, tmp_path) as teller:
        teller.tell_all(Dated(won(number), AT) for number in range(5))
        done = teller.flush()

    assert (done.accepted, len(done.refused)) == (4, 1)
    assert done.refused[0][2:4] == ("the body is too long (HTTP 413)", "event")


def test_refused_events_are_given_back_also_to_the_next_run_until_they_are_forgotten(tmp_path: Path) -> None:
    refusal = {"status": "conflict", "reason": "id was told before with other content", "field": "id"}
    with standing_in(lambda events: Reply(202, {"results": [refusal] * len(events)})) as there:
        with client(there.url, tmp_path) as teller:
            ids = [teller.tell(won(number), time=AT) for number in range(3)]
            assert [each.id for each in teller.flush().refused] == ids
            assert teller.flush().refused == ()
        with client(there.url, tmp_path) as teller:
            assert [(each.id, each.reason) for each in teller.flush().refused] == [
                (id_, refusal["reason"]) for id_ in ids
            ]
            teller.forget(teller.refused()[:1])
            there.answering = taken
            teller.retry(teller.refused()[:1])
            assert teller.flush().accepted == 1
            assert [each.id for each in teller.refused()] == ids[2:]
        assert [event["id"] for event in there.asked[-1][1]] == ids[1:2]


def test_a_full_spool_takes_all_or_nothing(tmp_path: Path) -> None:
    with client("http://127.0.0.1:1", tmp_path, most_waiting=10) as teller:
        teller.tell_all(Dated(won(number), AT) for number in range(8))
        with pytest.raises(SpoolError, match="is full, and nothing of this was taken; allowed: 10 waiting events"):
            teller.tell_all(Dated(won(number), AT) for number in range(8, 11))
        assert teller.waiting() == 8


def test_a_spool_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "spool").write_bytes(b"this is no database" * 100)
    with pytest.raises(SpoolError, match="cannot be used: file is not a database; allowed"):
        Client("http://127.0.0.1:1", source="/shop", spool=tmp_path / "spool")


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://host", "http://", "http://me:secret@host"])
def test_an_address_that_is_none_is_a_sentence(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is no address of a gateway; allowed: http://host:port"):
        Client(url, source="/shop", spool=tmp_path / "spool")


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_and_nothing_invented_however_bad_the_network(seed: int, tmp_path: Path) -> None:
    chance, journal = random.Random(seed), dict[str, int]()

    def answering(events: list[dict[str, Any]]) -> Reply:
        """Takes, refuses, or fails before or after it has taken."""
        fate = chance.random()
        if fate < 0.2:
            return Reply(chance.choice([0, 429, 500, 503]))
        results = []
        for event in events:
            if event["data"]["deal_id"].endswith("7"):
                results.append({"status": "invalid", "reason": "seven is refused"})
                continue
            results.append({"status": "duplicate" if event["id"] in journal else "accepted"})
            journal[event["id"]] = journal.get(event["id"], 0) + (event["id"] not in journal)
        return Reply(0) if fate < 0.4 else Reply(202, {"results": results})

    told: list[str] = []
    with (
        standing_in(answering) as there,
        client(there.url, tmp_path, batch_events=7, patience=Patience(0, 0)) as teller,
    ):

        def tell(start: int) -> None:
            told.extend(teller.tell(won(number), time=AT) for number in range(start, start + 25))

        threads = [Thread(target=tell, args=(start,)) for start in (0, 100, 200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done = teller.flush()
        assert teller.waiting() == 0

    refused = {each.id for each in done.refused}
    assert len(refused) == sum(
        str(number).endswith("7") for start in (0, 100, 200) for number in range(start, start + 25)
    )
    assert sorted(told) == sorted(refused | journal.keys())
    assert set(journal.values()) == {1}
