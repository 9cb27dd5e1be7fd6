"""The poster: the same ledger whatever the batches and the breaks, and nothing stops it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.corrections import EventVoided
from events.deals import DealCreated, DealLost, DealStageMoved, DealWon
from events.envelope import Fact
from events.leads import LeadCreated
from events.samples import sample, told
from projections.books.deal import DealBook
from projections.posting import Posting
from services.processor.poster import Poster
from services.replay.digest import ledger_digest
from services.replay.verify import broken_laws
from services.store.clickhouse import ClickHouseStore
from services.store.port import StoreError
from tests.oracle.real_path import NOW_MS, Company
from tests.projections.strategies import histories
from tests.services.processor.stories import deal, newer, story, void

New = Callable[..., Company]


def digest(company: Company) -> str:
    return ledger_digest(company.store, company.tenant, 10**9)


def rows(company: Company) -> list[tuple[Any, ...]]:
    """Every event with its book and why it is parked."""
    sql = "SELECT position, book, entity, parked FROM {history} WHERE tenant = {tenant:String} ORDER BY position"
    return company.store.query(sql, {"tenant": company.tenant})


def parked(company: Company) -> dict[str, str]:
    """Id to reason of what waits."""
    return {entry.id: reason for entry, _, reason in company.store.parked(company.tenant)}


def laws(company: Company) -> dict[str, str]:
    return broken_laws(company.store, company.tenant, company.store.checkpoint(company.tenant))


class TestBatches:
    """Batches of any size give the same ledger."""

    @pytest.mark.parametrize("size", [1, 2, 7, 100])
    def test_of_a_long_story(self, company: New, size: int) -> None:
        whole = company(story(120))
        assert laws(whole) == {}

        parts = company().tell(story(120)).post(batch=size)

        assert digest(parts) == digest(whole)
        assert rows(parts) == rows(whole)

    def test_posted_in_memory_bit_by_bit_and_written_together(self, company: New) -> None:
        whole, parts = company(story(120)), company().tell(story(120))
        poster = Poster(parts.tenant, parts.journal, parts.store)
        for upto in range(7, 121, 7):
            poster.look_ahead(upto)
            assert (poster.position, parts.store.checkpoint(parts.tenant).position) == (upto, upto - poster.waiting)
            if upto % 3 == 0:
                poster.write()
                assert poster.waiting == 0
        assert poster.waiting
        poster.catch_up()
        assert (digest(parts), rows(parts)) == (digest(whole), rows(whole))

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(histories(), st.integers(1, 6))
    def test_of_any_story(self, company: New, events: list[dict[str, Any]], size: int) -> None:
        whole, parts = company(events), company().tell(events).post(batch=size)
        assert digest(parts) == digest(whole)
        assert laws(whole) == {}

    def test_with_next_to_no_memory(self, company: New) -> None:
        tight = company()
        tight.poster = Poster(tight.tenant, tight.journal, tight.store, keep=3)
        assert digest(tight.tell(story(120)).post(batch=10)) == digest(company(story(120)))

    def test_with_a_new_poster_for_every_batch(self, company: New) -> None:
        events = story(120)
        broken = company()
        for start in range(0, len(events), 40):
            broken.tell(events[start : start + 40])
            broken.poster = Poster(broken.tenant, broken.journal, broken.store)
            broken.post(batch=25)
        assert digest(broken) == digest(company(events))

    def test_progress_is_told(self, company: New) -> None:
        seen: list[int] = []
        new = company().tell(story(10))
        assert new.poster.catch_up(seen.append, batch=4) == 10
        assert seen == [4, 4, 2]
        assert new.poster.catch_up(seen.append) == 0


class TestBroken:
    """What an interrupted write left is taken away, and posting goes on from the checkpoint."""

    @pytest.mark.parametrize("table", ["history", "postings"])
    @pytest.mark.parametrize("fresh", [True, False], ids=["new poster", "same poster"])
    def test_a_write_that_fails(self, company: New, monkeypatch: pytest.MonkeyPatch, table: str, fresh: bool) -> None:
        new = company().tell(story(60))
        insert, calls = ClickHouseStore.insert, []

        def failing(store: ClickHouseStore, name: str, told: Any) -> None:
            insert(store, name, told)
            calls.append(name)
            if name == table and calls.count(table) == 3:
                raise StoreError("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(ClickHouseStore, "insert", failing)
            with pytest.raises(StoreError, match="the disk is full"):
                new.post(batch=10)
        assert new.store.checkpoint(new.tenant).position == 20

        if fresh:
            new.poster = Poster(new.tenant, new.journal, new.store)
        new.post(batch=10)

        assert digest(new) == digest(company(story(60)))
        assert laws(new) == {}


@pytest.fixture
def murphy(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A book that fails over deals lost to Murphy; ``undo`` mends it."""
    post = DealBook.post

    def failing(book: DealBook, fact: Fact) -> list[Posting]:
        if isinstance(fact.data, DealLost) and fact.data.competitor == "Murphy":
            raise ZeroDivisionError("by Murphy")
        return post(book, fact)

    monkeypatch.setattr(DealBook, "post", failing)
    return monkeypatch


class TestParked:
    """What a book cannot post waits, with its entity's later events, in order; the others go on."""

    EVENTS = (
        deal(1, DealCreated, "e1", deal_id="D-1", amount="100.00"),
        deal(2, DealCreated, "e2", deal_id="D-2", amount="50.00"),
        deal(9, DealLost, "bad", deal_id="D-1", competitor="Murphy"),
        deal(10, DealWon, "e4", deal_id="D-1"),
        deal(11, DealWon, "e5", deal_id="D-2"),
        deal(3, DealStageMoved, "e6", deal_id="D-1", to_stage="late"),
    )

    @pytest.mark.parametrize("batch", [1, 3, 100])
    @pytest.mark.usefixtures("murphy")
    def test_it_waits_and_the_others_go_on(self, company: New, batch: int) -> None:
        new = company().tell(self.EVENTS).post(batch=batch)

        assert parked(new) == {
            "bad": "ZeroDivisionError: by Murphy",
            "e4": "waits behind an earlier parked event of deal D-1",
            "e6": "waits behind an earlier parked event of deal D-1",
        }
        assert new.store.checkpoint(new.tenant).position == len(self.EVENTS)
        assert laws(new) == {}
        assert "won" in {line["measure"] for line in new.books.postings(("deal", "D-2"), 6)}

    @pytest.mark.usefixtures("murphy")
    def test_a_new_poster_still_knows_who_waits(self, company: New) -> None:
        new = company(self.EVENTS)
        new.poster = Poster(new.tenant, new.journal, new.store)
        new.tell([deal(20, DealStageMoved, "e7", deal_id="D-1", to_stage="x")]).post()
        assert parked(new)["e7"] == "waits behind an earlier parked event of deal D-1"

    @pytest.mark.usefixtures("murphy")
    def test_tried_again_in_vain_nothing_changes(self, company: New) -> None:
        new = company(self.EVENTS)
        before, waiting = digest(new), parked(new)
        assert new.poster.retry_parked() == (0, 3)
        assert (digest(new), parked(new)) == (before, waiting)

    @pytest.mark.parametrize("fresh", [True, False], ids=["new poster", "same poster"])
    def test_mended_they_go_through_and_the_ledger_is_a_clean_one(
        self, company: New, murphy: pytest.MonkeyPatch, fresh: bool
    ) -> None:
        new = company(self.EVENTS)
        murphy.undo()
        if fresh:
            new.poster = Poster(new.tenant, new.journal, new.store)

        assert new.poster.retry_parked() == (3, 0)
        new.tell([deal(20, DealStageMoved, "e7", deal_id="D-1", to_stage="x")]).post()

        clean = company([*self.EVENTS, deal(20, DealStageMoved, "e7", deal_id="D-1", to_stage="x")])
        assert parked(new) == {}
        assert digest(new) == digest(clean)
        assert rows(new) == rows(clean)
        assert laws(new) == {}
        assert new.poster.retry_parked() == (0, 0)

    def test_what_waits_behind_one_that_still_fails_waits_on(self, company: New, murphy: pytest.MonkeyPatch) -> None:
        worse = deal(12, DealLost, "worse", deal_id="D-3", competitor="Murphy")
        new = company([*self.EVENTS, worse])
        post = DealBook.post
        murphy.undo()
        murphy.setattr(
            DealBook, "post", lambda book, fact: post(book, fact) if fact.entity == "D-3" else _post(book, fact)
        )

        assert new.poster.retry_parked() == (3, 1)
        assert set(parked(new)) == {"worse"}
        assert laws(new) == {}

    @pytest.mark.parametrize("target", ["e1", "bad", "e4"], ids=["posted", "parked", "waiting"])
    @pytest.mark.parametrize("batch", [1, 100])
    @pytest.mark.parametrize("fresh", [True, False], ids=["new poster", "same poster"])
    def test_a_voiding_of_a_waiting_entity_waits_too(
        self, company: New, murphy: pytest.MonkeyPatch, target: str, batch: int, fresh: bool
    ) -> None:
        events = [*self.EVENTS, told(void(target), id="never", time="2026-03-20T09:00:00Z")]
        new = company().tell(events).post(batch=batch)
        assert laws(new) == {}
        murphy.undo()
        if fresh:
            new.poster = Poster(new.tenant, new.journal, new.store)

        new.poster.retry_parked()

        assert parked(new) == {}
        assert digest(new) == digest(company(events))

    def test_one_told_after_its_voiding_is_not_waited_for(self, company: New, murphy: pytest.MonkeyPatch) -> None:
        ahead = told(void("bad"), id="never", time="2026-03-20T09:00:00Z")
        new = company([ahead, *self.EVENTS])
        assert parked(new) == {}
        murphy.undo()
        assert digest(new) == digest(company([ahead, *self.EVENTS]))

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(histories(), st.sets(st.integers(1, 24), min_size=1), st.integers(1, 6), st.booleans())
    def test_whatever_was_parked_is_posted_as_if_it_never_was(
        self, company: New, events: list[dict[str, Any]], bad: set[int], size: int, fresh: bool
    ) -> None:
        new = company().tell(events)
        with failing_over(bad):
            new.post(batch=size)
            assert laws(new) == {}
        if fresh:
            new.poster = Poster(new.tenant, new.journal, new.store)

        new.poster.retry_parked()

        clean = company(events)
        assert parked(new) == {}
        assert digest(new) == digest(clean)
        assert rows(new) == rows(clean)
        assert laws(new) == {}


_post = DealBook.post


@contextmanager
def failing_over(bad: set[int]) -> Iterator[None]:
    """A book of deals that fails over the events of these numbers."""

    def failing(book: DealBook, fact: Fact) -> list[Posting]:
        if fact.id in {f"e{number}" for number in bad}:
            raise ArithmeticError(fact.id)
        return _post(book, fact)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DealBook, "post", failing)
        yield


class TestUnknown:
    """A type that only a newer version knows, straight from the journal."""

    def test_a_type_is_parked_and_everything_else_goes_on(self, company: New) -> None:
        new = company([deal(1, DealCreated, "e1", deal_id="D-1")])
        new.journal.append([newer(new)], now_ms=NOW_MS)
        new.tell([deal(10, DealWon, "e3", deal_id="D-1"), told(sample(LeadCreated), id="e4")]).post()

        assert parked(new) == {"newer": "type deal.frozen at position 2 is not known to this version"}
        assert new.store.checkpoint(new.tenant).position == 4
        assert laws(new) == {}

    def test_a_version_is_parked_with_what_comes_after_it(self, company: New) -> None:
        new = company([deal(1, DealCreated, "e1", deal_id="D-1")])
        new.journal.append([newer(new, "deal.won", "urn:salestream:deal.won:99")], now_ms=NOW_MS)
        new.tell([deal(10, DealLost, "e3", deal_id="D-1")]).post()

        assert parked(new) == {
            "newer": "urn:salestream:deal.won:99 at position 2 is newer than this version knows",
            "e3": "waits behind an earlier parked event of deal D-1",
        }
        assert new.poster.retry_parked() == (0, 2)

    def test_a_voiding_of_it_changes_nothing_else(self, company: New) -> None:
        new = company([deal(1, DealCreated, "e1", deal_id="D-1")])
        new.journal.append([newer(new)], now_ms=NOW_MS)
        before = digest(new)
        new.tell([told(void("newer"), id="never")]).post()
        assert digest(new) == before
        assert EventVoided.TYPE not in {entry.type for entry, _, _ in new.store.parked(new.tenant)}
