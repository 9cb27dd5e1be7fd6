"""The book of an order, rule by rule."""

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.orders import OrderPlaced, OrderRefunded
from tests.projections.telling import Told, make, ms, of, posted, short, totals


def placed(day: str, amount: str = "100.00", **told: Any) -> Told:
    return make(OrderPlaced, f"2026-03-{day}", amount=amount, **told)


def refunded(day: str, amount: str, **told: Any) -> Told:
    return make(OrderRefunded, f"2026-03-{day}", amount=amount, **told)


class TestPlaced:
    """An order comes in, once."""

    def test_it_is_a_sale_of_its_own(self) -> None:
        assert short(posted(placed("02", cost="40.00", customer_id="C-1")), "cost", "currency", "customer") == [
            ("03-02", "order", 1, 10000, 4000, "CNY", "C-1"),
        ]

    def test_one_that_fulfils_a_deal_is_no_sale(self) -> None:
        assert short(posted(placed("02", cost="40.00", deal_id="D-1")), "cost", "deal") == [
            ("03-02", "fulfilment", 1, 10000, 4000, "D-1"),
        ]

    def test_told_again_it_is_the_same_order_and_the_difference_takes_effect_then(self) -> None:
        lines = posted(placed("02", "100.00", cost="40.00"), placed("05", "80.00", cost="30.00"))

        assert totals(lines, "at_ms", "measure") == {
            (ms("2026-03-02"), "order"): (1, 10000, 4000),
            (ms("2026-03-05"), "order"): (0, -2000, -1000),
        }

    def test_told_again_as_a_fulfilment_its_amount_is_no_sale_any_more(self) -> None:
        lines = posted(placed("02"), placed("05", deal_id="D-1"))
        assert totals(lines, "measure") == {("order",): (1, 0, 0), ("fulfilment",): (0, 10000, 0)}

    def test_told_again_in_another_currency(self) -> None:
        lines = posted(placed("02"), placed("05", "12.00", currency="USD"))
        assert totals(lines, "currency") == {("CNY",): (1, 0, 0), ("USD",): (0, 1200, 0)}


class TestRefunded:
    """Money goes back."""

    def test_part_of_it(self) -> None:
        lines = posted(placed("02", rep_id="ana"), refunded("05", "30.00"))
        assert short(lines[1:], "currency", "rep_id") == [("03-05", "refund", 1, 3000, "CNY", "ana")]

    def test_before_the_order_is_told_it_counts(self) -> None:
        lines = posted(refunded("02", "100.00"), placed("05"))
        assert short(lines) == [("03-02", "refund", 1, 10000), ("03-05", "order", 1, 10000)]


def kept(*told: Told) -> dict[tuple[Any, ...], tuple[int, int, int]]:
    """The purchases that the lines tell of: from when up to when."""
    lines = [line for line in posted(*told) if line.measure in ("order", "bought") and line.count]
    return totals([line for line in lines if line.dims.customer], "at_ms", "until_ms")


class TestBought:
    """An order is a purchase of its customer as long as something of it is left."""

    @pytest.mark.parametrize("amounts", [["100.00"], ["60.00", "40.00"], ["150.00"], ["60.00", "60.00"]])
    def test_until_all_of_it_is_refunded(self, amounts: list[str]) -> None:
        refunds = [refunded(f"1{n}", amount) for n, amount in enumerate(amounts)]
        lines = of(posted(placed("02", customer_id="C-1"), *refunds), "order")

        end = ms(f"2026-03-1{len(amounts) - 1}")
        assert [(line.count, line.amount, line.until_ms) for line in lines] == [
            (1, 10000, 0), (-1, -10000, 0), (1, 10000, end),
        ]  # fmt: skip
        assert {(line.at_ms, line.event) for line in lines} == {(ms("2026-03-02"), lines[0].event)}

    def test_beyond_the_order_it_ends_once(self) -> None:
        told = kept(placed("02", customer_id="C-1"), refunded("05", "100.00"), refunded("06", "50.00"))
        assert told == {(ms("2026-03-02"), ms("2026-03-05")): (1, 10000, 0)}

    def test_told_again_with_more_it_is_bought_anew(self) -> None:
        told = kept(placed("02", customer_id="C-1"), refunded("05", "100.00"), placed("07", "120.00"))
        assert told == {(ms("2026-03-02"), ms("2026-03-05")): (1, 10000, 0), (ms("2026-03-07"), 0): (1, 0, 0)}

    def test_told_again_as_a_fulfilment_it_is_the_deals(self) -> None:
        told = kept(placed("02", customer_id="C-1"), placed("05", deal_id="D-1"))
        assert told == {(ms("2026-03-02"), ms("2026-03-05")): (1, 10000, 0)}

    def test_refunded_before_it_was_told_it_was_never_kept(self) -> None:
        told = kept(refunded("02", "100.00"), placed("05", customer_id="C-1"))
        assert told == {(ms("2026-03-05"), ms("2026-03-05")): (1, 10000, 0)}

    @pytest.mark.parametrize(
        "told",
        [
            [placed("02", customer_id="C-1"), refunded("05", "999.00", currency="USD")],
            [placed("02", customer_id="C-1"), refunded("05", "99.99")],
            [placed("02", customer_id="C-1"), placed("05", "80.00")],
        ],
        ids=["another currency", "part of it", "told again"],
    )
    def test_it_goes_on(self, told: list[Told]) -> None:
        assert kept(*told) == {(ms("2026-03-02"), 0): (1, 10000, 0)}

    def test_a_free_order_is_one_when_it_comes_to_be_worth_something(self) -> None:
        told = kept(placed("02", "0", customer_id="C-1"), placed("05", "80.00"))
        assert told == {(ms("2026-03-02"), 0): (1, 0, 0), (ms("2026-03-05"), 0): (1, 0, 0)}


HOUR: Final = st.integers(0, 23).map(lambda hour: f"2026-03-02T{hour:02d}:00")
WHOLE: Final = st.integers(0, 50).map(str)


@given(st.lists(st.tuples(HOUR, WHOLE, st.booleans()), min_size=1, max_size=8))
def test_an_order_is_worth_what_was_last_told_and_counts_once(told: list[tuple[str, str, bool]]) -> None:
    events = [
        make(OrderPlaced, at, amount=amount, customer_id="C-1") if new else make(OrderRefunded, at, amount=amount)
        for at, amount, new in told
    ]
    lines = posted(*events)

    placings = sorted((each for each in told if each[2]), key=lambda each: each[0])
    refunds = sum(int(amount) * 100 for _, amount, new in told if not new)
    assert sum(line.count for line in of(lines, "order")) == min(len(placings), 1)
    assert sum(line.amount for line in of(lines, "order")) == sum(int(amount) * 100 for _, amount, _ in placings[-1:])
    assert sum(line.amount for line in of(lines, "refund")) == refunds
    assert sum(line.count for line in of(lines, "bought") if not line.until_ms) in (0, 1)
