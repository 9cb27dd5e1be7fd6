"""From a part and a question to one SELECT: its text, and the windows of its periods."""

import re

import pytest

from projections.catalogue import BY_ID
from projections.definitions import Definitions
from projections.formula import Part
from projections.listing import Text
from projections.periods import FOREVER, Period, periods
from projections.plan import Select, Span, edges, spans
from projections.question import question
from projections.receipt import Receipts
from tests.projections.golden import QUESTIONS, Recorder, asker, path, text
from tests.projections.telling import ms

HOSTILE = "'; DROP TABLE postings; --"
UTC = Definitions([], timezone="UTC", currency="CNY").calendar


@pytest.mark.parametrize("kpi", QUESTIONS)
def test_the_sql_is_the_one_checked_in(kpi: str) -> None:
    assert path(kpi).read_text("utf-8") == text(kpi), (
        f"the SQL of {kpi} changed; if that is meant, run python -m tests.projections.golden and look at the difference"
    )


@pytest.mark.parametrize("kpi", BY_ID)
def test_nothing_told_by_a_user_stands_in_the_sql(kpi: str) -> None:
    dims = sorted(BY_ID[kpi].dims - {"attributes"}) if not BY_ID[kpi].scoped else [*sorted(BY_ID[kpi].needs), "rep_id"]
    free = ["attributes." + HOSTILE] if "attributes" in BY_ID[kpi].dims else []
    asked = question(kpi, by=free + dims, where=[f"{name}={HOSTILE}" for name in dims + free])
    recorder = Recorder()

    hostile = asker(recorder, tenant=HOSTILE)
    hostile.answer(asked)
    cell = tuple("revenue" if name == "kpi" else HOSTILE for name in asked.by)
    listing = Receipts(hostile, asked).listing(Period("total", *FOREVER), cell)
    text, (left_out, _) = Text(), listing.left_out([1])
    keys = Select(f"SELECT * FROM {{history}} WHERE tenant = {{tenant:String}} AND ({listing.keys(text, None)})", {})
    keys = Select(keys.sql, text.parameters | {"tenant": HOSTILE, "cut": 42})
    for select in (listing.events(), listing.touched(1, 1), listing.reached([1]), left_out, keys):
        if select is not None:
            recorder(select.sql, select.parameters)

    assert recorder.selects
    for sql, parameters in recorder.selects:
        assert "DROP" not in sql
        wanted = set(re.findall(r"\{(\w+):", sql))
        assert wanted <= set(parameters), "every parameter is bound"
        assert "tenant" in wanted, "nobody reads the lines of another tenant"
        assert "cut" in wanted, "nothing is read that was not known"


class TestWindows:
    """Which rows belong to a period."""

    MONTHS = periods("month", ms("2026-01-01"), ms("2026-03-01"), UTC)

    @pytest.mark.parametrize(
        ("window", "expected"),
        [
            ("period", [("2026-01-01", "2026-02-01"), ("2026-02-01", "2026-03-01")]),
            ("start", [("2026-01-01", "2026-02-01"), ("2026-02-01", "2026-03-01")]),
            ("year", [("2025-02-01", "2026-02-01"), ("2025-03-01", "2026-03-01")]),
            ("year_start", [("2025-02-01", "2026-02-01"), ("2025-03-01", "2026-03-01")]),
        ],
    )
    def test_by_kind(self, window: str, expected: list[tuple[str, str]]) -> None:
        part = Part(name="x", window=window)  # type: ignore[arg-type]
        assert spans(part, self.MONTHS, ms("2026-12-31"), UTC) == [Span(ms(start), ms(end)) for start, end in expected]

    def test_what_stands_does_so_at_the_end_or_now_if_that_comes_first(self) -> None:
        now = ms("2026-02-10")
        assert spans(Part(name="x", window="point"), self.MONTHS, now, UTC) == [
            Span(FOREVER[0], ms("2026-02-01")),
            Span(FOREVER[0], now + 1),
        ]

    def test_edges_stand_once_in_order(self) -> None:
        assert edges([Span(3, 9), Span(1, 3), Span(1, 9)]) == [1, 3, 9]
