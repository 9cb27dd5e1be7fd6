"""What if: reality under no scenario, to the byte; and what follows from each rule."""

from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.activities import TouchpointLogged
from events.corrections import EventVoided
from events.deals import DealCreated, DealReopened, DealUpdated, DealWon
from events.leads import LeadCreated
from events.people import RepAssigned
from events.planning import FxRateSet, PipelineDefined
from events.samples import SOURCE
from events.spend import SpendRecorded
from projections.posting import Dimensions, Posting
from services.replay.credit import shares
from services.replay.digest import history_digest, ledger_digest
from services.replay.scenario import BadScenario, Scenario, read_scenario
from services.replay.whatif import LABEL, whatif
from services.sentences import sentence
from tests.oracle.real_path import Company
from tests.services.processor.stories import deal, story

New = Callable[..., Company]

STAGES = [{"stage": "proposal", "probability": "0.5"}, {"stage": "negotiation", "probability": "0.8"}]
HISTORY = [
    deal(1, PipelineDefined, "p", pipeline="default", stages=STAGES),
    deal(1, FxRateSet, "f", base="USD", quote="CNY", rate="7.1"),
    deal(1, RepAssigned, "r", rep_id="ana", region="E"),
    deal(2, DealCreated, "d1", deal_id="D-1", stage="proposal", amount="100.00", currency="CNY", rep_id="ana"),
    deal(3, DealWon, "d2", deal_id="D-2", amount="10.00", currency="USD", rep_id="ana"),
    deal(3, SpendRecorded, "s", category="events", amount="31.00", period_from="2026-03-01", period_to="2026-04-01"),
]


def run(company: Company, scenario: Scenario, *asked: dict[str, Any]) -> dict[str, Any]:
    workspace: Any = SimpleNamespace(
        journal=company.journal, store=company.store, settings=company.settings,
        books=lambda tenant, store=None: type(company.books)(store or company.store, tenant, company.settings),
    )  # fmt: skip
    return whatif(workspace, company.tenant, scenario, asked)


def values(result: dict[str, Any], by: str | None = None) -> list[Any]:
    (pair,) = result["answers"]
    return [[row["value"] if by is None else (row[by], row["value"]) for row in pair[which]["rows"]] for which in pair]


def test_the_identity_scenario_is_reality_to_the_byte(company: New, monkeypatch: pytest.MonkeyPatch) -> None:
    told, seen = company(story(120)), []
    store = told.store
    drop = store.drop_scratch

    def noting() -> None:
        scratch = store._with_tables("_scratch")
        seen.append(
            [
                (ledger_digest(each, told.tenant, 120), history_digest(each, told.tenant, 120))
                for each in (store, scratch)
            ]
        )
        drop()

    monkeypatch.setattr(store, "drop_scratch", noting)
    result = run(told, Scenario())

    ((live, scratch),) = seen[-1:]
    assert live == scratch
    assert result["changed"] == 0
    assert result["label"] == LABEL == "a re-scoring of what happened, not a prediction"
    assert len(result["answers"]) > 40
    assert all(pair["reality"] == pair["scenario"] for pair in result["answers"])


@pytest.mark.parametrize(
    ("scenario", "asked", "reality", "other"),
    [
        ("probabilities: {default: {proposal: 0.1}}", {"kpi": "weighted_pipeline"}, ["50.00"], ["10.00"]),
        ("rates: {USD/CNY: 8}", {"kpi": "bookings"}, ["71.00"], ["80.00"]),
        ("owners: {ana: bo}", {"kpi": "bookings", "by": ["rep_id"]}, [("ana", "71.00")], [("bo", "71.00")]),
        ("regions: {E: W}", {"kpi": "bookings", "by": ["region"]}, [("E", "71.00")], [("W", "71.00")]),
        (
            "spend_categories: {events: salaries}", {"kpi": "spend", "by": ["category"]},
            [("events", "31.00")], [("salaries", "31.00")],
        ),
    ],
)  # fmt: skip
def test_each_rule_scores_history_anew(
    company: New, scenario: str, asked: dict[str, Any], reality: list[Any], other: list[Any]
) -> None:
    result = run(company(HISTORY), read_scenario(scenario, "x.yaml"), asked)
    assert values(result, next(iter(asked.get("by", [])), None)) == [reality, other]
    assert result["changed"] > 0


CONTACTS = [
    deal(1, LeadCreated, "l", lead_id="L-1", channel="web", campaign="spring"),
    deal(2, DealCreated, "d", deal_id="D-1", lead_id="L-1", amount="100.00", campaign="told", channel="told"),
    deal(3, TouchpointLogged, "t1", lead_id="L-1", rep_id="ana", kind="call", channel="phone", campaign="spring"),
    deal(4, TouchpointLogged, "t2", deal_id="D-1", rep_id="ana", kind="visit", channel="fair"),
    deal(4, TouchpointLogged, "t0", deal_id="D-1", rep_id="ana", kind="call"),
    deal(4, TouchpointLogged, "tv", deal_id="D-1", rep_id="ana", kind="call", channel="voided"),
    deal(4, EventVoided, "v", source=SOURCE, id="tv"),
    deal(5, DealWon, "w", deal_id="D-1", amount="80.00", cost="20.00"),
    deal(6, TouchpointLogged, "t3", deal_id="D-1", rep_id="ana", kind="call", channel="after"),
    deal(5, DealWon, "w2", deal_id="D-2", amount="7.00", channel="told"),
]
"""A deal won after three contacts that say where it came from, and one that nobody was in contact about."""


@pytest.mark.parametrize(
    ("rule", "channels", "won"),
    [
        ("first", [("told", "7.00"), ("web", "80.00")], [("told", 1), ("web", 1)]),
        ("last", [("fair", "80.00"), ("told", "7.00")], [("fair", 1), ("told", 1)]),
        (
            "linear", [("fair", "26.67"), ("phone", "26.67"), ("told", "7.00"), ("web", "26.66")],
            [("fair", 1), ("told", 1)],
        ),
    ],
)  # fmt: skip
def test_a_win_is_credited_to_who_was_in_contact(company: New, rule: str, channels: list[Any], won: list[Any]) -> None:
    asked = [{"kpi": kpi, "by": ["channel"]} for kpi in ("bookings", "deals_won")] + [{"kpi": "bookings"}]
    result = run(company(CONTACTS), read_scenario(f"attribution: {rule}", "x.yaml"), *asked)
    money, count, whole = (
        [(row.get("channel"), row["value"]) for row in pair["scenario"]["rows"]] for pair in result["answers"]
    )
    assert (money, count, whole) == (channels, won, [(None, "87.00")])
    assert (result["changed"], result["credited"]) == (0, 1)


ONE = [each for each in CONTACTS if each["id"] not in ("t1", "t2")]
TOLD = [
    deal(4, TouchpointLogged, "t4", deal_id="D-2", rep_id="ana", kind="call", channel="other"),
    deal(4, TouchpointLogged, "t5", deal_id="D-2", rep_id="ana", kind="call", channel="told"),
    CONTACTS[-1],
]


@pytest.mark.parametrize(
    ("events", "scenario", "asked", "why"),
    [
        (HISTORY, "attribution: first", "bookings", "no win has a contact up to it"),
        (
            [deal(2, TouchpointLogged, "t", deal_id="D-2", rep_id="a", kind="call", channel="told"), CONTACTS[-1]],
            "attribution: linear", "bookings", "so first, last and linear agree",
        ),
        (TOLD, "attribution: last", "bookings", "is told to come from where the rule credits it"),
        (CONTACTS, "attribution: last", "leads_created", "in none of these answers"),
        (HISTORY, "owners: {ana: bo}", "bookings", "in none of these answers"),
        (HISTORY, "owners: {ana: ana}", "bookings", "all was told as the scenario has it"),
        (HISTORY, "discount_cap: 0.5", "bookings", "no win is for less than the cap"),
        (HISTORY, "name: nothing", "bookings", "has no rules"),
    ],
)  # fmt: skip
def test_a_scenario_that_moves_nothing_says_why(
    company: New, events: list[Any], scenario: str, asked: str, why: str
) -> None:
    result = run(company(events), read_scenario(scenario, "x.yaml"), {"kpi": asked, "by": []})
    assert (result["moved"], why in result["why_not"]) == (0, True), result["why_not"]
    assert sentence(result["why_not"]) != result["why_not"]


def test_one_that_moves_something_says_how_many_answers(company: New) -> None:
    asked = {"kpi": "bookings", "by": ["channel"]}
    result = run(company(ONE), Scenario(attribution="first"), asked, {"kpi": "leads_created"})
    assert (result["moved"], result["why_not"]) == (1, None)


def test_what_is_taken_back_is_taken_back_from_who_was_credited(company: New) -> None:
    again = [*CONTACTS, deal(8, DealReopened, "o", deal_id="D-1", stage="proposal")]
    result = run(company(again), Scenario(attribution="linear"), {"kpi": "bookings", "by": ["channel"]})
    (pair,) = result["answers"]
    assert {row["channel"]: row["value"] for row in pair["scenario"]["rows"] if row["value"] != "0.00"} == {
        "told": "7.00"
    }


@given(
    amount=st.integers(-(10**9), 10**9),
    places=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), min_size=1, max_size=9),
)
def test_shares_are_even_and_add_up(amount: int, places: list[tuple[str, str]]) -> None:
    line = Posting(measure="won", at_ms=0, event=1, dims=Dimensions(), count=1, amount=amount, cost=-amount)
    told = shares(line, places)
    assert sum(each.amount for each in told) == amount == -sum(each.cost for each in told)
    assert [each.count for each in told] == [1, *[0] * (len(told) - 1)]
    assert (told[0].dims.channel, told[0].dims.campaign) == places[-1]
    for each in told:
        number = places.count((each.dims.channel, each.dims.campaign))
        assert abs(each.amount * len(places) - amount * number) < number * len(places)


@pytest.mark.parametrize(
    ("cap", "won"),
    [("0.1", "90.00"), ("0.2", "80.00"), ("0.5", "80.00"), ("0", "100.00"), ("0.33333", "80.00"), ("0.19999", "80.01")],
)
def test_no_win_is_for_less_than_a_cap_on_discounts_allows(company: New, cap: str, won: str) -> None:
    told = [
        deal(2, DealCreated, "d", deal_id="D-1", amount="100.00"),
        deal(3, DealUpdated, "u", deal_id="D-1", amount="60.00"),
        deal(5, DealWon, "w", deal_id="D-1", amount="80.00"),
        deal(5, DealWon, "w2", deal_id="D-2", amount="7.00"),
        deal(6, DealCreated, "d3", deal_id="D-3", amount="50.00", currency="USD"),
        deal(7, DealWon, "w3", deal_id="D-3", amount="9.00", currency="CNY"),
    ]
    result = run(company(told), read_scenario(f"discount_cap: {cap}", "x.yaml"), {"kpi": "bookings", "by": ["deal"]})
    reality, scenario = values(result, "deal")
    assert reality == [("D-1", "80.00"), ("D-2", "7.00"), ("D-3", "9.00")]
    assert scenario == [("D-1", won), ("D-2", "7.00"), ("D-3", "9.00")]
    assert result["changed"] == (won != "80.00")


def test_a_correction_after_the_win_is_capped_too(company: New) -> None:
    told = [
        deal(2, DealCreated, "d", deal_id="D-1", amount="100.00"),
        deal(5, DealWon, "w", deal_id="D-1", amount="100.00"),
        deal(6, DealUpdated, "u", deal_id="D-1", amount="60.00"),
    ]
    result = run(company(told), Scenario(discount_cap=Decimal("0.25")), {"kpi": "bookings"})
    assert values(result) == [["60.00"], ["75.00"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rates: {EUR/CNY: 8}", "nothing in the history is about: rates EUR/CNY"),
        ("owners: {zoe: bo}", "nothing in the history is about: owners zoe"),
        ("spend_categories: {events: fun}", "event s is not valid"),
    ],
)
def test_a_rule_that_fits_nothing_is_said(company: New, text: str, words: str) -> None:
    told = company(HISTORY)
    with pytest.raises(BadScenario, match=words):
        run(told, read_scenario(text, "x.yaml"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("discount_cap: 1.5", "x.yaml: discount_cap: .*less than or equal"),
        ("attribution: best", "x.yaml: attribution: .*'first', 'last' or 'linear'"),
        ("colour: red", "x.yaml: colour: .* a scenario has: name, probabilities, rates"),
        ("probabilities: {default: {proposal: 1.2}}", "x.yaml: probabilities.default.proposal: .*less than or equal"),
        ("rates: {USD: 7}", r"x.yaml: rates.USD"),
        ("a: [", "x.yaml is no YAML"),
    ],
)  # fmt: skip
def test_what_is_no_scenario_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadScenario, match=words):
        read_scenario(text, "x.yaml")
