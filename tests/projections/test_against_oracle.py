"""Every answer of the real path equals the oracle's, exactly, whatever is told and asked."""

import os
from dataclasses import replace
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from projections.catalogue import BY_ID
from projections.question import ENTITIES, BadQuestion
from tests.oracle.answers import Row, ask
from tests.oracle.catalogue import FORMULAS, PARTS
from tests.oracle.comparison import differences
from tests.oracle.real_path import Backends
from tests.oracle.window import Query
from tests.projections.strategies import THEME_OF, CloudEvent, histories, queries

DEEP = int(os.environ.get("ORACLE_EXAMPLES", "0"))
"""Examples of a long run; 0: as many as the profile says."""


def shared(of: int) -> settings:
    """One example in ``of`` of those that the profile has."""
    return settings(settings(), max_examples=DEEP or max(settings().max_examples // of, 4))


def test_the_oracle_knows_every_kpi_and_its_parts() -> None:
    assert set(PARTS) == set(FORMULAS) == set(BY_ID)
    assert {kpi: list(parts) for kpi, parts in PARTS.items()} == {
        kpi: [part.name for part in known.parts] for kpi, known in BY_ID.items()
    }


@st.composite
def asked_histories(draw: st.DrawFn) -> tuple[list[CloudEvent], list[Query]]:
    """A history and two questions about it, mostly about what its events have to do with."""
    first = draw(queries())
    theme = THEME_OF.get(first.kpi, "deals")
    kin = tuple(kpi for kpi in BY_ID if THEME_OF.get(kpi, "deals") == theme)
    events = draw(histories(("everything", theme, theme, theme)))
    return events, [first, draw(queries(kin))]


@shared(of=1)
@given(asked=asked_histories())
def test_any_answer_about_any_history(backends: Backends, asked: tuple[list[CloudEvent], list[Query]]) -> None:
    events, questions = asked
    company = backends.company(events)
    facts = company.facts()
    for query in questions:
        try:
            answer = company.ask(query)
        except BadQuestion as refused:
            # Bounds that coincide in the tenant's zone, and positions that the journal has not reached.
            assume(refused.field not in ("from", "to", "as_of"))
            raise
        wrong = differences(answer, ask(facts, query), query)
        assert not wrong, "\n".join([str(query), *wrong])


STANDING = (
    "pipeline_bridge",
    "stalled_deals",
    "sales_velocity",
    "repeat_purchase_rate",
    "pipeline_value",
    "open_deals",
    "weighted_pipeline",
    "clv",
    "clv_to_cac",
    "churn_rate",
    "retention_rate",
)
FLOWS = tuple(kpi for kpi in BY_ID if kpi not in STANDING and kpi != "touchpoints_per_rep_day")


@shared(of=3)
@given(events=histories(), query=queries(FLOWS), grain=st.sampled_from(["month", "quarter", "year"]))
def test_periods_without_bounds_cover_everything(
    backends: Backends, events: list[CloudEvent], query: Query, grain: str
) -> None:
    company = backends.company(events)
    asked = replace(query, grain=grain, from_=None, to=None, as_of=None)
    rows = company.ask(asked)["rows"]
    everything = replace(asked, from_="2020", to="2028")
    known = ask(company.facts(), everything)
    expected = within(known, rows) if BY_ID[query.kpi].scoped else beyond(known, rows)
    assert not differences({**company.ask(asked), "rows": rows}, expected, everything)
    labels = list(dict.fromkeys(row["period"] for row in rows)) if events else []
    every = list(dict.fromkeys(row.period for row in known))
    if ENTITIES & set(asked.by):
        return  # of entities there are only the rows in which there is something
    assert not labels or every[every.index(labels[0]) :][: len(labels)] == labels, "no period is left out in between"


def within(known: list[Row], rows: list[dict[str, Any]]) -> list[Row]:
    """What the oracle knows of the periods of the answer: those of targets reach as far as targets do."""
    told = {row["period"] for row in rows}
    return [row for row in known if row.period in told]


def beyond(known: list[Row], rows: list[dict[str, Any]]) -> list[Row]:
    """What the oracle knows, without the periods of nothing before and after those of the answer."""
    told = {row["period"] for row in rows}
    return [row for row in known if row.period in told or not row.is_nothing()]
