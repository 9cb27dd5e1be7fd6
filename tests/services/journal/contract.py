"""What every journal promises. An adapter's tests inherit this and say how one is opened."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from threading import Thread
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.corrections import EventVoided
from events.deals import DealLost
from events.envelope import Told
from events.planning import CalendarDefined
from events.samples import sample
from services.journal.port import Cut, Journal, JournalError, Tally, Verdict
from tests.services.journal.telling import NOW_MS, everything, ids, invalid, told

NEW: Final = "accepted"
AGAIN: Final = "duplicate"
OTHER: Final = "conflict"


@dataclass
class Model:
    """The contract in a few lines: what a journal would hold if it were a list."""

    positions: dict[tuple[str, str, str], int] = field(default_factory=dict)
    lines: dict[str, list[tuple[Told, int]]] = field(default_factory=dict)
    tallies: dict[str, list[int]] = field(default_factory=dict)

    def append(self, batch: list[Told], refused: list[str], now_ms: int) -> list[Verdict]:
        for tenant in refused:
            self._count(tenant, 3)
        return [self._take(event, now_ms) for event in batch]

    def _count(self, tenant: str, what: int) -> None:
        tally = self.tallies.setdefault(tenant, [0, 0, 0, 0])
        tally[0] += 1
        tally[what] += 1

    def _take(self, event: Told, now_ms: int) -> Verdict:
        lines = self.lines.setdefault(event.tenant, [])
        position = self.positions.get((event.tenant, event.source, event.id))
        if position is None:
            self._count(event.tenant, 1)
            asked = now_ms if event.recorded_ms is None else event.recorded_ms
            lines.append((event, max(asked, lines[-1][1] if lines else 0)))
            self.positions[event.tenant, event.source, event.id] = len(lines)
            return Verdict("accepted", len(lines))
        same = lines[position - 1][0].digest == event.digest
        self._count(event.tenant, 2 if same else 3)
        return Verdict("duplicate" if same else "conflict", position)


events = st.builds(
    told,
    st.sampled_from(["1", "2", "3", "四"]),
    st.sampled_from(["price", "timing"]),
    source=st.sampled_from(["/crm", "/crm/2"]),
    tenant=st.sampled_from(["acme", "globex"]),
    recorded_ms=st.none() | st.integers(NOW_MS - 9_000, NOW_MS),
)
batches = st.lists(
    st.tuples(
        st.lists(events, max_size=8),
        st.lists(st.sampled_from(["acme", "globex"]), max_size=2),
        st.integers(NOW_MS - 9_000, NOW_MS + 9_000),
    ),
    max_size=6,
)


_fresh = count()


class JournalContract:
    """Inherit, and implement ``opener``."""

    @pytest.fixture
    @abstractmethod
    def opener(self) -> Callable[[str], Journal]:
        """Opens the journal of a name, again if it was open before; another name is another journal."""

    @pytest.fixture
    def journal(self, opener: Callable[[str], Journal]) -> Iterator[Journal]:
        with opener("one") as journal:
            yield journal

    def test_a_new_journal_is_empty(self, journal: Journal) -> None:
        assert journal.tenants() == []
        assert journal.head("default") == Cut(0, 0)
        assert journal.tally("default") == Tally(0, 0, 0, 0)
        assert journal.read("default", 0, 10) == []
        assert journal.find("default", "/crm", "1") is None
        assert journal.position_at("default", NOW_MS) == 0
        assert journal.recorded_at("default", 1) is None
        assert journal.letters("default") == []

    def test_what_is_accepted_can_be_read_as_it_was_told(self, journal: Journal) -> None:
        event = told("1")

        verdicts = journal.append([event], now_ms=NOW_MS)

        assert verdicts == [Verdict(NEW, 1)]
        (entry,) = journal.read("default", 0, 10)
        assert (entry.tenant, entry.position, entry.recorded_ms) == ("default", 1, NOW_MS)
        for name in ("source", "id", "type", "at_ms", "subject", "body"):
            assert getattr(entry, name) == getattr(event, name)

    def test_positions_count_from_one_for_each_tenant(self, journal: Journal) -> None:
        batch = [told("1", tenant="acme"), told("1", tenant="globex"), told("2", tenant="acme")]

        assert journal.append(batch, now_ms=NOW_MS) == [Verdict(NEW, 1), Verdict(NEW, 1), Verdict(NEW, 2)]
        assert journal.append([told("2", tenant="globex")], now_ms=NOW_MS) == [Verdict(NEW, 2)]
        assert journal.tenants() == ["acme", "globex"]
        assert ids(journal, "acme") == ids(journal, "globex") == ["1", "2"]

    def test_reading_goes_on_where_it_stopped(self, journal: Journal) -> None:
        journal.append([told(str(n)) for n in range(1, 8)], now_ms=NOW_MS)

        pages = [[entry.position for entry in journal.read("default", after, 3)] for after in (0, 3, 6, 7)]

        assert pages == [[1, 2, 3], [4, 5, 6], [7], []]

    def test_no_position_is_too_large_or_too_small_to_ask_for(self, journal: Journal) -> None:
        journal.append([told("1", tenant="acme"), told("1", tenant="globex")], now_ms=NOW_MS)

        for far in (2**40 - 1, 2**40, 2**40 + 1, 2**62, 2**80):
            assert journal.read("acme", far, 10) == []
            assert journal.recorded_at("acme", far) is None
            assert journal.entries("acme", [far]) == []
            assert journal.letter("acme", far) is None
            assert [e.tenant for e in journal.of_type("acme", [DealLost.TYPE], far)] == ["acme"]
        assert [e.tenant for e in journal.read("acme", -5, 10)] == ["acme"]
        assert journal.entries("acme", [0, -1]) == []
        assert journal.of_type("acme", [DealLost.TYPE], -1) == []

    def test_told_again_alike_is_a_duplicate_and_counts_nothing(self, journal: Journal) -> None:
        journal.append([told("1"), told("2")], now_ms=NOW_MS)

        assert journal.append([told("2"), told("1")], now_ms=NOW_MS) == [Verdict(AGAIN, 2), Verdict(AGAIN, 1)]
        assert ids(journal) == ["1", "2"]
        assert journal.tally("default") == Tally(told=4, accepted=2, duplicates=2, refused=0)
        assert journal.letters("default") == []

    def test_told_again_otherwise_is_refused_and_the_first_stands(self, journal: Journal) -> None:
        first, other = told("1", "price"), told("1", "timing")
        journal.append([first], now_ms=NOW_MS)

        assert journal.append([other], now_ms=NOW_MS + 5) == [Verdict(OTHER, 1)]
        assert [entry.body for entry in journal.read("default", 0, 10)] == [first.body]
        assert journal.tally("default") == Tally(told=2, accepted=1, duplicates=0, refused=1)
        (letter,) = journal.letters("default")
        assert (letter.number, letter.recorded_ms, letter.body) == (1, NOW_MS + 5, other.body)
        assert (letter.source, letter.id, letter.field, letter.outcome) == ("/crm", "1", "id", None)
        assert letter.reason == (
            "id '1' of source '/crm' was told before with other content, at position 1, which stands; "
            "allowed: a new id, or the same content"
        )

    def test_both_are_seen_within_one_batch(self, journal: Journal) -> None:
        batch = [told("1"), told("1"), told("1", "timing"), told("1"), told("1", source="/erp")]

        verdicts = journal.append(batch, now_ms=NOW_MS)

        assert [v.status for v in verdicts] == [NEW, AGAIN, OTHER, AGAIN, NEW]
        assert [v.position for v in verdicts] == [1, 1, 1, 1, 2]
        assert journal.tally("default") == Tally(told=5, accepted=2, duplicates=2, refused=1)

    def test_ids_that_look_alike_are_different(self, journal: Journal) -> None:
        alike = ["1", "01", "1.0", "A", "a", "é", "e\u0301", "'", '"', "\\", "%", "null", "😀", "x" * 200]

        assert {v.status for v in journal.append([told(id_) for id_ in alike], now_ms=NOW_MS)} == {NEW}
        assert {v.status for v in journal.append([told(id_) for id_ in alike], now_ms=NOW_MS)} == {AGAIN}
        for position, id_ in enumerate(alike, 1):
            entry = journal.find("default", "/crm", id_)
            assert entry is not None
            assert entry.position == position

    def test_what_is_no_event_goes_to_the_dead_letters(self, journal: Journal) -> None:
        journal.append([told("1")], [invalid(b"\xff{", tenant="acme")], now_ms=NOW_MS)

        (letter,) = journal.letters("acme")
        assert (letter.tenant, letter.number, letter.body) == ("acme", 1, b"\xff{")
        assert (letter.reason, letter.field, letter.origin) == ("type is missing", "type", "deals.jsonl:7")
        assert journal.tally("acme") == Tally(told=1, accepted=0, duplicates=0, refused=1)
        assert journal.tally("default") == Tally(told=1, accepted=1, duplicates=0, refused=0)
        assert journal.tenants() == ["acme", "default"]

    def test_a_letter_is_closed_once_and_never_deleted(self, journal: Journal) -> None:
        journal.append([], [invalid(), invalid(), invalid()], now_ms=NOW_MS)

        journal.close_letter("default", 1, "retried")
        journal.close_letter("default", 3, "discarded")

        assert [letter.number for letter in journal.letters("default")] == [2]
        assert [letter.outcome for letter in journal.letters("default", open_only=False)] == [
            "retried",
            None,
            "discarded",
        ]
        with pytest.raises(JournalError, match="dead letter 1 of 'default' is closed already"):
            journal.close_letter("default", 1, "discarded")
        with pytest.raises(JournalError, match="'default' has no dead letter 4; list them"):
            journal.close_letter("default", 4, "discarded")
        with pytest.raises(JournalError, match="'acme' has no dead letter 2"):
            journal.close_letter("acme", 2, "discarded")
        kept = journal.letter("default", 1)
        assert kept is not None
        assert kept.outcome == "retried"

    def test_recorded_is_when_it_was_told_or_when_an_importer_says(self, journal: Journal) -> None:
        journal.append([told("1", recorded_ms=NOW_MS - 1000), told("2")], now_ms=NOW_MS)

        assert [entry.recorded_ms for entry in everything(journal)] == [NOW_MS - 1000, NOW_MS]
        assert journal.head("default") == Cut(2, NOW_MS)

    def test_recorded_never_decreases_though_clocks_do(self, journal: Journal) -> None:
        journal.append([told("1")], now_ms=NOW_MS)
        journal.append([told("2"), told("other", tenant="acme")], now_ms=NOW_MS - 5000)
        journal.append([told("3", recorded_ms=NOW_MS - 9000), told("4")], now_ms=NOW_MS + 1)

        assert [entry.recorded_ms for entry in everything(journal)] == [NOW_MS, NOW_MS, NOW_MS, NOW_MS + 1]
        assert journal.head("acme").recorded_ms == NOW_MS - 5000

    def test_a_recorded_time_names_a_position(self, journal: Journal) -> None:
        for n, at in enumerate([100, 100, 200, 300, 300, 300], 1):
            journal.append([told(str(n))], now_ms=at)

        found = {at: journal.position_at("default", at) for at in (-1, 0, 99, 100, 199, 200, 299, 300, 301)}

        assert found == {-1: 0, 0: 0, 99: 0, 100: 2, 199: 2, 200: 3, 299: 3, 300: 6, 301: 6}
        assert [journal.recorded_at("default", position) for position in (0, 1, 3, 6, 7)] == [
            None,
            100,
            200,
            300,
            None,
        ]

    def test_entries_are_found_by_identity_position_and_type(self, journal: Journal) -> None:
        voided = told("3", event=sample(EventVoided))
        calendar = told("5", event=sample(CalendarDefined, currency="EUR"))
        journal.append([told("1", tenant="acme"), told("1"), told("2"), voided, told("4"), calendar], now_ms=NOW_MS)

        entry = journal.find("default", "/crm", "2")
        assert entry is not None
        assert entry.position == 2
        assert journal.find("acme", "/crm", "2") is None
        assert journal.find("default", "/erp", "2") is None
        assert [e.id for e in journal.entries("default", [4, 1, 4, 99])] == ["1", "4"]
        assert [e.id for e in journal.of_type("default", ["event.voided"])] == ["3"]
        assert [e.id for e in journal.of_type("default", ["calendar.defined", "event.voided"])] == ["3", "5"]
        assert [e.id for e in journal.of_type("default", ["calendar.defined", "event.voided"], 4)] == ["3"]
        assert [e.id for e in journal.of_type("default", ["deal.lost", "event.voided"], 3)] == ["1", "2", "3"]
        assert [e.id for e in journal.of_type("acme", ["deal.lost"])] == ["1"]
        assert journal.of_type("acme", ["event.voided"]) == []
        assert journal.of_type("default", []) == []

    def test_the_inbox_keeps_what_came_until_it_is_pruned(self, journal: Journal) -> None:
        first = journal.keep("default", "hubspot", 100, b"\x00raw", {"X-Signature": "é"})
        second = journal.keep("default", "pipedrive", 200, b"", {})
        journal.keep("acme", "hubspot", 100, b"theirs", {})

        (delivery, _) = journal.inbox("default", 0, 10)
        assert (delivery.tenant, delivery.number, delivery.system) == ("default", first, "hubspot")
        assert (delivery.received_ms, delivery.raw, delivery.headers) == (100, b"\x00raw", {"X-Signature": "é"})
        assert [d.number for d in journal.inbox("default", first, 10)] == [second]
        assert [d.number for d in journal.inbox("default", 0, 1)] == [first]
        assert journal.prune(200) == 2
        assert [d.number for d in journal.inbox("default", 0, 10)] == [second]
        assert journal.inbox("acme", 0, 10) == []
        assert journal.prune(1000) == 1
        assert journal.keep("default", "hubspot", 300, b"", {}) > second
        assert journal.tenants() == []

    def test_nothing_told_changes_nothing(self, journal: Journal) -> None:
        assert journal.append([], now_ms=NOW_MS) == []
        assert journal.tenants() == []

    def test_all_is_there_when_opened_again(self, opener: Callable[[str], Journal]) -> None:
        with opener("one") as journal:
            journal.append([told("1"), told("2")], [invalid()], now_ms=NOW_MS)
        journal.close()

        with opener("one") as journal:
            assert ids(journal) == ["1", "2"]
            assert journal.append([told("2"), told("3")], now_ms=0) == [Verdict(AGAIN, 2), Verdict(NEW, 3)]
            assert journal.head("default") == Cut(3, NOW_MS)
            assert journal.tally("default") == Tally(told=5, accepted=3, duplicates=1, refused=1)

    # Each example opens a journal of its own, so that the fixture is not made anew does no harm; and each adapter
    # runs the test.
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors])
    @given(steps=batches)
    def test_it_behaves_like_a_list(self, opener: Callable[[str], Journal], steps: list[Any]) -> None:
        model = Model()
        name = f"list-{next(_fresh)}"
        with opener(name) as journal:
            for batch, refused, now_ms in steps:
                letters = [invalid(tenant=tenant) for tenant in refused]
                assert journal.append(batch, letters, now_ms=now_ms) == model.append(batch, refused, now_ms)
            self._agree(journal, model)
        with opener(name) as journal:
            self._agree(journal, model)

    @staticmethod
    def _agree(journal: Journal, model: Model) -> None:
        assert journal.tenants() == sorted(model.tallies)
        for tenant, tally in model.tallies.items():
            entries = everything(journal, tenant, page=3)
            lines = model.lines.get(tenant, [])
            assert [entry.position for entry in entries] == list(range(1, len(lines) + 1))
            assert [(e.body, e.recorded_ms) for e in entries] == [(t.body, at) for t, at in lines]
            assert journal.head(tenant) == (Cut(len(lines), lines[-1][1]) if lines else Cut(0, 0))
            assert journal.tally(tenant) == Tally(*tally)
            assert tally[0] == tally[1] + tally[2] + tally[3]
            letters = journal.letters(tenant)
            assert [letter.number for letter in letters] == list(range(1, tally[3] + 1))
            for at in {e.recorded_ms + d for e in entries for d in (-1, 0, 1)}:
                assert journal.position_at(tenant, at) == sum(e.recorded_ms <= at for e in entries)

    def test_a_reader_in_another_thread_misses_nothing(self, journal: Journal) -> None:
        batches = [[told(f"{n}-{i}") for i in range(n % 7 + 1)] for n in range(60)]
        total = sum(map(len, batches))
        writer = Thread(target=lambda: [journal.append(batch, now_ms=NOW_MS) for batch in batches])
        seen: list[int] = []
        torn: list[tuple[int, Tally]] = []

        writer.start()
        while len(seen) < total and (writer.is_alive() or journal.head("default").position > len(seen)):
            seen += [entry.position for entry in journal.read("default", len(seen), 10)]
            tally, head = journal.tally("default"), journal.head("default")
            if tally.accepted > head.position or tally.told != tally.accepted:
                torn.append((head.position, tally))
        writer.join()

        assert seen == list(range(1, total + 1))
        assert not torn

    def test_threads_may_append_at_once(self, journal: Journal) -> None:
        def tell(name: str) -> None:
            for n in range(40):
                journal.append([told(f"{name}-{n}"), told(f"shared-{n}")], now_ms=NOW_MS)

        threads = [Thread(target=tell, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert journal.tally("default") == Tally(told=320, accepted=200, duplicates=120, refused=0)
        entries = everything(journal)
        assert [entry.position for entry in entries] == list(range(1, 201))
        assert len({entry.id for entry in entries}) == 200
