"""What is too much, too slow or meant to harm: refused in bounds, with a sentence, and nothing of ours in it."""

import gzip
import json
import logging
import random
import re
import socket
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from events.envelope import MAX_BATCH_BYTES, MAX_EVENT_BYTES
from services.gateway import body as bodies
from services.gateway import server
from services.gateway.body import inflate
from services.gateway.logs import OneLine
from services.gateway.problems import Problem
from tests.services.gateway.conftest import BATCH, STRUCTURED, House, Teller, event, serving

GZIP = {"content-encoding": "gzip"}


@pytest.fixture
def strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A gateway with little patience."""
    monkeypatch.setattr(server, "PATIENCE_S", 0.4)
    with serving(tmp_path / "strict", body_timeout_s=1, rate_events_per_s=10) as house:
        yield house


# Too much.


def test_gzip_is_understood(teller: Teller) -> None:
    assert teller.tell(gzip.compress(json.dumps(event()).encode()), STRUCTURED | GZIP).status_code == 202
    batch = json.dumps([event(f"b-{n}") for n in range(1000)]).encode()
    assert teller.tell(gzip.compress(batch, mtime=0), BATCH | GZIP).json()["accepted"] == 1000


@pytest.mark.parametrize("headers", [STRUCTURED, BATCH, STRUCTURED | {"ce-id": "1"}])
def test_a_gzip_bomb_is_not_unpacked(teller: Teller, headers: dict[str, str]) -> None:
    bomb = gzip.compress(b" " * 200_000_000, mtime=0)
    answer = teller.tell(bomb, headers | GZIP)

    assert answer.status_code == 413
    assert teller.tell(event()).status_code == 202


def test_unpacking_takes_no_more_memory_than_is_allowed() -> None:
    bomb = gzip.compress(b" " * 100_000_000, mtime=0)
    tracemalloc.start()
    try:
        with pytest.raises(Problem, match=r"at most 8388608 bytes|more than 100 times"):
            inflate(bomb, MAX_BATCH_BYTES)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * MAX_BATCH_BYTES


def test_a_ratio_that_no_events_have_is_refused_below_the_limit_too() -> None:
    with pytest.raises(Problem, match="more than 100 times its length"):
        inflate(gzip.compress(b" " * 1_000_000, mtime=0), MAX_BATCH_BYTES)


@pytest.mark.parametrize(
    ("packed", "says"),
    [
        (b"no gzip", "is no gzip"),
        (gzip.compress(b"{}", mtime=0)[:-4], "not one whole gzip stream"),
        (gzip.compress(b"{}", mtime=0) * 2, "not one whole gzip stream"),
        (zlib.compress(b"{}"), "is no gzip"),
        (b"", "not one whole gzip stream"),
    ],
)
def test_a_damaged_gzip_is_refused(teller: Teller, packed: bytes, says: str) -> None:
    answer = teller.tell(packed, STRUCTURED | GZIP)

    assert (answer.status_code, says in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "gzip, identity", "zstd"])
def test_another_encoding_is_told_which_is_understood(teller: Teller, encoding: str) -> None:
    answer = teller.tell(event(), STRUCTURED | {"content-encoding": encoding})

    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "gzip")


def test_a_single_event_may_be_so_long_and_no_longer(teller: Teller) -> None:
    told = json.dumps(event()).encode()
    assert teller.tell(told[:-1] + b" " * (MAX_EVENT_BYTES - len(told)) + b"}").status_code == 202
    answer = teller.tell(told[:-1] + b" " * (MAX_EVENT_BYTES - len(told) + 1) + b"}")

    assert (answer.status_code, answer.json()["limit"]) == (413, MAX_EVENT_BYTES)


def test_a_long_event_in_a_batch_is_refused_alone(teller: Teller) -> None:
    told = teller.batch(event("a"), event("b", note="x" * MAX_EVENT_BYTES), event("c")).json()

    assert [each["status"] for each in told["results"]] == ["accepted", "invalid", "accepted"]
    assert f"allowed: at most {MAX_EVENT_BYTES} bytes" in told["results"][1]["reason"]


def test_a_batch_may_have_so_many_events_and_bytes(teller: Teller) -> None:
    many = teller.batch(*([1] * 1001))
    assert (many.status_code, many.json()["limit"]) == (413, 1000)
    long = teller.tell(b"[" + b" " * MAX_BATCH_BYTES + b"]", BATCH)
    assert (long.status_code, long.json()["limit"]) == (413, MAX_BATCH_BYTES)
    assert teller.house.journal.tally(teller.tenant).told == 0


def test_a_body_that_does_not_say_its_length_is_cut_off_too(teller: Teller) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 10_000

    answer = teller.http.post("/events", content=endless(), headers=STRUCTURED)
    assert answer.status_code == 413


def test_memory_for_bodies_is_bounded(teller: Teller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_HELD", 100)
    answer = teller.tell(event())

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    monkeypatch.undo()
    assert teller.tell(event()).status_code == 202


def test_who_tells_too_fast_is_told_when_to_come_again(strict: House) -> None:
    with strict.teller() as fast, strict.teller() as calm:
        answers = [fast.batch(*(event(f"{part}-{n}") for n in range(15))) for part in range(3)]
        assert [answer.status_code for answer in answers] == [202, 202, 429]
        refused = answers[-1]
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["type"] == "urn:salestream:problem:too-many-requests"
        assert calm.tell(event()).status_code == 202, "each key has a bucket of its own"
        time.sleep(int(refused.headers["retry-after"]) + 0.1)
        assert fast.tell(event("later")).status_code == 202


# Too slow.


def until_closed(there: socket.socket) -> tuple[bytes, float]:
    """What comes until the connection is closed, and after how many seconds that was."""
    start, got = time.monotonic(), b""
    there.settimeout(10)
    while part := there.recv(65536):
        got += part
    return got, time.monotonic() - start


def test_a_slow_body_is_given_up(strict: House) -> None:
    _, token = strict.key()
    head = (
        f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/cloudevents+json\r\nContent-Length: 100\r\n\r\n{"
    )
    with socket.create_connection(("127.0.0.1", strict.port)) as there:
        there.sendall(head.encode())
        got, seconds = until_closed(there)

    assert got.startswith(b"HTTP/1.1 408")
    assert seconds < 4


@pytest.mark.parametrize("sent", [b"", b"G", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_head_that_does_not_come_is_given_up(strict: House, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", strict.port)) as there:
        there.sendall(sent)
        got, seconds = until_closed(there)

    assert (got, seconds < 4) == (b"", True)


def test_a_slow_head_on_a_used_connection_is_given_up_too(strict: House) -> None:
    with socket.create_connection(("127.0.0.1", strict.port)) as there:
        there.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert there.recv(65536).startswith(b"HTTP/1.1 200")
        there.sendall(b"GET /healthz HT")
        assert until_closed(there)[1] < 4


def test_a_patient_answer_is_not_given_up(strict: House) -> None:
    _, token = strict.key()
    body = json.dumps(event()).encode()
    head = (
        f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
        f"Content-Type: application/cloudevents+json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", strict.port)) as there:
        there.sendall(head.encode() + body[:5])
        time.sleep(0.6)  # longer than a head may take, shorter than a body may
        there.sendall(body[5:])
        assert until_closed(there)[0].startswith(b"HTTP/1.1 202")


# Meant to harm.


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    give_up_at = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_a_head_that_is_too_long_is_refused(house: House) -> None:
    answer = house.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 70_000)

    assert re.match(rb"HTTP/1.1 (400|431)", answer)


def binary(house: House, *lines: str) -> bytes:
    """What comes back for a binary event with these headers beside those it needs."""
    _, token = house.key()
    body = json.dumps(event()["data"])
    head = [
        *("POST /events HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", "Connection: close"),
        *("Content-Type: application/json", f"Content-Length: {len(body)}", "ce-specversion: 1.0", "ce-source: /crm"),
        *("ce-type: deal.won", "ce-time: 2026-09-21T09:00:00Z", *lines),
    ]
    return house.raw("\r\n".join([*head, "", body]).encode("latin-1"))


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["ce-id: 1"], 202),
        (["ce-id: 1", "ce-id: 2"], 400),
        (["ce-id: 1", "CE-Id: 1"], 400),
        (["ce-id: 1\nce-tenant: other"], 422),
        (["ce-id: 1\r\n folded"], 202),
        (["ce-id: 1\0"], 400),
        (["ce-id : 1"], 400),
        (["ce-id: 1%0D%0Ace-tenant: other"], 422),
        (["ce-id: 1", "ce-recordedtime: 1999-01-01T00:00:00Z"], 202),
        (["ce-id: 1", "ce-: x"], 422),
        (["ce-id: 1", "ce-not-a-name: x"], 422),
        (["ce-id: 1", "Content-Length: 5"], 400),
        (["ce-id: 1", "Transfer-Encoding: chunked"], 400),
        (["ce-id: 1", "Content-Type: text/plain"], 400),
    ],
)
def test_tricks_with_headers(house: House, lines: list[str], status: int) -> None:
    answer = binary(house, *lines)

    assert answer.startswith(f"HTTP/1.1 {status}".encode()), answer
    assert house.journal.tally("other").told == 0


def test_a_recorded_time_is_not_taken_from_those_who_tell(teller: Teller) -> None:
    teller.tell(event() | {"recordedtime": "1999-01-01T00:00:00Z"})

    (entry,) = teller.house.journal.read(teller.tenant, 0, 9)
    assert entry.recorded_ms > 1_700_000_000_000


SQL = [
    "'; DROP TABLE entries; --",
    "1); DELETE FROM tenants; --",
    '" OR ""="',
    "{tenant:String}",
    "%(tenant)s",
    "?1",
    "\\'; SELECT file('/etc/passwd')",
    "../../../../etc/passwd",
    "=cmd|'/c calc'!A1",
]


@pytest.mark.parametrize("bad", SQL)
def test_statements_in_names_are_names(teller: Teller, bad: str) -> None:
    answer = teller.tell(event(bad, source=bad, deal_id=bad, rep_id=bad))

    assert answer.status_code == 202
    (entry,) = teller.house.journal.read(teller.tenant, 0, 9)
    assert (entry.id, entry.source, entry.subject) == (bad, bad, bad)
    assert teller.house.journal.find(teller.tenant, bad, bad) == entry


@pytest.mark.parametrize("bad", SQL)
def test_statements_elsewhere_find_nothing(house: House, bad: str) -> None:
    with httpx.Client(base_url=house.url, trust_env=False) as http:
        assert http.get(f"/schemas/{bad}/1.json").status_code in (404,)
        assert http.get("/healthz", params={bad: bad}).status_code == 200
        assert http.get("/metrics", headers={"authorization": f"Bearer {bad}"}).status_code == 401


@pytest.mark.parametrize(
    "target",
    [
        *("/../etc/passwd", "/schemas/../../etc/passwd", "/schemas/..%2f..%2fsettings/1.json", "//events", "/%2e%2e/"),
        *("/schemas/deal.won/%00.json", "/schemas/deal.won/2.json", "/static/../events", "/docs%00", "/events%2f"),
    ],
)
def test_tricks_with_paths_find_nothing(house: House, target: str) -> None:
    answer = house.raw(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())

    assert re.match(rb"HTTP/1.1 (400|404|405)", answer), answer
    assert b"root:" not in answer


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"])
def test_another_method_is_told_which_is_allowed(house: House, method: str) -> None:
    with httpx.Client(base_url=house.url, trust_env=False) as http:
        answer = http.request(method, "/events")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/nothing"])
def test_the_head_is_that_of_get_without_the_body(house: House, path: str) -> None:
    with httpx.Client(base_url=house.url, trust_env=False) as http:
        whole = http.get(path)
    told = house.raw(f"HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, _, body = told.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 %d " % whole.status_code), head
    assert b"content-length: %d" % len(whole.content) in head.lower()
    assert body == b""


def test_what_never_ends_has_no_head(house: House) -> None:
    with httpx.Client(base_url=house.url, trust_env=False) as http:
        assert (http.head("/api/stream").status_code, http.head("/api/stream").headers["allow"]) == (405, "GET")
        assert http.post("/healthz").headers["allow"] == "GET, HEAD"


def test_nothing_of_ours_is_in_an_answer(teller: Teller) -> None:
    """Whatever is sent, drawn by chance but the same each time."""
    dice = random.Random(7)
    whole = json.dumps(event()).encode()
    for _ in range(120):
        body = bytearray(whole)
        for _ in range(dice.randrange(1, 6)):
            body[dice.randrange(len(body))] = dice.randrange(256)
        media = dice.choice([STRUCTURED, BATCH, {"content-type": "application/json", "ce-id": "%E4%F6"}])
        answer = teller.tell(bytes(body), media)
        assert answer.status_code < 500, body
        assert not re.search(r"Traceback|File \"|/services/|site-packages|sqlite", answer.text)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers


def test_a_mistake_of_ours_says_nothing_about_itself(
    teller: Teller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object, **more: object) -> None:
        raise AssertionError("what only we may know")

    monkeypatch.setattr("services.ingest.Ingest.tell_together", broken)
    answer = teller.tell(event())

    assert (answer.status_code, answer.json()["type"]) == (500, "urn:salestream:problem:internal-error")
    assert "only we may know" not in answer.text
    until(lambda: "only we may know" in caplog.text)
    monkeypatch.undo()
    assert teller.tell(event()).status_code == 202


def test_one_event_that_brings_out_a_mistake_of_ours_does_not_harm_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from services.ingest import Ingest, Outcome, Telling

    real = Ingest.tell_together

    def picky(self: Ingest, tellings: list[Telling], *, now_ms: int) -> list[list[Outcome]]:
        time.sleep(0.02)
        assert not any(b"poison" in bytes(each) for telling in tellings for each in telling.events)  # type: ignore[arg-type]
        return real(self, tellings, now_ms=now_ms)

    monkeypatch.setattr(Ingest, "tell_together", picky)
    with house.teller() as teller, ThreadPoolExecutor(8) as threads:
        told = [event("poison" if n == 5 else f"fine-{n}") for n in range(16)]
        answers = list(threads.map(teller.tell, told))

        assert [answer.status_code for answer in answers] == [500 if n == 5 else 202 for n in range(16)]
        assert len(teller.ids()) == 15


def test_nobodys_data_makes_a_line_of_the_log() -> None:
    record = logging.LogRecord(
        "x", logging.WARNING, "x", 1, "refused %s", ("a\r\n2026 ERROR forged\x1b[2J\u2028",), None
    )

    line = OneLine().format(record)
    assert line.isprintable()
    assert "forged" in line


def test_a_traceback_in_the_log_is_set_in() -> None:
    try:
        raise ValueError("one\n2026 ERROR forged")
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "x", 1, "failed", (), info)

    head, *rest = OneLine().format(record).splitlines()
    assert head.endswith("ERROR failed")
    assert rest
    assert all(line.startswith("  | ") for line in rest)


def test_ids_never_reach_a_line_of_the_log_as_they_are(teller: Teller, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "services")
    teller.tell(event("x\nforged line"))
    teller.tell(event() | {"type": "x\r\nforged"})
    teller.http.post("/events", headers={"authorization": "Bearer forged\tkey"})

    assert "forged" not in caplog.text
