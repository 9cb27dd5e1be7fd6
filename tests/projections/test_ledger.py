"""The ledger: each event posts the difference, so the lines add up to what the history is worth."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events.activities import TouchpointLogged
from events.corrections import EventVoided
from events.deals import DealCreated, DealLost, DealStageMoved, DealUpdated, DealWon
from events.envelope import Fact
from events.samples import SOURCE, sample
from projections.books.deal import DealBook
from projections.ledger import STEP, Identity, Key, Ledger, Line, Unpostable, difference
from projections.posting import NOWHERE, Posting
from tests.projections.strategies import histories
from tests.projections.telling import fact, journalled, ms, of, postings, short, totals


class Desk:
    """A ledger with a journal in memory behind it."""

    def __init__(self, keep: int = 200_000, step: int = 64) -> None:
        self.applied: list[Fact] = []
        self.lines: list[Line] = []
        self.loads: list[list[Key]] = []
        self.ledger = Ledger(load=self.load, locate=self.locate, keep=keep, step=step)

    def load(self, keys: Sequence[Key]) -> dict[Key, list[Fact]]:
        self.loads.append(list(keys))
        found: dict[Key, list[Fact]] = {}
        for each in self.applied:
            if (each.kind, each.entity) in keys:
                found.setdefault((each.kind, each.entity), []).append(each)
        return found

    def locate(self, identity: Identity, before: int) -> Fact | None:
        for each in self.applied:
            if (each.source, each.id) == identity and each.position < before:
                return each
        return None

    def post(self, *told: Fact) -> list[Line]:
        """The lines of these events; each is applied before the next comes."""
        lines = [line for each in told for line in self._one(each)]
        self.lines += lines
        return lines

    def _one(self, each: Fact) -> list[Line]:
        lines = self.ledger.post(each)
        self.applied.append(each)
        return lines


def void(position: int, id_: str) -> Fact:
    """The event of this id never happened."""
    return fact(position, "2026-03-31", sample(EventVoided, source=SOURCE, id=id_))


def created(position: int, day: str = "01", **told: Any) -> Fact:
    return fact(position, f"2026-03-{day}", sample(DealCreated, amount="100.00", **told))


def won(position: int, day: str = "20", **told: Any) -> Fact:
    return fact(position, f"2026-03-{day}", sample(DealWon, amount="90.00", **told))


def worth(facts: Sequence[Fact]) -> list[Posting]:
    """What all these events are worth, by their books alone."""
    voided = {(each.data.source, each.data.id) for each in facts if isinstance(each.data, EventVoided)}
    standing = [each for each in facts if (each.source, each.id) not in voided or isinstance(each.data, EventVoided)]
    lines = []
    for (kind, _), history in groupby(sorted(standing, key=_entity), _entity):
        lines += postings(kind, list(history))
    return lines


def _entity(each: Fact) -> tuple[str, str]:
    return each.kind, each.entity


def flat(lines: Sequence[Line]) -> list[Posting]:
    return [line.posting for line in lines]


class TestInOrder:
    """An event that comes last posts the lines it adds."""

    def test_the_lines_stand_at_the_position_of_their_event(self) -> None:
        lines = Desk().post(created(7), won(9))

        first, last = ([line for line in lines if line.position == position] for position in (7, 9))
        assert first + last == lines
        for stretch in (first, last):
            assert [line.number for line in stretch] == list(range(len(stretch)))
        assert {(line.kind, line.entity) for line in lines} == {("deal", "D-1")}
        assert flat(lines) == worth([created(7), won(9)])

    def test_a_history_is_loaded_once_and_then_held(self) -> None:
        desk = Desk()
        desk.post(created(1), won(2), created(3, deal_id="D-2"))
        assert desk.loads == [[("deal", "D-1")], [("deal", "D-2")]]

    def test_events_that_stand_alone_load_nothing(self) -> None:
        desk = Desk()
        desk.post(fact(1, "2026-03-01", sample(TouchpointLogged)))
        desk.ledger.prefetch([("touchpoint", "x")])
        assert desk.loads == []

    def test_a_prefetch_asks_for_all_missing_histories_at_once(self) -> None:
        desk = Desk()
        desk.post(created(1))
        desk.ledger.prefetch([("deal", "D-1"), ("deal", "D-2"), ("lead", "L-1"), ("deal", "D-2")])
        assert desk.loads[1:] == [[("deal", "D-2"), ("lead", "L-1")]]


class TestLate:
    """An event that comes late is a re-fold of its entity."""

    def test_it_posts_the_difference_at_its_own_position(self) -> None:
        desk = Desk()
        desk.post(created(1, "10", stage="qualified"), won(2, "20"))
        lines = desk.post(fact(3, "2026-03-05", sample(DealUpdated, deal_id="D-1", amount="50.00", rep_id="bo")))

        assert {line.position for line in lines} == {3}
        assert difference(flat(desk.lines), worth(desk.applied)) == []
        assert totals(flat(lines), "measure", "rep_id", "event")[("created", "bo", 3)] == (1, 0, 0)

    def test_at_the_same_moment_the_one_told_later_comes_later(self) -> None:
        desk = Desk()
        desk.post(won(1), fact(2, "2026-03-20", sample(DealLost)))
        assert short(of(flat(desk.lines), "won", "lost")) == [
            ("03-20", "won", 1, 9000),
            ("03-20", "won", -1, -9000),
            ("03-20", "lost", 1, 9000),
        ]

    def test_lines_of_later_events_are_posted_anew_at_its_position(self) -> None:
        desk = Desk()
        desk.post(won(1, "20"))
        lines = desk.post(created(2, "10"))

        assert {line.posting.event for line in lines} == {1, 2}
        assert {line.position for line in lines} == {2}


class TestLong:
    """What a late event costs in a long history: about as much as in a short one."""

    @pytest.fixture
    def posted(self, monkeypatch: pytest.MonkeyPatch) -> list[Fact]:
        """The events that books of deals have taken in."""
        found: list[Fact] = []
        post = DealBook.post

        def counting(book: DealBook, told: Fact) -> list[Posting]:
            found.append(told)
            return post(book, told)

        monkeypatch.setattr(DealBook, "post", counting)
        return found

    def test_it_is_folded_from_the_last_copy_until_it_makes_no_difference(self, posted: list[Fact]) -> None:
        desk, start = Desk(), ms("2026-03-01")

        def updated(position: int, at_ms: int, amount: int) -> Fact:
            told = sample(DealUpdated, amount=f"{amount}.00", stage=("qualified", "proposal")[amount % 2])
            return replace(fact(position, "2026-03-01", told), at_ms=start + at_ms)

        desk.post(created(1), *(updated(position, 10 * position, position) for position in range(2, 2000)))
        position = 2000
        for at_ms in (25, 5_005, 5_006, 12_345, 19_985):
            for late in (updated(position, at_ms, 7), void(position + 1, f"e{position}")):
                posted.clear()
                assert desk.post(late)
                assert len(posted) < STEP + 10, (at_ms, late.data)
            position += 2
        desk.post(updated(position, 30_000, 8))
        posted.clear()
        assert difference(flat(desk.lines), worth(desk.applied)) == []
        assert len(posted) == 2000, "what a book alone makes of it, once"


class TestVoided:
    """An event that never happened."""

    def test_after_it_was_told_its_lines_are_taken_away(self) -> None:
        desk = Desk()
        desk.post(created(1), won(2))
        lines = desk.post(void(3, "e2"))

        assert difference(flat(desk.lines), worth([created(1)])) == []
        assert {(line.position, line.kind, line.entity) for line in lines} == {(3, "deal", "D-1")}

    def test_before_it_is_told_it_posts_nothing_when_it_comes(self) -> None:
        desk = Desk()
        desk.post(void(1, "e3"), created(2), won(3))
        assert flat(desk.lines) == worth([created(2)])

    def test_what_stands_alone(self) -> None:
        desk = Desk()
        touched = fact(1, "2026-03-01", sample(TouchpointLogged))
        lines = desk.post(touched, void(2, "e1"))

        assert [(line.position, line.entity, line.posting.count) for line in lines] == [
            (1, f"{SOURCE}#e1", 1),
            (2, f"{SOURCE}#e1", -1),
        ]

    def test_twice_counts_once(self) -> None:
        desk = Desk()
        desk.post(won(1), void(2, "e1"))
        assert desk.post(void(3, "e1")) == []

    def test_the_first_event_of_a_history_and_all_after_it_stand(self) -> None:
        desk = Desk()
        desk.post(created(1), fact(2, "2026-03-05", sample(DealStageMoved, to_stage="won?")), void(3, "e1"))
        assert difference(flat(desk.lines), postings("deal", [desk.applied[1]])) == []

    def test_a_voiding_cannot_be_voided(self) -> None:
        desk = Desk()
        desk.post(won(1), void(2, "e1"), void(3, "e2"))
        assert desk.lines[-1].position == 2
        assert difference(flat(desk.lines), []) == []

    def test_known_ahead_it_never_posts(self) -> None:
        desk = Desk()
        desk.ledger.void_ahead((SOURCE, "e1"))
        assert desk.post(won(1)) == []

    def test_a_history_is_loaded_without_what_was_voided(self) -> None:
        desk = Desk()
        desk.post(created(1), won(2), void(3, "e2"))
        desk.ledger.forget(("deal", "D-1"))
        assert flat(desk.post(fact(4, "2026-03-25", sample(DealLost)))) == worth([created(1), desk.applied[-1]])[2:]


class TestUnpostable:
    """What a book cannot post leaves no trace."""

    @pytest.fixture
    def picky(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A book that fails over deals lost to Murphy, once it has half posted them."""
        post = DealBook.post

        def failing(book: DealBook, told: Fact) -> list[Posting]:
            lines = post(book, told)
            if isinstance(told.data, DealLost) and told.data.competitor == "Murphy":
                raise ZeroDivisionError("by Murphy")
            return lines

        monkeypatch.setattr(DealBook, "post", failing)

    @pytest.mark.usefixtures("picky")
    @pytest.mark.parametrize("day", ["25", "10"], ids=["last", "late"])
    def test_it_says_why_and_the_entity_is_as_before(self, day: str) -> None:
        desk = Desk()
        desk.post(created(1), won(2, "20"))

        with pytest.raises(Unpostable, match="ZeroDivisionError: by Murphy"):
            desk.post(fact(3, f"2026-03-{day}", sample(DealLost, competitor="Murphy")))

        desk.post(fact(4, "2026-03-30", sample(DealLost)))
        assert difference(flat(desk.lines), worth(desk.applied)) == []

    @pytest.mark.usefixtures("picky")
    def test_a_history_that_a_book_cannot_post_any_more_is_unpostable_too(self) -> None:
        desk = Desk()
        desk.applied = [fact(1, "2026-03-01", sample(DealLost, competitor="Murphy"))]

        desk.ledger.prefetch([("deal", "D-1")])
        with pytest.raises(Unpostable, match="ZeroDivisionError: by Murphy"):
            desk.post(won(2))
        desk.post(won(3, deal_id="D-2"))

        assert {line.entity for line in desk.lines} == {"D-2"}

    def test_a_programmers_error_is_not_taken_for_bad_data(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(book: DealBook, told: Fact) -> list[Posting]:
            raise OSError("disk")

        monkeypatch.setattr(DealBook, "post", broken)
        with pytest.raises(OSError, match="disk"):
            Desk().post(won(1))


class TestDifference:
    """Lines are compared as wholes; what stays the same is not written."""

    LINE: Final = Posting(measure="won", at_ms=0, event=1, dims=NOWHERE, count=1, amount=100, cost=40)

    def test_nothing_changes_nothing(self) -> None:
        assert difference([self.LINE], [self.LINE]) == []

    @pytest.mark.parametrize("field", ["at_ms", "event", "basis_ms", "since_ms", "until_ms", "currency", "local"])
    def test_a_line_that_differs_in_anything_is_another_line(self, field: str) -> None:
        changes: dict[str, Any] = {field: "USD" if field == "currency" else True if field == "local" else 7}
        other = Posting(**{name: getattr(self.LINE, name) for name in Posting.__struct_fields__} | changes)
        assert [line.count for line in difference([self.LINE], [other])] == [-1, 1]

    def test_amounts_are_told_as_their_difference(self) -> None:
        more = Posting(measure="won", at_ms=0, event=1, dims=NOWHERE, count=1, amount=130, cost=40)
        (line,) = difference([self.LINE], [more])
        assert (line.count, line.amount, line.cost) == (0, 30, 0)

    def test_equal_lines_add_up(self) -> None:
        assert [line.count for line in difference([], [self.LINE, self.LINE])] == [2]


class TestAlways:
    """For any events, in any order of arrival."""

    @given(histories(), st.integers(1, 5))
    def test_the_lines_add_up_to_what_the_histories_are_worth(self, events: list[dict[str, Any]], step: int) -> None:
        desk = Desk(step=step)
        desk.post(*journalled(events))
        assert difference(flat(desk.lines), worth(desk.applied)) == []

    @given(histories(), st.integers(1, 5))
    def test_an_event_posted_fast_posts_what_the_difference_of_two_folds_would(
        self, events: list[dict[str, Any]], step: int
    ) -> None:
        desk = Desk(step=step)
        for each in journalled(events):
            before = worth(desk.applied)
            lines = flat(desk.post(each))
            assert difference(lines, difference(before, worth(desk.applied))) == []
            assert all(line.event <= each.position for line in lines)

    @given(histories(("deals", "customers", "worth"), max_size=40), st.integers(1, 4))
    def test_so_it_is_where_all_is_about_one_deal_order_and_customer(
        self, events: list[dict[str, Any]], step: int
    ) -> None:
        """Many late events of one history, one after the other: each finds the copies as those before left them."""
        one = {"deal_id": "D1", "order_id": "O1", "customer_id": "C1"}
        about = [{**each, "data": each["data"] | {k: one[k] for k in one if k in each["data"]}} for each in events]
        desk = Desk(step=step)
        for each in journalled(about):
            before = worth(desk.applied)
            lines = flat(desk.post(each))
            assert difference(lines, difference(before, worth(desk.applied))) == []

    @given(histories(), st.integers(0, 5), st.integers(1, 4), st.integers(1, 5))
    def test_memory_changes_nothing(self, events: list[dict[str, Any]], keep: int, batch: int, step: int) -> None:
        roomy, tight = Desk(), Desk(keep=keep, step=step)
        for number, each in enumerate(journalled(events)):
            if number % batch == 0:
                tight.ledger.trim()
            assert tight.post(each) == roomy.post(each)

    @given(histories(), st.integers(0, 5))
    def test_a_trim_lets_go_of_enough(self, events: list[dict[str, Any]], keep: int) -> None:
        desk = Desk(keep=keep)
        desk.post(*journalled(events))
        desk.ledger.trim()

        held = sorted(key for loaded in desk.loads for key in loaded)
        desk.loads.clear()
        desk.ledger.prefetch(held)
        forgotten = {key for loaded in desk.loads for key in loaded}
        history = [each for each in desk.applied if _entity(each) in set(held) - forgotten]
        voided = {each.data.id for each in desk.applied if isinstance(each.data, EventVoided)}
        assert len([each for each in history if each.id not in voided]) <= keep
