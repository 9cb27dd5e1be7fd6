"""Targets of the reps of a team, region or manager: which reps are listed, and each with all that is theirs."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.catalogue import BY_ID
from projections.question import BadQuestion, question
from services.changes import changes
from services.receipt import explain
from tests.oracle.answers import ask
from tests.oracle.comparison import differences
from tests.oracle.real_path import Backends, Company
from tests.oracle.telling import event, history
from tests.oracle.window import Query
from tests.projections.strategies import NAMES, CloudEvent, aimed, histories
from tests.projections.test_against_oracle import shared

AIMED = tuple(kpi for kpi, known in BY_ID.items() if known.scoped)
MARCH: Any = {"from_": "2024-03", "to": "2024-04"}
MAY: Any = {"from_": "2024-05", "to": "2024-06"}


def target(rep: str, period: str, value: str) -> Any:
    return event("target.set", "2024-01-01", kpi="bookings", period=period, scope="rep", scope_id=rep, value=value)


def won(day: str, rep: str, amount: str, **told: str) -> Any:
    return event("deal.won", day, deal_id=f"{rep}-{day}", rep_id=rep, amount=amount, **told)


EVENTS = (
    event("rep.assigned", "2024-01-01", rep_id="ann", team_id="North", region="E", manager_id="m1"),
    event("rep.assigned", "2024-01-01", rep_id="ben", team_id="North", region="W", manager_id="m1"),
    event("rep.assigned", "2024-01-01", rep_id="cid", team_id="South", region="W", manager_id="m2"),
    event("rep.assigned", "2024-04-01T00:00:00Z", rep_id="ben", team_id="South", region="W", manager_id="m2"),
    *(target(rep, period, "100") for rep in ("ann", "ben", "cid", "new") for period in ("2024-03", "2024-05")),
    event("target.set", "2024-01-01", kpi="bookings", period="2024-03", scope="team", scope_id="North", value="500"),
    won("2024-03-05", "ann", "50", team_id="South"),
    won("2024-03-06", "ben", "80"),
    won("2024-05-05", "ann", "90"),
    won("2024-05-06", "ben", "20"),
    won("2024-05-07", "cid", "70"),
)


@pytest.fixture
def company(backends: Backends) -> Company:
    return backends.company(history(*EVENTS))


def reached(company: Company, *where: str, kpi: str = "quota_attainment", **asked: Any) -> dict[Any, Any]:
    found = company.books.ask(question(kpi, by=["rep"], where=where, **asked))["rows"]
    return {row["rep_id"]: row["value"] for row in found}


class TestWhoIsListed:
    """Who belongs there at the end of the stretch, or now."""

    def test_the_reps_of_a_team_with_all_that_is_theirs(self, company: Company) -> None:
        assert reached(company, "team=North", **MARCH) == {"ann": 0.5, "ben": 0.8}, "also where the deal says South"
        assert reached(company, "team=South", **MARCH) == {"cid": 0.0}

    def test_where_they_belong_at_the_end_or_now(self, company: Company) -> None:
        assert reached(company, "team=North", **MAY) == {"ann": 0.9}
        assert reached(company, "team=South", **MAY) == {"ben": 0.2, "cid": 0.7}
        assert reached(company, "team=North", org="now", **MARCH) == {"ann": 0.5}
        assert reached(company, "team=North", org="then", **MARCH) == {"ann": 0.5, "ben": 0.8}

    def test_of_regions_and_managers_too_and_of_all_that_are_named(self, company: Company) -> None:
        assert reached(company, "region=W", **MARCH) == {"ben": 0.8, "cid": 0.0}
        assert reached(company, "manager=m1", **MARCH) == {"ann": 0.5, "ben": 0.8}
        assert reached(company, "manager=m1", "region=W", **MARCH) == {"ben": 0.8}
        assert reached(company, "team=North", "team=South", "rep=ben", "rep=cid", **MARCH) == {"ben": 0.8, "cid": 0.0}
        assert reached(company, "team=", **MARCH) == {"new": 0.0}, "an empty value is a missing one"
        assert reached(company, "team=East", **MARCH) == {}

    def test_each_month_of_those_who_are_there_in_the_end(self, company: Company) -> None:
        asked = question(
            "quota_attainment", by=["rep"], where=["team=South"], grain="month", from_="2024-03", to="2024-06"
        )
        found = {(row["period"], row["rep_id"]): row["value"] for row in company.books.ask(asked)["rows"]}
        assert found == {
            ("2024-03", "ben"): 0.8, ("2024-03", "cid"): 0.0, ("2024-04", "ben"): None, ("2024-04", "cid"): None,
            ("2024-05", "ben"): 0.2, ("2024-05", "cid"): 0.7,
        }  # fmt: skip

    def test_one_rep_of_a_team(self, company: Company) -> None:
        def value(*where: str) -> Any:
            (row,) = company.books.ask(question("quota_attainment", where=[*where, "kpi=bookings"], **MARCH))["rows"]
            return row["value"]

        assert value("rep=ben", "team=North") == value("rep=ben") == 0.8
        assert value("team=North") == (80 / 500), (
            "the team's own target, and what was told or filled in to be the team's"
        )

    def test_nobody_has_a_sum_of_nothing(self, company: Company) -> None:
        asked = question("quota_attainment", where=["rep=ben", "team=South", "kpi=bookings"], **MARCH)
        assert company.books.ask(asked)["rows"] == []


class TestWhy:
    """What a rep's number in a team rests on."""

    ASKED = ("rep=ann", "team=South", "kpi=bookings")

    def test_a_receipt_has_the_assignments(self, company: Company) -> None:
        asked = question("quota_attainment", where=["rep=ann", "team=North", "kpi=bookings"], **MARCH)
        found = explain(company.books, asked)["events"]
        assert [(each["type"], each["entity"], each["role"]) for each in found] == [
            ("rep.assigned", "ann", "context"),
            ("target.set", "/crm#e5", "counted"),
            ("deal.won", "ann-2024-03-05", "counted"),
        ]  # fmt: skip

    def test_it_changes_with_the_organisation(self, backends: Backends) -> None:
        company = backends.company(history(*EVENTS))
        moved = event("rep.assigned", "2024-03-15", recorded="2025-07-01T12:00:00Z", rep_id="ann", team_id="South")
        company.tell([{**history(moved)[0], "id": "moved"}]).post()
        asked = question("quota_attainment", where=self.ASKED, **MARCH)
        change = changes(company.books, asked, str(len(EVENTS)), None)
        assert (change["before"]["value"], change["after"]["value"]) == (None, 0.5)
        assert [cause["cause"] for cause in change["causes"]] == ["organisation"]


class TestRefused:
    """In one sentence that says what can be asked."""

    @pytest.mark.parametrize(
        ("by", "where"),
        [
            ((), ["manager=m1"]),
            (["team"], ["manager=m1"]),
            (["team"], ["region=W"]),
            (["team"], ["rep=ben"]),
            (["rep", "team"], []),
            (["rep"], ["product=p1"]),
            (["product"], ["team=North"]),
        ],
    )
    @pytest.mark.parametrize("kpi", AIMED)
    def test_it(self, kpi: str, by: Any, where: list[str]) -> None:
        with pytest.raises(
            BadQuestion, match=r"^by and where name .*; allowed: one of product, .*by rep_id also where"
        ):
            question(kpi, by=by, where=where)

    def test_managers_have_no_targets_of_their_own(self) -> None:
        with pytest.raises(BadQuestion, match="'manager_id' is no dimension of quota_attainment"):
            question("quota_attainment", by=["manager"])


@st.composite
def narrowed(draw: st.DrawFn) -> Query:
    """A question about targets of reps, by where they belong."""
    asked = draw(aimed(draw(st.sampled_from(AIMED)), positions=24))
    by = tuple(dict.fromkeys(("rep_id", *(name for name in asked.by if name == "kpi"))))
    where = [each for each in asked.where if each[0] == "kpi"]
    places = st.lists(st.sampled_from(["team_id", "region", "manager_id"]), min_size=1, max_size=2, unique=True)
    for place in draw(places):
        known = st.lists(st.sampled_from([*NAMES[place], ""]), min_size=1, max_size=2, unique=True)
        where.append((place, tuple(draw(known))))
    if draw(st.booleans()):
        where.append(("rep_id", ("r1",)))
        by = by if draw(st.booleans()) else by[1:]
    return replace(asked, by=by, where=tuple(where))


@shared(of=2)
@given(events=histories(("belonging", "belonging", "targets")), query=narrowed())
def test_whatever_is_told_it_is_what_the_oracle_says(
    backends: Backends, events: list[CloudEvent], query: Query
) -> None:
    company = backends.company(events)
    if query.as_of is not None and query.as_of.isdecimal():
        query = replace(query, as_of=str(min(int(query.as_of), len(company.facts()))))
    wrong = differences(company.ask(query), ask(company.facts(), query), query)
    assert not wrong, "\n".join([str(query), *wrong])
