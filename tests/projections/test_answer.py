"""Answers as they leave: rounded here and only here, and readable."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.words import minor
from projections.answer import as_json, definition, people, shown
from projections.ask import Answered, Row
from projections.catalogue import BY_ID, KPIS
from projections.formula import Undefined, Unit, Value
from projections.periods import Period
from projections.question import question


class TestShown:
    """A value in its unit."""

    @pytest.mark.parametrize(
        ("minor_units", "currency", "text"),
        [
            (Fraction(5, 2), "CNY", "0.02"),
            (Fraction(7, 2), "CNY", "0.04"),
            (Fraction(-5, 2), "CNY", "-0.02"),
            (Fraction(-1, 2), "CNY", "0.00"),
            (Fraction(10001, 4), "CNY", "25.00"),
            (Fraction(123456, 1), "CNY", "1234.56"),
            (Fraction(-150, 1), "CNY", "-1.50"),
            (Fraction(5, 2), "JPY", "2"),
            (Fraction(1235, 1), "JPY", "1235"),
            (Fraction(1234567, 1), "KWD", "1234.567"),
            (Fraction(3, 2), "KWD", "0.002"),
            (Fraction(10**30), "CNY", "1" + "0" * 28 + ".00"),
        ],
    )
    def test_money_is_rounded_half_even_to_the_minor_unit(
        self, minor_units: Fraction, currency: str, text: str
    ) -> None:
        assert shown(minor_units, "money", currency) == text

    @pytest.mark.parametrize(
        ("value", "unit", "expected"),
        [
            (Fraction(3), "count", 3),
            (Fraction(86_400_000), "ms", 86_400_000),
            (Fraction(5, 2), "ms", 2.5),
            (Fraction(1, 3), "ratio", 1 / 3),
            (Fraction(1), "ratio", 1.0),
            (Fraction(20), "days", 20.0),
        ],
    )
    def test_counts_are_integers_and_ratios_are_numbers(self, value: Fraction, unit: Unit, expected: object) -> None:
        told = shown(value, unit, "CNY")
        assert told == expected
        assert type(told) is type(expected)

    @pytest.mark.parametrize("unit", ["money", "count", "ratio"])
    def test_what_is_undefined_is_null(self, unit: Unit) -> None:
        assert shown(Undefined("no_data"), unit, "CNY") is None

    @given(st.fractions(), st.sampled_from(["CNY", "KWD", "JPY"]))
    def test_money_is_off_by_half_a_minor_unit_at_most(self, value: Fraction, currency: str) -> None:
        text = shown(value, "money", currency)
        assert isinstance(text, str)
        assert abs(minor(text) - value) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "money", "–"),
        (0.63149, "ratio", "63.15 %"),
        (1, "ratio", "100.00 %"),
        ("1234567.50", "money", "1,234,567.50"),
        ("-1234567.50", "money", "-1,234,567.50"),
        ("-0.50", "money", "-0.50"),
        ("1234567", "money", "1,234,567"),
        ("100000000000000000000.01", "money", "100,000,000,000,000,000,000.01"),
        (1234567, "count", "1,234,567"),
        (51.8, "days", "51.80"),
        (-25, "score", "-25.00"),
    ],
)
def test_people_read(value: Any, unit: str, text: str) -> None:
    assert people(value, unit) == text


class TestJson:
    """The answer of CONTRACT section 3."""

    @staticmethod
    def answered(kpi: str, value: Value, parts: dict[str, Value], **asked: Any) -> Answered:
        told = question(kpi, **asked)
        cell = ("华东",) if told.by else ()
        return Answered(told, "CNY", [Row(Period("2026-03", 0, 1), cell, value, parts)])

    def test_a_ratio_with_its_parts(self) -> None:
        parts: dict[str, Value] = {"won": Fraction(3), "lost": Fraction(2)}
        told = as_json(self.answered("win_rate", Fraction(3, 5), parts, by=["region"]), 42, 1_000)

        assert told == {
            "kpi": "win_rate",
            "variant": None,
            "unit": "ratio",
            "question": {"by": ["region"], "grain": "total", "org": "event", "fx": "day"},
            "definition": definition(BY_ID["win_rate"]),
            "cut": {"position": 42, "recorded": "1970-01-01T00:00:01Z"},
            "rows": [{"period": "2026-03", "region": "华东", "value": 0.6, "parts": {"won": 3, "lost": 2}}],
        }

    def test_money_names_its_currency(self) -> None:
        told = as_json(self.answered("bookings", Fraction(12345), {"bookings": Fraction(12345)}), 42, 1_000)
        assert told["currency"] == "CNY"
        assert told["rows"][0]["value"] == told["rows"][0]["parts"]["bookings"] == "123.45"

    def test_the_reason_why_there_is_no_value_and_what_is_missing(self) -> None:
        missing = Undefined("missing_rate", "USD/CNY")
        (row,) = as_json(self.answered("bookings", missing, {"bookings": missing}), 42, 1_000)["rows"]
        assert row == {
            "period": "2026-03",
            "value": None,
            "parts": {"bookings": None},
            "reason": "missing_rate",
            "missing": "USD/CNY",
        }

    def test_an_empty_ledger_has_no_recorded_time(self) -> None:
        assert as_json(self.answered("bookings", Fraction(0), {"bookings": Fraction(0)}), 0, 0)["cut"] == {
            "position": 0, "recorded": None,
        }  # fmt: skip

    def test_a_definition_says_what_is_computed(self) -> None:
        assert definition(BY_ID["win_rate"])["text"] == (
            "Of the deals closed in the period, the share won. win_rate = won / (won + lost)"
        )

    def test_every_definition_has_a_hash_of_its_own(self) -> None:
        assert len({kpi.hash for kpi in KPIS}) == len(KPIS)
