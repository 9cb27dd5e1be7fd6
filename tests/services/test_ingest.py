"""Everything told has one outcome, and the journal depends on what was told alone, not on how it was cut."""

import io
import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events import samples
from events.base import SalesEvent
from events.deals import DealLost, DealWon
from events.envelope import MAX_EVENT_BYTES, to_text
from events.planning import CalendarDefined
from events.samples import sample
from services.ingest import BatchReport, Ingest, Outcome, Raw, RefusedLine, lines_of
from services.journal.port import Journal, Tally
from services.journal.sqlite import SqliteJournal
from tests.services.journal.telling import NOW_MS, everything, ids
from tests.services.pipes import Drops, Endless

FRESH = count()


@dataclass
class Door:
    """An ingest and its journal."""

    journal: Journal
    ingest: Ingest

    def tell(self, *events: Raw, **terms: Any) -> list[Outcome]:
        """One batch."""
        return self.ingest.tell(events, now_ms=NOW_MS, **terms)

    def lines(self, text: bytes, **terms: Any) -> list[BatchReport]:
        """A file."""
        return list(self.ingest.ingest_lines(lines_of(io.BytesIO(text)), now=lambda: NOW_MS, **terms))

    def data(self, tenant: str = "default") -> dict[str, Any]:
        """Id to data of all entries."""
        return {entry.id: json.loads(entry.body)["data"] for entry in everything(self.journal, tenant)}


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with SqliteJournal(tmp_path / "journal.db") as journal:
        yield Door(journal, Ingest(journal, "CNY"))


def event(id_: str, fact: SalesEvent | None = None, **attributes: Any) -> dict[str, Any]:
    """A structured CloudEvent."""
    return samples.told(fact or sample(DealLost), id=id_) | attributes


def won(id_: str, amount: str = "12.5", **attributes: Any) -> dict[str, Any]:
    """A win that names no currency."""
    told = event(id_, sample(DealWon), **attributes)
    return told | {"data": {"deal_id": "D-1", "amount": amount}}


def calendar(id_: str, currency: str | None, time: str = samples.TIME, **attributes: Any) -> dict[str, Any]:
    """A calendar that may name a currency."""
    return event(id_, sample(CalendarDefined, currency=currency), time=time, **attributes)


def line(told: dict[str, Any]) -> bytes:
    """An event as a line of a file."""
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"


def test_a_file_is_taken_line_by_line(door: Door) -> None:
    text = line(event("1")) + b"\n  \r\n" + line(event("2")).replace(b"\n", b"\r\n") + line(event("1"))

    (report,) = door.lines(text)

    assert report == BatchReport(accepted=2, duplicates=1, refused=[], position=2)
    assert ids(door.journal) == ["1", "2"]


def test_the_last_line_needs_no_end(door: Door) -> None:
    assert [r.accepted for r in door.lines(line(event("1")).rstrip())] == [1]


def test_an_empty_file_has_no_report(door: Door) -> None:
    assert door.lines(b"") == []
    assert door.lines(b"\n\n  \n") == []


def test_what_is_refused_is_reported_by_line_and_kept(door: Door) -> None:
    bad = b'{"id": "2", "source": "/crm/demo", "specversion": "1.0"}\n'

    (report,) = door.lines(line(event("1")) + b"\nnot json\n" + bad, origin="deals.jsonl")

    assert (report.accepted, report.position) == (1, 1)
    assert [(r.line, r.id) for r in report.refused] == [(3, None), (4, "2")]
    assert "event is not JSON" in report.refused[0].reason
    assert report.refused[1].reason.startswith("type is missing; allowed: ")
    letters = door.journal.letters("default")
    assert [letter.body for letter in letters] == [b"not json", bad.rstrip()]
    assert [letter.origin for letter in letters] == ["deals.jsonl:3", "deals.jsonl:4"]
    assert [letter.field for letter in letters] == ["event", "type"]
    assert (letters[1].source, letters[1].id) == ("/crm/demo", "2")
    assert door.journal.tally("default") == Tally(told=3, accepted=1, duplicates=0, refused=2)


def test_a_conflict_is_reported_with_its_identity(door: Door) -> None:
    told = [event("1", sample(DealLost, reason=reason)) for reason in ("price", "timing")]

    (report,) = door.lines(b"".join(map(line, told)))

    assert (report.accepted, report.duplicates, report.position) == (1, 0, 1)
    (refused,) = report.refused
    assert refused == RefusedLine(2, "1", door.journal.letters("default")[0].reason)
    assert refused.reason.startswith("id '1' of source '/crm/demo' was told before with other content, at position 1")


def test_a_batch_has_an_outcome_for_each_event(door: Door) -> None:
    outcomes = door.tell(
        event("1"), line(event("1")), event("1", sample(DealLost, reason="x")), event("2", time="x"), {}, b"[]"
    )

    assert [outcome.line for outcome in outcomes] == [1, 2, 3, 4, 5, 6]
    assert [outcome.status for outcome in outcomes] == [
        "accepted",
        "duplicate",
        "conflict",
        "invalid",
        "invalid",
        "invalid",
    ]
    assert [outcome.position for outcome in outcomes] == [1, 1, 1, None, None, None]
    assert [outcome.id for outcome in outcomes] == ["1", "1", "1", "2", None, None]
    assert [outcome.field for outcome in outcomes] == [None, None, "id", "time", "specversion", "event"]
    assert all((outcome.reason is None) == (outcome.status in ("accepted", "duplicate")) for outcome in outcomes)


def test_dicts_are_taken_as_they_are_and_stay_so(door: Door) -> None:
    told = event("1")
    del told["tenant"]
    before = json.dumps(told)

    reports = list(door.ingest.ingest_dicts([told, event("2"), event("3")], now=lambda: NOW_MS, batch=2))

    assert [(report.accepted, report.position) for report in reports] == [(2, 2), (1, 3)]
    assert json.dumps(told) == before


class TestTenants:
    """Whose event it is."""

    def test_an_event_names_its_tenant_or_is_the_default_ones(self, door: Door) -> None:
        door.tell(event("1", tenant="acme"), event("2", tenant=None), event("3") | {"tenant": "default"})

        assert ids(door.journal, "acme") == ["1"]
        assert ids(door.journal, "default") == ["2", "3"]

    def test_at_the_door_of_a_tenant_all_is_theirs(self, door: Door) -> None:
        unnamed = event("2")
        del unnamed["tenant"]

        outcomes = door.tell(event("1", tenant="acme"), unnamed, event("3", tenant="globex"), b"{", tenant="acme")

        assert [outcome.status for outcome in outcomes] == ["accepted", "accepted", "invalid", "invalid"]
        assert outcomes[2].reason == "tenant is another's; allowed: acme, or absent"
        assert door.journal.tenants() == ["acme"]
        assert door.journal.tally("acme") == Tally(told=4, accepted=2, duplicates=0, refused=2)

    @pytest.mark.parametrize("tenant", ["", "A", "x" * 65, 5, [], {}, True, "acme\n"])
    def test_a_tenant_that_cannot_be_is_refused(self, door: Door, tenant: Any) -> None:
        (outcome,) = door.tell(event("1", tenant=tenant))

        assert (outcome.status, outcome.field) == ("invalid", "tenant")
        assert door.journal.tenants() == ["default"]

    def test_what_is_refused_is_counted_with_its_tenant(self, door: Door) -> None:
        door.tell(event("1", tenant="acme", time="x"))

        assert door.journal.tally("acme").refused == 1


class TestRecordedTime:
    """An importer brings its own."""

    def test_an_importer_is_believed(self, door: Door) -> None:
        door.lines(line(event("1", recordedtime=to_text(NOW_MS - 5000))))

        assert door.journal.head("default").recorded_ms == NOW_MS - 5000

    def test_nobody_else_is(self, door: Door) -> None:
        door.tell(event("1", recordedtime=to_text(NOW_MS - 5000)))

        assert door.journal.head("default").recorded_ms == NOW_MS


class TestTooLong:
    """A line may be longer than memory."""

    def test_it_is_refused_and_the_next_line_is_not(self, door: Door) -> None:
        fits = line(event("1", sample(DealLost))).replace(b"\n", b" ").ljust(MAX_EVENT_BYTES)
        text = fits + b"\r\n" + b" " + fits + b"\n" + line(event("2"))

        (report,) = door.lines(text)

        assert report.accepted == 2
        assert report.refused == [RefusedLine(2, None, f"event is too long; allowed: at most {MAX_EVENT_BYTES} bytes")]
        (letter,) = door.journal.letters("default")
        assert letter.body == (b" " + fits)[:MAX_EVENT_BYTES]

    @pytest.mark.parametrize("filling", [b" ", b"\r", b"x", b"\x00"])
    def test_what_follows_in_a_long_line_is_not_overlooked(self, door: Door, filling: bytes) -> None:
        text = line(event("1")).rstrip() + filling * 70_000 + line(event("2")) + filling * 70_000 + b"!\n"

        (report,) = door.lines(text)

        assert [(r.line, r.reason.split(";")[0]) for r in report.refused] == [
            (1, "event is too long"),
            (2, "event is too long"),
        ]
        assert report.accepted == 0

    def test_it_is_never_in_memory(self, door: Door) -> None:
        tracemalloc.start()
        (report,) = door.ingest.ingest_lines(
            lines_of(io.BufferedReader(Endless(200_000_000, line(event("1"))))), now=lambda: NOW_MS
        )
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert (report.accepted, len(report.refused)) == (1, 1)
        assert peak < 8_000_000

    def test_a_dict_can_be_too_long_too(self, door: Door) -> None:
        long = event("1") | {f"ext{n}": "x" * 200 for n in range(400)}

        (outcome,) = door.tell(long)

        assert outcome.reason == f"event is too long; allowed: at most {MAX_EVENT_BYTES} bytes"

    @given(
        lengths=st.lists(st.sampled_from([0, 1, 2, *range(MAX_EVENT_BYTES - 2, MAX_EVENT_BYTES + 5), 200_000])),
        end=st.sampled_from([b"\n", b"\r\n"]),
        last=st.sampled_from([b"", b"\n", b"a", b"\r"]),
    )
    def test_no_line_is_lost_or_split(self, lengths: list[int], end: bytes, last: bytes) -> None:
        text = b"".join(b"x" * length + end for length in lengths) + last
        lines = io.BytesIO(text).readlines()

        found = list(lines_of(io.BytesIO(text)))

        assert len(found) == len(lines)
        for line_found, whole in zip(found, lines, strict=True):
            assert line_found is not None
            assert whole.startswith(line_found)
            assert line_found == whole.removesuffix(b"\n") or len(line_found.rstrip()) > MAX_EVENT_BYTES

    def test_what_is_told_before_a_pause_does_not_wait(self, door: Door) -> None:
        pauses = iter([True, False, True])
        text = io.BufferedReader(Drops(line(event("1")), line(event("2")) * 2, line(event("3"))))

        reports = door.ingest.ingest_lines(lines_of(text, lambda: next(pauses)), now=lambda: NOW_MS)

        assert [(report.accepted, report.duplicates) for report in reports] == [(1, 0), (2, 1)]

    def test_a_byte_order_mark_is_no_content(self, door: Door) -> None:
        (report,) = door.lines(b"\xef\xbb\xbf" + line(event("1")) + line(event("2")))

        assert report.accepted == 2


class TestCurrency:
    """Amounts that name no currency are in the tenant's."""

    def test_it_is_the_default_until_a_calendar_names_one(self, door: Door) -> None:
        door.tell(won("1"), calendar("c", "USD"), won("2"), won("3", tenant="acme"))

        assert door.data()["1"]["currency"] == "CNY"
        assert door.data()["2"]["currency"] == "USD"
        assert door.data("acme")["3"]["currency"] == "CNY"

    def test_the_latest_calendar_counts_and_of_two_the_later_told(self, door: Door) -> None:
        door.tell(
            calendar("c1", "USD", "2026-03-01T00:00:00Z"),
            calendar("c2", "EUR", "2026-02-01T00:00:00Z"),
            won("1"),
            calendar("c3", "JPY", "2026-03-01T00:00:00Z"),
            won("2", "5"),
            calendar("c4", None, "2026-04-01T00:00:00Z"),
            won("3", "5"),
        )

        assert [door.data()[id_]["currency"] for id_ in "123"] == ["USD", "JPY", "JPY"]

    def test_a_calendar_that_is_refused_changes_nothing(self, door: Door) -> None:
        door.tell(
            event("taken"),
            calendar("none", None),
            calendar("taken", "USD"),
            calendar("none", "EUR"),
            calendar("invalid", "USD", "yesterday"),
            won("1"),
        )

        assert door.data()["1"]["currency"] == "CNY"
        assert door.journal.tally("default").refused == 3

    def test_it_is_known_when_the_journal_is_opened_again(self, door: Door) -> None:
        door.tell(
            calendar("c1", "USD", "2026-03-01T00:00:00Z"), calendar("c2", "EUR", "2026-02-01T00:00:00Z"), won("1")
        )

        again = Door(door.journal, Ingest(door.journal, "CNY"))
        again.tell(won("2"))

        assert again.data()["2"]["currency"] == "USD"

    def test_another_default_makes_no_conflict(self, door: Door) -> None:
        door.tell(won("1"))

        (outcome,) = Ingest(door.journal, "USD").tell([won("1")], now_ms=NOW_MS)

        assert outcome.status == "duplicate"

    told = st.lists(
        st.one_of(
            st.builds(won, st.sampled_from("abcd"), st.sampled_from(["5", "7"])),
            st.builds(
                calendar,
                st.sampled_from("abcdef"),
                st.sampled_from(["USD", "EUR", "JPY", None]),
                st.sampled_from(["2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"]),
            ),
            st.sampled_from([b"", b"{", b"null"]),
        ),
        max_size=20,
    )

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(told=told, sizes=st.tuples(st.integers(1, 20), st.integers(1, 20)), reopen=st.booleans())
    def test_how_it_is_cut_does_not_matter(
        self, tmp_path: Path, told: list[Raw], sizes: tuple[int, int], reopen: bool
    ) -> None:
        lines = [raw if isinstance(raw, bytes) else line(raw) for raw in told]
        found = []
        for size in sizes:
            with SqliteJournal(tmp_path / f"{next(FRESH)}.db") as journal:
                ingest = Ingest(journal, "CNY")
                for start in range(0, len(lines), size):
                    list(ingest.ingest_lines(lines[start : start + size], now=lambda: NOW_MS, batch=size))
                    ingest = Ingest(journal, "CNY") if reopen else ingest
                letters = sorted((letter.body, letter.reason) for letter in journal.letters("default"))
                found.append((everything(journal), journal.tally("default"), letters))
        assert found[0] == found[1]
        tally = found[0][1]
        assert tally.told == tally.accepted + tally.duplicates + tally.refused == sum(bool(raw) for raw in lines)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["\ud800", "\x00", "a\u2028b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
"""Also what JSON cannot hold, for connectors build their events themselves."""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.dictionaries(
        st.sampled_from([*event("1"), "recordedtime", "inferred", "data_base64"]) | st.text(max_size=5), json_values
    ),
    data=st.dictionaries(st.sampled_from(["deal_id", "reason", "attributes"]) | st.text(max_size=5), json_values),
    noise=st.binary(max_size=20),
)
def test_whatever_is_told_has_one_outcome(
    door: Door, changes: dict[str, Any], data: dict[str, Any], noise: bytes
) -> None:
    told = event("1") | changes
    if isinstance(told["data"], dict):
        told["data"] = told["data"] | data
    before = [door.journal.tally(tenant) for tenant in door.journal.tenants()]

    outcomes = door.tell(told, json.dumps(told).encode(), noise, importer=True)

    after = [door.journal.tally(tenant) for tenant in door.journal.tenants()]
    assert [outcome.line for outcome in outcomes] == [1, 2, 3]
    assert sum(tally.told for tally in after) - sum(tally.told for tally in before) == 3
    assert all(tally.told == tally.accepted + tally.duplicates + tally.refused for tally in after)


def test_threads_may_share_the_door(door: Door) -> None:
    def tell(name: str) -> None:
        for n in range(20):
            door.tell(won(f"{name}-{n}"), calendar(f"shared-{n}", "USD" if n % 2 else "EUR"))

    threads = [Thread(target=tell, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert door.journal.tally("default") == Tally(told=120, accepted=80, duplicates=40, refused=0)
    currency = "CNY"
    for entry in everything(door.journal):
        data = json.loads(entry.body)["data"]
        if entry.type == "deal.won":
            assert data["currency"] == currency
        else:
            currency = data["currency"]
