"""Amounts that are not converted, comparisons and the rest of the top rows equal the oracle's, whatever is told."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from projections.catalogue import BY_ID
from projections.question import question
from tests.oracle.answers import ask
from tests.oracle.comparison import differences
from tests.oracle.real_path import Backends, Company
from tests.oracle.window import REST, Query
from tests.projections.strategies import CloudEvent, histories, queries
from tests.projections.test_against_oracle import shared

AMOUNTS = ("bookings", "revenue", "cost", "gross_profit", "gross_margin", "spend", "net_profit", "pipeline_value")
"""KPIs of amounts alone, which can be told apart by currency."""
COMPARED = tuple(kpi for kpi, known in BY_ID.items() if not known.scoped and kpi != "touchpoints_per_rep_day")


def asked(company: Company, query: Query, **more: Any) -> dict[str, Any]:
    """The answer to a query with options that the oracle does not know."""
    where = [f"{name}={value}" for name, values in query.where for value in values]
    told = {"by": query.by, "where": where, "grain": query.grain, "from_": query.from_, "to": query.to}
    told |= {"as_of": query.as_of, "currency": query.currency, "org": query.org, "fx": query.fx}
    return company.books.ask(question(query.kpi, **(told | more)))


@shared(of=4)
@given(events=histories(("money", "deals", "everything")), query=queries(AMOUNTS))
def test_amounts_that_are_not_converted(backends: Backends, events: list[CloudEvent], query: Query) -> None:
    company = backends.company(events)
    query = replace(query, from_="2023", to="2026", grain="quarter", as_of=None, currency=None, fx="none")
    answer = asked(company, query)
    for currency in ("CNY", "USD", "EUR", "JPY"):
        rows = [row for row in answer["rows"] if row["currency"] == currency]
        expected = ask(company.facts(), replace(query, only=currency))
        wrong = differences({"rows": rows, "currency": currency}, expected, query) if rows else []
        assert not wrong, "\n".join([str(query), currency, *wrong])
        assert rows or all(row.is_nothing() for row in expected)


@shared(of=4)
@given(
    events=histories(), query=queries(COMPARED), compare=st.sampled_from([("previous", "2023-12"), ("year", "2023-01")])
)
def test_what_is_compared_with(
    backends: Backends, events: list[CloudEvent], query: Query, compare: tuple[str, str]
) -> None:
    company = backends.company(events)
    query = replace(query, from_="2024-01", to="2024-03", grain="month", as_of=None)
    answer = asked(company, query, compare=compare[0])
    to = "2024-02" if compare[0] == "previous" else "2023-03"
    former = replace(query, from_=compare[1], to=to)
    known = ["reason"] if "reason" not in query.by else []
    rows = [{name: row[name] for name in row if name not in known} | row["before"] for row in answer["rows"]]
    assert not differences({**answer, "rows": rows}, ask(company.facts(), former), former), str(query)
    plain = asked(company, query)["rows"]
    now = [
        {name: value for name, value in row.items() if name not in ("before", "change", "growth")}
        for row in answer["rows"]
    ]
    assert [row for row in plain if row not in now] == [], "what it is compared with changes no row"


@shared(of=4)
@given(events=histories(), query=queries(COMPARED), limit=st.integers(1, 2))
def test_the_rest_of_the_top_rows(backends: Backends, events: list[CloudEvent], query: Query, limit: int) -> None:
    company = backends.company(events)
    by = query.by or (sorted(BY_ID[query.kpi].dims - {"attributes", "currency"})[0],)
    query = replace(query, by=by, from_="2024-01", to="2024-04", grain="month", as_of=None)
    answer = asked(company, query, limit=limit, rest=True)
    rows = [{**row, **dict.fromkeys(by, REST)} if row.get("rest") else row for row in answer["rows"]]
    cells = {tuple(row[name] for name in by) for row in rows}
    top = tuple(sorted((cell for cell in cells if REST not in cell), key=str))
    whole = ask(company.facts(), replace(query, grain="total"))
    left = [row for row in whole if row.cell not in top and isinstance(row.value, Fraction) and row.value > 0]
    assert len(top) == limit or (len(top) < limit and not left), str(query)
    assert not differences({**answer, "rows": rows}, ask(company.facts(), replace(query, top=top)), query), str(query)
