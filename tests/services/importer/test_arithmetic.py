"""Arithmetic is exact, and understands nothing but addition, subtraction and multiplication."""

from decimal import Decimal
from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.importer.arithmetic import Numerals, calculation, first_computed, plain
from services.importer.rounding import Carried, rounded
from services.importer.template import BadRow

DECIMALS = st.decimals(min_value=-(10**12), max_value=10**12, places=9, allow_nan=False, allow_infinity=False)
ROW = {"a": "2", "b": "3.5", "c": "-4", "nothing": "", "Close Date": "7", "word": "seven"}


def computed(text: str) -> str | None:
    """The result over ROW."""
    result = first_computed((calculation(text),), ROW, Numerals())
    return None if result is None else plain(result)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{a}", "2"),
        ("{a} + {b} * {c}", "-12"),
        ("({a} + {b}) * {c}", "-22"),
        ("{a} - {b} - {c}", "2.5"),
        ("-{a} * -{b}", "7"),
        ("1 - 0.25", "0.75"),
        ("{Close Date}*{a}", "14"),
        ("{a} * {nothing}", None),
        ("0.1 + 0.2", "0.3"),
        ("{c} + 4", "0"),
    ],
)
def test_a_calculation_has_the_usual_precedence(text: str, result: str | None) -> None:
    assert computed(text) == result


@pytest.mark.parametrize(
    "text",
    ["", "{a} / {b}", "{a} ** 2", "{a} +", "({a}", "{a})", "{a} {b}", "a", "{}", "1e9", "__import__('os')", "+" * 300],
)
def test_whatever_else_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="; allowed: "):
        calculation(text)


@given(DECIMALS, DECIMALS, DECIMALS)
def test_results_are_exact(a: Decimal, b: Decimal, c: Decimal) -> None:
    row = {"a": format(a, "f"), "b": format(b, "f"), "c": format(c, "f")}
    result = first_computed((calculation("{a} * {b} * (1 - {c}) + {a}"),), row, Numerals())
    assert result is not None
    assert Fraction(result) == Fraction(a) * Fraction(b) * (1 - Fraction(c)) + Fraction(a)


@pytest.mark.parametrize(
    ("numerals", "text", "number"),
    [
        (Numerals(), "1200.50", "1200.50"),
        (Numerals(thousands=","), "1,200.50", "1200.50"),
        (Numerals(thousands=","), "1200.50", "1200.50"),
        (Numerals(thousands=","), "12,34,567", "1234567"),
        (Numerals(point=",", thousands="."), "1.200,50", "1200.50"),
        (Numerals(point=",", thousands=" "), "1 200,50", "1200.50"),
        (Numerals(symbols="$€"), "$1200.50", "1200.50"),
        (Numerals(symbols="$€"), "-$12", "-12"),
        (Numerals(symbols="元"), "1200 元", "1200"),
    ],
)
def test_numbers_are_read_as_the_file_writes_them(numerals: Numerals, text: str, number: str) -> None:
    assert numerals.read(text, "amount") == Decimal(number)


@pytest.mark.parametrize(
    ("numerals", "text"),
    [
        (Numerals(), "1,200.50"),
        (Numerals(), "1e5"),
        (Numerals(), "NaN"),
        (Numerals(), "١٢"),
        (Numerals(thousands=","), "1,5"),
        (Numerals(thousands=","), "1.200,50"),
        (Numerals(point=",", thousands="."), "12.50"),
        (Numerals(point=","), "12.50"),
        (Numerals(symbols="$"), "12 dollars"),
        (Numerals(), "1" * 25),
    ],
)
def test_a_number_written_otherwise_is_refused_not_guessed(numerals: Numerals, text: str) -> None:
    with pytest.raises(BadRow, match="amount is no number; allowed: one written like 12"):
        numerals.read(text, "amount")


def test_too_many_digits_to_be_exact_are_refused() -> None:
    row = {"a": "1" * 24 + "." + "1" * 18}
    with pytest.raises(BadRow, match="too many digits"):
        first_computed((calculation(" * ".join(["{a}"] * 20)),), row, Numerals())


def test_the_first_calculation_that_says_something_counts() -> None:
    both = calculation("{nothing}"), calculation("{a} * {b}")
    assert first_computed(both, ROW, Numerals()) == 7
    assert first_computed(both[:1], ROW, Numerals()) is None
    with pytest.raises(BadRow, match="word is no number"):
        first_computed((calculation("{word}"), *both), ROW, Numerals())


@pytest.mark.parametrize(
    ("amount", "cents"), [("0.005", "0.00"), ("0.015", "0.02"), ("0.0051", "0.01"), ("-0.025", "-0.02")]
)
def test_rounding_is_half_even(amount: str, cents: str) -> None:
    assert rounded(Decimal(amount), 2) == Decimal(cents)


@given(st.lists(DECIMALS, max_size=40), st.sampled_from([0, 2, 3]))
def test_carried_amounts_add_up_and_each_is_near_its_own(amounts: list[Decimal], decimals: int) -> None:
    carried, unit = Carried(), Fraction(1, 10**decimals)
    told = []
    for amount in amounts:
        told.append(carried.rounded("amount", "", amount, decimals))
        carried.settle(accepted=True)
    for exact, sum_told in zip(accumulate(map(Fraction, amounts)), accumulate(map(Fraction, told)), strict=True):
        assert abs(exact - sum_told) <= unit / 2
    assert all(abs(Fraction(one) - Fraction(other)) <= unit for one, other in zip(amounts, told, strict=True))


def test_the_rest_of_a_refused_amount_is_not_carried() -> None:
    carried = Carried()
    carried.rounded("amount", "", Decimal("0.004"), 2)
    carried.settle(accepted=False)
    assert carried.rounded("amount", "", Decimal("0.004"), 2) == 0
    carried.settle(accepted=True)
    assert carried.rounded("amount", "", Decimal("0.004"), 2) == Decimal("0.01")
