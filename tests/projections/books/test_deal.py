"""The book of a deal, rule by rule."""

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.deals import DealCreated, DealLost, DealReopened, DealStageMoved, DealUpdated, DealWon
from events.words import minor
from projections.posting import Posting
from tests.projections import telling
from tests.projections.telling import Told, make, ms, of, short, totals

CREATED: Final = make(DealCreated, "2026-03-01", stage="qualified", amount="100.00", rep_id="ana")


def posted(*told: Told) -> list[Posting]:
    """What the deal is worth, without what its cohort became (see TestCohort)."""
    return [line for line in telling.posted(*told) if line.measure != "cohort"]


def moved(day: str, to_stage: str) -> Told:
    return make(DealStageMoved, f"2026-03-{day}", to_stage=to_stage)


def updated(day: str, **told: Any) -> Told:
    return make(DealUpdated, f"2026-03-{day}", **told)


def won(day: str, amount: str = "90.00", **told: Any) -> Told:
    return make(DealWon, f"2026-03-{day}", amount=amount, **told)


def lost(day: str, **told: Any) -> Told:
    return make(DealLost, f"2026-03-{day}", **told)


def reopened(day: str, stage: str = "proposal") -> Told:
    return make(DealReopened, f"2026-03-{day}", stage=stage)


class TestOpen:
    """A deal in the pipeline."""

    def test_a_creation_opens_it_in_its_stage(self) -> None:
        assert short(posted(CREATED), "stage", "outcome", "pipeline", "deal", "rep_id") == [
            ("03-01", "created", 1, 0, "qualified", "", "default", "D-1", "ana"),
            ("03-01", "pipeline", 1, 10000, "qualified", "entered", "default", "D-1", "ana"),
        ]

    def test_a_move_ends_the_visit_and_begins_another(self) -> None:
        left, entered = of(posted(CREATED, moved("05", "proposal")), "pipeline")[1:]

        assert short([left, entered], "stage", "to_stage", "outcome") == [
            ("03-05", "pipeline", -1, -10000, "qualified", "proposal", "moved"),
            ("03-05", "pipeline", 1, 10000, "proposal", "", "entered"),
        ]
        assert left.since_ms == ms("2026-03-01")
        assert entered.since_ms == ms("2026-03-05")
        assert left.basis_ms == ms("2026-03-01"), "what leaves is taken out where it was put in"

    def test_a_move_to_where_it_is_changes_nothing(self) -> None:
        assert posted(CREATED, moved("05", "qualified")) == posted(CREATED)

    @pytest.mark.parametrize("told", [{"stage": "proposal"}, {"pipeline": "partners"}])
    def test_an_update_of_its_stage_or_pipeline_is_a_move(self, told: dict[str, str]) -> None:
        assert [line.dims.outcome for line in posted(CREATED, updated("05", **told))[2:]] == ["moved", "entered"]

    @pytest.mark.parametrize(
        "told",
        [{"amount": "80.00"}, {"amount": "100.00", "currency": "USD"}, {"rep_id": "bo"}, {"probability": "0.3"},
         {"attributes": {"source": "expo"}}],
    )  # fmt: skip
    def test_any_other_change_keeps_the_visit(self, told: dict[str, Any]) -> None:
        left, entered = posted(CREATED, updated("05", **told))[2:]

        assert (left.dims.outcome, entered.dims.outcome) == ("changed", "changed")
        assert left.since_ms == entered.since_ms == ms("2026-03-01")
        assert totals([left], "currency", "rep_id") == {("CNY", "ana"): (-1, -10000, 0)}

    def test_an_update_that_says_nothing_new_changes_nothing(self) -> None:
        assert posted(CREATED, updated("05", amount="100.00", rep_id="ana")) == posted(CREATED)

    def test_told_twice_under_two_ids_it_is_one_deal(self) -> None:
        assert posted(CREATED, CREATED) == posted(CREATED)

    def test_its_own_probability_is_kept_in_millionths(self) -> None:
        assert [line.dims.probability_ppm for line in posted(CREATED, updated("05", probability="0.25"))] == [
            -1, -1, -1, 250_000,
        ]  # fmt: skip

    def test_attributes_add_up(self) -> None:
        lines = posted(CREATED, updated("05", attributes={"b": "1"}), updated("06", attributes={"a": "2"}))
        assert lines[-1].dims.attributes == (("a", "2"), ("b", "1"))

    @pytest.mark.parametrize(
        ("first", "stage", "amount"),
        [
            (moved("01", "proposal"), "proposal", 0),
            (updated("01", amount="5.00"), "", 500),
            (reopened("01"), "proposal", 0),
        ],
    )
    def test_it_exists_from_its_first_event_whatever_that_is(self, first: Told, stage: str, amount: int) -> None:
        assert short(posted(first), "stage") == [
            ("03-01", "created", 1, 0, stage),
            ("03-01", "pipeline", 1, amount, stage),
        ]

    def test_a_creation_that_comes_after_fills_in(self) -> None:
        lines = posted(moved("01", "proposal"), make(DealCreated, "2026-03-02", stage="qualified", amount="7.00"))

        assert totals(lines, "measure", "stage") == {
            ("created", "proposal"): (1, 0, 0),
            ("pipeline", "qualified"): (1, 700, 0),
        }


class TestClosed:
    """A deal won or lost."""

    def test_a_win_leaves_the_pipeline_and_is_booked(self) -> None:
        left, win, bought = posted(CREATED, won("20", "90.00", cost="30.00", customer_id="C-1", region="华东"))[2:]

        assert short([left, win, bought], "outcome", "cost", "customer", "region") == [
            ("03-20", "pipeline", -1, -10000, "won", 0, "", ""),
            ("03-20", "won", 1, 9000, "", 3000, "C-1", "华东"),
            ("03-20", "bought", 1, 0, "", 0, "C-1", "华东"),
        ]
        assert (win.since_ms, win.until_ms) == (ms("2026-03-01"), ms("2026-03-20"))

    def test_a_win_out_of_nowhere_creates_the_deal_then(self) -> None:
        created, win = posted(won("20"))

        assert short([created, win]) == [("03-20", "created", 1, 0), ("03-20", "won", 1, 9000)]
        assert win.since_ms == win.until_ms == ms("2026-03-20")

    def test_a_loss_is_worth_the_amount_and_says_why(self) -> None:
        lines = posted(CREATED, lost("20", reason="price", competitor="them"))

        assert short(lines[2:], "outcome", "reason", "competitor") == [
            ("03-20", "pipeline", -1, -10000, "lost", "", ""),
            ("03-20", "lost", 1, 10000, "", "price", "them"),
        ]

    def test_a_loss_out_of_nowhere_creates_the_deal_then(self) -> None:
        assert short(posted(lost("20"))) == [("03-20", "created", 1, 0), ("03-20", "lost", 1, 0)]

    @pytest.mark.parametrize("again", [won("25"), lost("25")], ids=["won", "lost"])
    def test_the_same_end_twice_counts_once(self, again: Told) -> None:
        first = (again[0].replace("25", "20"), again[1])
        assert posted(first, again) == posted(first)

    @pytest.mark.parametrize("change", [moved("25", "proposal"), updated("25", rep_id="bo")], ids=["stage", "owner"])
    @pytest.mark.parametrize("end", [won("20"), lost("20")], ids=["won", "lost"])
    def test_a_stage_or_owner_told_after_the_end_moves_nothing(self, end: Told, change: Told) -> None:
        assert posted(CREATED, end, change) == posted(CREATED, end)

    def test_a_lost_deal_keeps_the_value_it_was_lost_at(self) -> None:
        assert posted(CREATED, lost("20"), updated("25", amount="1.00")) == posted(CREATED, lost("20"))


class TestCorrected:
    """An amount or cost told after the win posts the difference, then."""

    def test_a_new_amount(self) -> None:
        line = posted(won("20", "90.00"), updated("25", amount="70.00"))[-1]

        assert short([line], "outcome", "currency") == [("03-25", "won", 0, -2000, "corrected", "CNY")]
        assert line.until_ms == ms("2026-03-20"), "it belongs to the win of the 20th"

    def test_a_win_told_again_with_another_amount_and_cost(self) -> None:
        lines = posted(won("20", "90.00", cost="30.00"), won("25", "95.00", cost="20.00"))
        assert short(lines[2:], "cost") == [("03-25", "won", 0, 500, -1000)]

    def test_a_cost_keeps_the_currency_it_was_told_in(self) -> None:
        lines = posted(won("20", "90.00", cost="30.00"), updated("25", amount="9000", currency="JPY"))

        assert totals(of(lines, "won"), "currency") == {("CNY",): (1, 0, 3000), ("JPY",): (0, 9000, 0)}

    def test_another_currency_takes_one_amount_out_and_puts_the_other_in(self) -> None:
        lines = posted(won("20", "90.00"), updated("25", amount="12.00", currency="USD"))

        assert short(lines[2:], "currency") == [
            ("03-25", "won", 0, -9000, "CNY"),
            ("03-25", "won", 0, 1200, "USD"),
        ]

    def test_a_currency_without_decimals(self) -> None:
        lines = posted(won("20", "9000", currency="JPY"), updated("25", amount="8000", currency="JPY"))
        assert short(lines[2:], "currency") == [("03-25", "won", 0, -1000, "JPY")]

    def test_what_is_taken_back_later_is_the_corrected_amount(self) -> None:
        lines = posted(won("20", "90.00"), updated("25", amount="70.00"), reopened("28"))
        assert totals(of(lines, "won"), "currency") == {}


class TestBought:
    """A win above nothing is a purchase of its customer until it is taken back."""

    @pytest.mark.parametrize(
        "end",
        [reopened("25"), lost("25"), updated("25", amount="0"), won("25", "0")],
        ids=["reopened", "lost", "corrected to nothing", "won for nothing"],
    )
    def test_it_ends_with_the_win(self, end: Told) -> None:
        lines = of(posted(CREATED, won("20", "90.00", customer_id="C-1"), end), "bought")
        assert totals(lines, "at_ms", "until_ms") == {(ms("2026-03-20"), ms("2026-03-25")): (1, 0, 0)}

    def test_it_begins_anew_with_the_next_win(self) -> None:
        lines = of(posted(CREATED, won("10", customer_id="C-1"), reopened("15"), won("20")), "bought")
        assert totals(lines, "at_ms", "until_ms") == {
            (ms("2026-03-10"), ms("2026-03-15")): (1, 0, 0),
            (ms("2026-03-20"), 0): (1, 0, 0),
        }

    def test_it_begins_when_the_win_comes_to_be_worth_something(self) -> None:
        lines = of(posted(CREATED, won("10", "0", customer_id="C-1"), updated("15", amount="5.00")), "bought")
        assert totals(lines, "at_ms", "until_ms") == {(ms("2026-03-15"), 0): (1, 0, 0)}

    def test_it_stays_with_who_bought(self) -> None:
        lines = of(posted(CREATED, won("10", customer_id="C-1"), updated("15", customer_id="C-2")), "bought")
        assert totals(lines, "customer") == {("C-1",): (1, 0, 0)}


class TestReopened:
    """Re-opening takes the win or loss back at its own time, as a credit note does."""

    def test_a_win_is_taken_back_and_the_past_stands(self) -> None:
        lines = posted(CREATED, won("20", cost="30.00"), reopened("25", "proposal"))

        assert short(of(lines, "won"), "outcome", "cost", "stage") == [
            ("03-20", "won", 1, 9000, "", 3000, "qualified"),
            ("03-25", "won", -1, -9000, "taken_back", -3000, "proposal"),
        ]
        assert short(lines[-1:], "stage", "outcome") == [("03-25", "pipeline", 1, 9000, "proposal", "entered")]
        assert of(lines, "won")[1].until_ms == ms("2026-03-20"), "the win that it takes back"

    def test_a_loss_is_taken_back_for_the_reason_it_had(self) -> None:
        lines = of(posted(CREATED, lost("20", reason="price"), reopened("25")), "lost")
        assert short(lines, "reason") == [("03-20", "lost", 1, 10000, "price"), ("03-25", "lost", -1, -10000, "price")]

    def test_won_lost_won(self) -> None:
        lines = posted(CREATED, won("10", "90.00"), lost("15", reason="price"), won("20", "80.00"))

        assert short(of(lines, "won", "lost"), "outcome", "reason") == [
            ("03-10", "won", 1, 9000, "", ""),
            ("03-15", "won", -1, -9000, "taken_back", ""),
            ("03-15", "lost", 1, 9000, "", "price"),
            ("03-20", "lost", -1, -9000, "taken_back", "price"),
            ("03-20", "won", 1, 8000, "", ""),
        ]
        assert totals(of(lines, "pipeline"), "stage") == {}

    def test_won_reopened_won_again_counts_once_in_all(self) -> None:
        lines = posted(CREATED, won("10", "90.00"), reopened("15"), won("20", "85.00"))
        assert totals(lines, "measure") == {("created",): (1, 0, 0), ("won",): (1, 8500, 0)}

    def test_the_cycle_that_is_taken_back_is_the_one_that_was_counted(self) -> None:
        first, back = of(posted(CREATED, won("10"), reopened("15")), "won")
        assert (first.since_ms, first.until_ms) == (back.since_ms, back.until_ms)

    def test_an_open_deal_goes_to_the_stage_that_the_reopening_names(self) -> None:
        assert posted(CREATED, reopened("05", "proposal"))[2:] == posted(CREATED, moved("05", "proposal"))[2:]

    def test_an_open_deal_reopened_where_it_is_changes_nothing(self) -> None:
        assert posted(CREATED, reopened("05", "qualified")) == posted(CREATED)


class TestCohort:
    """What became of a deal stands at the moment it was created."""

    @pytest.mark.parametrize(
        ("told", "cohort"),
        [
            ((), {}),
            ((won("20"),), {("03-01", "won"): 1}),
            ((lost("20"),), {("03-01", "lost"): 1}),
            ((won("20"), reopened("25")), {}),
            ((won("20"), reopened("25"), lost("28")), {("03-01", "lost"): 1}),
            ((lost("20"), won("25")), {("03-01", "won"): 1}),
        ],
    )
    def test_it_is_what_stands_now(self, told: tuple[Told, ...], cohort: dict[tuple[str, str], int]) -> None:
        lines = of(telling.posted(CREATED, *told), "cohort")

        found = totals(lines, "at_ms", "event", "outcome", "rep_id", "stage")
        assert found == {
            (ms(f"2026-{day}"), 1, outcome, "ana", "qualified"): (count, 0, 0)
            for (day, outcome), count in cohort.items()
        }


HOUR: Final = st.integers(0, 23).map(lambda hour: f"2026-03-02T{hour:02d}:00")
MONEY: Final = st.sampled_from([{"amount": "0"}, {"amount": "10.01"}, {"amount": "7", "currency": "JPY"}])
STAGE: Final = st.sampled_from(["qualified", "proposal"])
REP: Final = st.sampled_from(["ana", "bo", None])
TOLD: Final = st.one_of(
    st.builds(lambda at, stage, told: make(DealCreated, at, stage=stage, **told), HOUR, STAGE, MONEY),
    st.builds(lambda at, stage: make(DealStageMoved, at, to_stage=stage), HOUR, STAGE),
    st.builds(lambda at, rep, money: make(DealUpdated, at, rep_id=rep, **money), HOUR, REP, MONEY),
    st.builds(lambda at, money: make(DealWon, at, **money), HOUR, MONEY),
    st.builds(lambda at: make(DealLost, at), HOUR),
    st.builds(lambda at, stage: make(DealReopened, at, stage=stage), HOUR, STAGE),
)


class TestAlways:
    """Whatever happens to a deal, in whatever order it is told."""

    @given(st.lists(TOLD, min_size=1, max_size=9))
    def test_it_is_in_one_place_and_worth_what_was_last_told(self, told: list[Told]) -> None:
        lines = posted(*told)
        last = max(enumerate(told), key=lambda each: (each[1][0], each[0]))[1][1]

        where = totals(of(lines, "pipeline", "won", "lost"), "measure")
        assert totals(of(lines, "created"), "measure") == {("created",): (1, 0, 0)}
        assert [counts[0] for counts in where.values()] == [1]
        for line in of(lines, "pipeline", "won"):
            assert line.since_ms <= line.at_ms
        if isinstance(last, DealWon):
            assert won_value(lines) == ({last.currency: minor(last.amount)} if minor(last.amount) else {})

    @given(st.lists(TOLD, min_size=1, max_size=9))
    def test_every_visit_that_ends_was_begun(self, told: list[Told]) -> None:
        standing: dict[str, Posting] = {}
        for line in of(posted(*told), "pipeline"):
            if line.count > 0:
                assert not standing, "one visit at a time"
                standing[line.dims.stage] = line
            else:
                begun = standing.pop(line.dims.stage)
                assert (begun.amount, begun.currency) == (-line.amount, line.currency)
                assert begun.since_ms == line.since_ms <= line.at_ms


def won_value(lines: list[Posting]) -> dict[str, int]:
    """What is booked, by currency, without what adds up to nothing."""
    found = totals(of(lines, "won"), "currency")
    return {currency: amount for (currency,), (_, amount, _) in found.items() if amount}
