"""Formulas: exact, undefined as soon as a part is, and spelled out."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.catalogue import BY_ID
from projections.formula import Constant, Formula, Inverse, Part, Undefined, Value

WON, LOST, SPARE = Part(name="won"), Part(name="lost"), Part(name="spare")
NUMBER = st.integers(-(10**30), 10**30).map(Fraction)


def value(formula: Formula, **parts: Value | int) -> Value:
    return formula.value({name: Fraction(told) if isinstance(told, int) else told for name, told in parts.items()})


class TestValue:
    """Exact rational arithmetic."""

    @given(NUMBER, NUMBER)
    def test_operations_lose_no_digit(self, left: Fraction, right: Fraction) -> None:
        assert value(WON + LOST, won=left, lost=right) == left + right
        assert value(WON - LOST, won=left, lost=right) == left - right
        assert value(WON * LOST, won=left, lost=right) == left * right
        assert value(WON / LOST, won=left, lost=right) == (left / right if right else Undefined("zero_denominator"))

    def test_a_third_three_times_is_one(self) -> None:
        assert value(WON / LOST * Constant(number=3), won=1, lost=3) == 1

    def test_nothing_over_nothing_is_undefined(self) -> None:
        assert value(WON / (WON + LOST), won=0, lost=0) == Undefined("zero_denominator")

    @pytest.mark.parametrize(
        "formula", [WON + LOST, LOST + WON, WON - LOST, LOST * WON, WON / LOST, (LOST / WON) + WON]
    )
    def test_what_is_undefined_in_a_part_is_undefined_in_the_whole(self, formula: Formula) -> None:
        missing = Undefined("missing_rate", "USD/CNY")
        assert value(formula, won=missing, lost=1) == missing

    def test_the_first_reason_is_told(self) -> None:
        first, second = Undefined("missing_rate", "USD/CNY"), Undefined("missing_rate", "JPY/CNY")
        assert value(WON + LOST, won=first, lost=second) == first

    @pytest.mark.parametrize(
        ("rate", "expected"),
        [(Fraction(1, 4), 4), (Fraction(0), 7), (Undefined("no_data"), 7)],
        ids=["known", "nothing", "unknown"],
    )
    def test_an_inverse_falls_back(self, rate: Value, expected: int) -> None:
        assert value(Inverse(rate=WON, fallback=SPARE), won=rate, spare=7) == expected


class TestShape:
    """What a formula is made of."""

    def test_parts_are_told_once_in_order_of_appearance(self) -> None:
        assert (WON / (WON + LOST)).parts() == (WON, LOST)
        assert Inverse(rate=WON / LOST, fallback=SPARE).parts() == (WON, LOST, SPARE)
        assert Constant(number=5).parts() == ()

    @pytest.mark.parametrize(
        ("formula", "words"),
        [
            (WON / (WON + LOST), "won / (won + lost)"),
            (WON + LOST + SPARE, "won + lost + spare"),
            ((WON - LOST) / WON, "(won - lost) / won"),
            (WON / LOST / Constant(number=86_400_000), "(won / lost) / 86,400,000"),
            (WON - (LOST - SPARE), "won - (lost - spare)"),
            (Inverse(rate=WON / LOST, fallback=SPARE), "1 / (won / lost), or spare where that is 0 or unknown"),
        ],
    )
    def test_words_can_be_computed_by_hand(self, formula: Formula, words: str) -> None:
        assert formula.words() == words

    @given(NUMBER, NUMBER, NUMBER)
    def test_words_mean_what_is_computed(self, won: Fraction, lost: Fraction, spare: Fraction) -> None:
        parts: dict[str, Any] = {"won": won, "lost": lost, "spare": spare}
        for formula in (WON - (LOST - SPARE), (WON - LOST) - SPARE, WON * (LOST + SPARE), WON + (LOST - SPARE)):
            assert eval(formula.words(), {}, parts) == formula.value(parts)

    @pytest.mark.parametrize("kpi", BY_ID)
    def test_every_kpi_is_computed_from_its_parts(self, kpi: str) -> None:
        parts: dict[str, Value] = {part.name: Fraction(7**place) for place, part in enumerate(BY_ID[kpi].parts)}
        assert isinstance(BY_ID[kpi].formula.value(parts), Fraction)

    def test_an_unknown_operation_is_a_mistake_of_ours(self) -> None:
        with pytest.raises(AssertionError, match="% is no operation"):
            value(Formula("%", (WON, LOST)), won=1, lost=1)
