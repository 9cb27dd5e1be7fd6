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

    @pytest.mark.parametrize("amounts", [["100.00"], ["60.00", "40.00"], ["150.00"], ["60.00", "60.00"]])
    def test_once_nothing_is_left_the_purchase_is_returned(self, amounts: list[str]) -> None:
        lines = posted(placed("02"), *(refunded(f"1{n}", amount) for n, amount in enumerate(amounts)))

        (returned,) = of(lines, "order_returned")
        assert short([returned]) == [(f"03-1{len(amounts) - 1}", "order_returned", 1, 0)]
        assert returned.since_ms == ms("2026-03-02"), "when that purchase was made"

    def test_beyond_the_order_all_of_it_is_refunded_and_it_is_returned_once(self) -> None:
        lines = posted(placed("02"), refunded("05", "100.00"), refunded("06", "50.00"))
        assert totals(lines[1:], "measure") == {("refund",): (2, 15000, 0), ("order_returned",): (1, 0, 0)}

    def test_in_another_currency_it_does_not_return_the_order(self) -> None:
        assert not of(posted(placed("02"), refunded("05", "999.00", currency="USD")), "order_returned")

    def test_before_the_order_is_told_it_counts_and_returns_the_order_as_it_comes(self) -> None:
        lines = posted(refunded("02", "100.00"), placed("05"))

        assert short(lines) == [
            ("03-02", "refund", 1, 10000),
            ("03-05", "order", 1, 10000),
            ("03-05", "order_returned", 1, 0),
        ]

    def test_a_free_order_is_not_returned_by_nothing(self) -> None:
        assert not of(posted(placed("02", "0"), refunded("05", "0")), "order_returned")


HOUR: Final = st.integers(0, 23).map(lambda hour: f"2026-03-02T{hour:02d}:00")
WHOLE: Final = st.integers(0, 50).map(str)


@given(st.lists(st.tuples(HOUR, WHOLE, st.booleans()), min_size=1, max_size=8))
def test_an_order_is_worth_what_was_last_told_and_counts_once(told: list[tuple[str, str, bool]]) -> None:
    events = [make(OrderPlaced if new else OrderRefunded, at, amount=amount) for at, amount, new in told]
    lines = posted(*events)

    placings = sorted((each for each in told if each[2]), key=lambda each: each[0])
    refunds = sum(int(amount) * 100 for _, amount, new in told if not new)
    assert sum(line.count for line in of(lines, "order")) == min(len(placings), 1)
    assert sum(line.amount for line in of(lines, "order")) == sum(int(amount) * 100 for _, amount, _ in placings[-1:])
    assert sum(line.amount for line in of(lines, "refund")) == refunds
    assert sum(line.count for line in of(lines, "order_returned")) <= len(of(lines, "order"))
