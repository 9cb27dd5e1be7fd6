"""Money is exact: text in, minor units inside, the same text out."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.currencies import EXPONENTS
from events.words import MAX_MINOR, major, minor, minor_text
from tests.events.telling import decoded, won

currencies = st.sampled_from(sorted(EXPONENTS))
amounts = st.integers(0, MAX_MINOR)


@given(amounts, currencies)
def test_minor_units_there_and_back(amount_minor: int, currency: str) -> None:
    text = major(amount_minor, currency)

    assert minor(text) == amount_minor
    assert minor_text(text, currency) == text
    assert Decimal(text) == Decimal(amount_minor).scaleb(-EXPONENTS[currency])


@given(st.integers(-MAX_MINOR, MAX_MINOR), currencies)
def test_a_balance_may_be_negative(amount_minor: int, currency: str) -> None:
    assert minor(major(amount_minor, currency)) == amount_minor
    assert Decimal(major(amount_minor, currency)) == Decimal(amount_minor).scaleb(-EXPONENTS[currency])


@given(amounts, currencies, st.integers(0, 6))
def test_zeros_at_the_ends_change_nothing(amount_minor: int, currency: str, zeros: int) -> None:
    text = major(amount_minor, currency)
    padded = "0" * zeros + (text if "." in text else text + ".0") + "0" * zeros

    assert decoded(won(amount=padded, currency=currency)).digest == decoded(won(amount=text, currency=currency)).digest
    assert (
        minor_text(padded.lstrip("0") if padded.lstrip("0")[0] != "." else "0" + padded.lstrip("0"), currency) == text
    )


@given(amounts, currencies)
def test_a_settled_amount_has_all_its_decimals(amount_minor: int, currency: str) -> None:
    shortest = format(Decimal(major(amount_minor, currency)).normalize(), "f")

    settled = decoded(won(amount=shortest, currency=currency)).data

    assert getattr(settled, "amount") == major(amount_minor, currency)  # noqa: B009 - which event it is, won() knows
    assert minor(settled.amount) == amount_minor  # type: ignore[attr-defined]


@given(st.integers(1, 10**6), currencies)
def test_what_is_finer_than_the_minor_unit_is_refused(finer: int, currency: str) -> None:
    decimals = EXPONENTS[currency]
    text = f"1.{'0' * decimals}{finer}".rstrip("0")

    with pytest.raises(ValueError, match=rf"^has more decimals than {currency} has; allowed: at most {decimals}$"):
        minor_text(text, currency)


def test_the_largest_amount() -> None:
    assert minor_text("10000000000000", "CNY") == "10000000000000.00"
    with pytest.raises(ValueError, match=r"^is too large; allowed: at most 10000000000000\.00 CNY$"):
        minor_text("10000000000000.01", "CNY")


def test_every_kind_of_currency() -> None:
    assert [minor_text("7", currency) for currency in ("JPY", "CNY", "KWD", "CLF")] == ["7", "7.00", "7.000", "7.0000"]
    assert [major(7, currency) for currency in ("JPY", "CNY", "KWD", "CLF")] == ["7", "0.07", "0.007", "0.0007"]
    assert major(-1250, "CNY") == "-12.50"
    assert all(len(code) == 3 and code.isupper() for code in EXPONENTS)
